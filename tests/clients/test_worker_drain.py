"""The workers scaled to nothing once their queues are worked off, and back as they were when it is given up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue, SecretStr
from redis.asyncio import Redis

from bot.clients.cluster_state import DeploymentState
from bot.clients.queue_drain import QueueDrain
from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.clients.worker_drain import WorkerDrain
from bot.errors import PermanentError, Unavailable
from bot.plan import Progress
from bot.settings import RedisSettings

KEY = "bull:nova-email"
BEGUN = datetime(2026, 7, 1, 9, tzinfo=UTC)


class Workers:
    """A deployment of two workers, which end as soon as they are told to, unless they are held up."""

    def __init__(self) -> None:
        self.replicas = 2
        self.calls = list[int]()
        self.held_up = False
        self.down = 0  # so many calls are not answered

    async def deployment(self, role: str) -> DeploymentState:
        assert role == "worker"
        self._answer()
        return DeploymentState(
            name="novapulse-worker",
            uid="u1",
            resource_version="1",
            replicas=self.replicas,
            **dict.fromkeys(("total", "ready", "updated", "available", "unavailable"), 0),
            generation=1,
            observed_generation=1,
            revision=None,
            image="",
            paused=False,
            conditions=(),
        )

    async def scale(self, role: str, replicas: int, expect_uid: str = "") -> dict[str, JsonValue]:
        assert (role, expect_uid) == ("worker", "u1")
        self._answer()
        self.calls.append(replicas)
        self.replicas = replicas
        return {"changed": True}

    async def pods_ready(self, role: str, replicas: int) -> Progress:
        assert (role, replicas) == ("worker", 0)
        self._answer()
        return Progress(done=self.replicas == 0 and not self.held_up, message="2 more than wanted")

    def _answer(self) -> None:
        if self.down:
            self.down -= 1
            raise Unavailable("Kubernetes", "connection refused")


class World:
    """The parts, a clock that goes on by a few seconds a look, and what was said."""

    def __init__(self, url: str) -> None:
        settings = RedisSettings(redis_url=SecretStr(url), queues={"email": "nova-email"})
        self.queues, self.workers = Queues(settings), Workers()
        self.pause = QueuePause(settings, self.queues)
        self.now, self.given_up = BEGUN, set[str]()
        self.draining: asyncio.Task[str] | None = None
        self.said, self.told = list[str](), asyncio.Event()
        drain = QueueDrain(self.queues, self.pause, self, self.clock, interval=0.01)
        self.drain = WorkerDrain(drain, self.workers, self, self.clock, interval=0.01)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=5)
        return self.now

    async def is_aborted(self, drain: str) -> bool:
        return drain in self.given_up

    async def tell(self, message: str) -> None:
        self.said.append(message)
        self.told.set()

    async def until_told(self, words: str) -> None:
        while not any(words in message for message in self.said):
            self.told.clear()
            await self.told.wait()

    def start(self, within: float = 1e9) -> asyncio.Task[str]:
        return asyncio.create_task(self.drain.work_off_and_scale(["email"], within, 2, "u1", "d1", progress=self.tell))

    async def close(self) -> None:
        await self.pause.close()
        await self.queues.close()


@pytest.fixture
async def world(redis_url: str, raw: Redis) -> AsyncIterator[World]:
    await raw.hset(f"{KEY}:meta", mapping={"version": "bullmq:5.65.1"})
    running = World(redis_url)
    yield running
    await running.close()


async def test_worked_off_and_then_no_worker_is_left(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:wait", "a")
    draining = world.start()
    await world.until_told("left: email 1")
    assert world.workers.calls == []
    await raw.delete(f"{KEY}:wait")
    assert await draining == "nothing waits or is in work: email; no worker is left"
    assert world.workers.calls == [0]


async def test_aborted_while_the_queues_are_worked_off_nothing_was_changed(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:wait", "a")
    draining = world.start()
    await world.until_told("left: email 1")
    world.given_up.add("d1")
    with pytest.raises(PermanentError, match="aborted by /resume-queue; the workers were left as they are, 2"):
        await draining
    assert world.workers.calls == []


async def test_aborted_while_the_workers_end_they_are_as_they_were(world: World) -> None:
    world.workers.held_up = True
    draining = world.start()
    await world.until_told("the workers end: 2 more than wanted")
    world.given_up.add("d1")
    with pytest.raises(PermanentError, match="aborted by /resume-queue; scaled back to 2 workers"):
        await draining
    assert world.workers.calls == [0, 2]


async def test_workers_that_do_not_end_and_queues_that_are_not_worked_off_give_it_up(world: World, raw: Redis) -> None:
    world.workers.held_up = True
    with pytest.raises(PermanentError, match=r"have not ended within about 10 min.*; scaled back to 2 workers"):
        await world.start()
    await raw.lpush(f"{KEY}:wait", "a")
    with pytest.raises(PermanentError, match=r"not drained within 60 s.*; the workers were left as they are, 2"):
        await world.start(60)


async def test_begun_again_after_a_crash_it_does_not_wait_for_what_nobody_works_off(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:wait", "added since")
    world.workers.replicas = 0
    assert await world.start() == "worked off before: email; no worker is left"
    world.given_up.add("d1")
    with pytest.raises(PermanentError, match="scaled back to 2 workers"):
        await world.start()


async def test_what_somebody_else_scaled_meanwhile_is_left(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:wait", "a")
    draining = world.start()
    await world.until_told("left: email 1")
    world.workers.replicas = 5
    world.given_up.add("d1")
    with pytest.raises(PermanentError, match="the workers were left as they are, 5"):
        await draining


async def test_a_cluster_that_is_away_for_a_while_is_waited_for(world: World) -> None:
    world.workers.held_up = True
    draining = world.start()
    await world.until_told("the workers end")
    world.workers.down = 3
    await world.until_told("cannot be seen at present: Kubernetes: connection refused")
    world.workers.held_up = False
    assert (await draining).startswith("nothing waits")


async def test_what_cannot_be_put_back_is_said_with_the_command_that_does(world: World) -> None:
    world.workers.held_up = True
    draining = world.start()
    await world.until_told("the workers end")
    world.workers.down = 10_000
    world.given_up.add("d1")
    with pytest.raises(PermanentError, match=r"may still be scaled to 0 \(Kubernetes.*: /scale-workers 2"):
        await draining
