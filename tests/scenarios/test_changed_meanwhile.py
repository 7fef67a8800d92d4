"""Somebody else changes what a plan relies on before it is approved: nothing is done, and the card says what moved."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.scenarios.world import World, labels, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

# The first does it, the second takes it back.
Meanwhile = tuple[Callable[[World], Awaitable[object]], Callable[[World], Awaitable[object]]]


def paused(queue: str) -> Meanwhile:
    async def pause(world: World) -> None:
        async with world.redis() as redis:
            await redis.hset(f"bull:nova-{queue}:meta", "paused", "1")

    async def resume(world: World) -> None:
        async with world.redis() as redis:
            await redis.hdel(f"bull:nova-{queue}:meta", "paused")

    return pause, resume


def configured(name: str, value: str) -> Meanwhile:
    def setting(world: World, change: Callable[[dict[str, str]], None]) -> None:
        assert world.sandbox.cluster is not None
        store = world.sandbox.cluster.store
        store.change("configmaps", "novapulse", "novapulse-config", lambda found: change(found["data"]))

    async def change(world: World) -> None:
        setting(world, lambda data: data.update({name: value}))

    async def back(world: World) -> None:
        setting(world, lambda data: data.__delitem__(name))

    return change, back


def scaled(to: int) -> Meanwhile:
    return (lambda world: world.replicas(to)), (lambda world: world.replicas(2))


def index(name: str) -> Meanwhile:
    kept: list[Any] = []

    async def drop(world: World) -> None:
        assert world.sandbox.mongo is not None
        indexes = world.sandbox.mongo.commands.indexes
        kept[:] = [one for one in indexes.of("webhooklogs") if one["name"] == name]
        indexes.drop({"dropIndexes": "webhooklogs", "index": name})

    async def make(world: World) -> None:
        assert world.sandbox.mongo is not None
        world.sandbox.mongo.commands.indexes.make({"createIndexes": "webhooklogs", "indexes": kept})

    return drop, make


def released(tag: str) -> Meanwhile:
    def image(world: World, wanted: str) -> None:
        assert world.sandbox.cluster is not None
        store = world.sandbox.cluster.store
        store.change(
            "deployments",
            "novapulse",
            "novapulse-worker",
            lambda found: found["spec"]["template"]["spec"]["containers"][0].update(image=wanted),
        )

    async def release(world: World) -> None:
        image(world, f"registry.novapulse.example/worker:{tag}")

    async def back(world: World) -> None:
        image(world, "registry.novapulse.example/worker:2.14.0")
        await world.replicas(2)

    return release, back


CASES: dict[str, tuple[str, Meanwhile]] = {
    "/pause-queue report": ("report", paused("report")),
    "/drain-queues workflow": ("workflow", paused("workflow")),
    "/set-concurrency 4": ("QUEUE_CONCURRENCY", configured("QUEUE_CONCURRENCY", "7")),
    "/set-pool-size 20 5": ("MONGO_MAX_POOL_SIZE", configured("MONGO_MAX_POOL_SIZE", "50")),
    "/force-restart-workers": ("pod", scaled(3)),
    "/scale-workers 5": ("replicas was 2, is now 3", scaled(3)),
    "/rebuild-indexes webhooklogs": ("webhookId_1_createdAt_-1", index("webhookId_1_createdAt_-1")),
}


@pytest.mark.parametrize("line", CASES)
async def test_nothing_is_done_when_something_moved(world: World, line: str) -> None:
    words, (change, back) = CASES[line]
    card = await world.plan(line)
    await change(world)
    before = len(world.scaled())
    try:
        await world.click("approver", card, "Approve")
        stale = await world.becomes(card, "nothing was changed", words)
        assert labels(stale) == ["Plan again"], text(stale)
        assert len(world.scaled()) == before
    finally:
        await back(world)


async def test_a_queue_that_was_resumed_meanwhile_is_not_resumed_again(world: World) -> None:
    pause, resume = paused("report")
    await pause(world)
    card = await world.plan("/resume-queue report")
    await resume(world)
    await world.click("approver", card, "Approve")
    stale = await world.becomes(card, "nothing was changed", "Not paused: report.")
    assert labels(stale) == ["Plan again"]


async def test_a_release_made_meanwhile_is_not_rolled_back(world: World) -> None:
    release, back = released("2.14.1")
    again, _ = released("2.14.2")
    await release(world)
    card = await world.plan("/rollback worker")
    assert "2.14.0" in text(card)
    await again(world)
    before = len(world.scaled())
    try:
        await world.click("approver", card, "Approve")
        stale = await world.becomes(card, "nothing was changed", "What is different now")
        assert labels(stale) == ["Plan again"]
        assert len(world.scaled()) == before
    finally:
        await back(world)
