"""What the runbook has restarted during an outage, done while the very system is down, to its end."""

import pytest

from sandbox.slack_page import Message
from tests.scenarios import scenes
from tests.scenarios.changing import APPROVE, asked, done
from tests.scenarios.world import PATIENCE, World, labels, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

LATER = 90.0
"""For what ends only when the system is back and the workers have noticed."""


async def approved(world: World, line: str, *words: str) -> Message:
    """Ask for a change and have it approved."""
    card = await asked(world, "operator", line, *words)
    assert APPROVE in labels(card), text(card)
    await world.click("approver", card, APPROVE)
    return card


async def test_redis_is_restarted_while_it_is_down(world: World) -> None:
    first = scenes.uids(world, "redis")
    async with world.fault("redis-down"):
        card = await approved(
            world,
            "/restart redis",
            "Restart redis",
            "Which jobs are in flight is unknown. Redis could not be read: connection refused.",
        )
        card = await world.becomes(card, "Running, step 3 of 3", "cannot be seen at present: ", "onnection refused")
        assert not first & scenes.uids(world, "redis")
        assert "No job is in flight" not in text(card)
    await world.becomes(card, "Done after", "workers connected: email 2", seconds=LATER)


async def test_the_api_is_restarted_while_it_is_down(world: World) -> None:
    first = scenes.uids(world, "novapulse-api")
    async with world.fault("api-down"):
        card = await approved(world, "/restart api", "Restart novapulse-api")
        card = await world.becomes(card, "Running, step 3 of 3", "onnection refused", seconds=LATER)
        assert not first & scenes.uids(world, "novapulse-api")
        assert "healthy: " not in text(card)
    await world.becomes(card, "Done after", "the API says that it is healthy: mongodb up, redis up", seconds=LATER)


async def test_the_api_is_rolled_back_while_it_is_down(world: World) -> None:
    first = scenes.tag(world, "api")
    await scenes.release(world, "2.14.1", "api")
    async with world.fault("api-down"):
        card = await approved(world, "/rollback api", "novapulse-api", "2.14.1", first)
        card = await world.becomes(card, "Running, step 3 of 3", "onnection refused", seconds=LATER)
        assert scenes.tag(world, "api") == first
    await world.becomes(card, "Done after", "the API says that it is healthy", seconds=LATER)
    world.forget_revisions()


async def test_a_variable_is_set_while_redis_is_down_and_the_workers_are_waited_for(world: World) -> None:
    first = scenes.uids(world, "novapulse-worker")
    async with world.fault("redis-down"):
        card = await approved(world, "/set-env worker LOG_LEVEL", "LOG_LEVEL")
        # A worker without Redis is never ready, and those that run are kept until then.
        card = await world.becomes(card, "Running, step 3 of 4", "updated")
        assert first & scenes.uids(world, "novapulse-worker")
    card = await world.becomes(card, "Done after", "workers connected: email 2", seconds=LATER)
    await done(world, await world.press("approver", card, "Undo", "Undoes `"), seconds=LATER)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_setting_with_which_no_worker_starts_is_told_as_it_stands_and_can_be_taken_back(world: World) -> None:
    async with scenes.configured(QUEUE_CONCURRENCY="6")(world) as configured, world.fault("redis-down"):
        card = await approved(world, "/set-concurrency 4", "Set QUEUE_CONCURRENCY from 6 to 4")
        card = await world.becomes(card, "Failed", "step 1, 2, 3 done", "step 5, 6 not begun", seconds=200.0)
        assert "exceeded its progress deadline" in text(card)
        assert labels(card) == ["Undo"]
        assert await configured() == {"QUEUE_CONCURRENCY": "4"}
        back = await world.press("approver", card, "Undo", "Undoes `", "Set QUEUE_CONCURRENCY from 4 to 6")
        await world.click("approver", back, "Cancel my request")
        await world.becomes(back, "Cancelled, nothing was changed")
    assert world.sandbox.cluster is not None
    await world.sandbox.cluster.wait_ready("novapulse-worker", 2, seconds=120.0)


@pytest.mark.parametrize("fault", ["redis-down", "mongo-down"])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/set-concurrency 4", "Up to 8 jobs of each queue at a time, over all workers"),
        ("/set-pool-size 20 5", "MongoDB has to bear up to 100 connections of 5 pods"),
    ],
)
async def test_a_plan_says_nothing_of_a_system_that_is_away(world: World, fault: str, line: str, words: str) -> None:
    before, written = len(world.scaled()), scenes.stored(world, "configmaps", "novapulse-config")
    async with world.fault(fault):
        card = await asked(world, "operator", line, "Waits for approval", words)
        assert not [said for said in ("No job is in flight", "workers connected", "is well") if said in text(card)]
        await world.click("operator", card, "Cancel my request")
        await world.becomes(card, "Cancelled, nothing was changed", seconds=PATIENCE)
    assert len(world.scaled()) == before
    assert scenes.stored(world, "configmaps", "novapulse-config") == written
