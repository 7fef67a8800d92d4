"""Queues brought to rest, watched, and as they were before when it is given up."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.queue_drain import QueueDrain
from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.errors import PermanentError
from bot.settings import RedisSettings
from sandbox.ports import free_port
from tests.servers import NodeQueues

KEY = "bull:nova-email"
OTHER = "bull:nova-report"
BEGUN = datetime(2026, 7, 1, 9, tzinfo=UTC)


class Given:
    """The drains that were given up."""

    def __init__(self) -> None:
        self.up = set[str]()

    async def is_aborted(self, drain: str) -> bool:
        return drain in self.up


class World:
    """The parts, a clock that goes on by ten seconds a look, and what was said."""

    def __init__(self, url: str) -> None:
        settings = RedisSettings(redis_url=SecretStr(url), queues={"email": "nova-email", "report": "nova-report"})
        self.queues = Queues(settings)
        self.pause = QueuePause(settings, self.queues)
        self.now = BEGUN
        self.said = list[str]()
        self.told = asyncio.Event()
        self.given = Given()
        self.drain = QueueDrain(self.queues, self.pause, self.given, self.clock, interval=0.01)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=5)
        return self.now

    async def tell(self, message: str) -> None:
        self.said.append(message)
        self.told.set()

    async def close(self) -> None:
        await self.pause.close()
        await self.queues.close()


@pytest.fixture
async def world(redis_url: str, raw: Redis) -> AsyncIterator[World]:
    for key in (KEY, OTHER):
        await raw.hset(f"{key}:meta", mapping={"version": "bullmq:5.65.1"})
    running = World(redis_url)
    yield running
    await running.close()


async def test_paused_and_done_when_the_last_job_has_ended(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:active", "a", "b", "c")
    both = ["email", "report"]
    draining = asyncio.create_task(world.drain.pause_and_finish(both, both, 1e9, progress=world.tell))
    await world.told.wait()
    await raw.lpop(f"{KEY}:active")
    while "done in" not in world.said[-1]:
        world.told.clear()
        await world.told.wait()
    assert world.said[-1].startswith("left: email 2, report 0; done in about ")
    await raw.delete(f"{KEY}:active")
    assert await draining == "no job is in work; paused: email, report"
    assert await raw.hget(f"{KEY}:meta", "paused") == await raw.hget(f"{OTHER}:meta", "paused") == "1"


async def test_given_up_it_resumes_only_what_it_paused(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:active", "a")
    await raw.lpush(f"{KEY}:wait", "b")
    await world.pause.pause("report")
    with pytest.raises(PermanentError, match=r"not drained within 60 s.*email 1.*; resumed: email"):
        await world.drain.pause_and_finish(["email", "report"], ["email"], 60, progress=world.tell)
    assert await raw.hget(f"{KEY}:meta", "paused") is None
    assert await raw.lrange(f"{KEY}:wait", 0, -1) == ["b"]
    assert await raw.hget(f"{OTHER}:meta", "paused") == "1"


async def test_somebody_who_resumes_a_queue_aborts_it(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:active", "a")
    both = ["email", "report"]
    draining = asyncio.create_task(world.drain.pause_and_finish(both, both, 1e9, progress=world.tell))
    await world.told.wait()
    await world.pause.resume("report")
    with pytest.raises(PermanentError, match="somebody resumed report; resumed: email, report"):
        await draining
    assert await raw.hget(f"{KEY}:meta", "paused") is None


async def test_aborted_it_resumes_what_it_paused(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:active", "a")
    draining = asyncio.create_task(world.drain.pause_and_finish(["email"], ["email"], 1e9, "d1", progress=world.tell))
    await world.told.wait()
    world.given.up.add("d1")
    with pytest.raises(PermanentError, match="aborted by /resume-queue; resumed: email"):
        await draining
    assert await raw.hget(f"{KEY}:meta", "paused") is None


async def test_aborted_while_nobody_drained_it_pauses_nothing_again(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:active", "a")
    world.given.up.add("d1")
    with pytest.raises(PermanentError, match="aborted by /resume-queue"):
        await world.drain.pause_and_finish(["email"], ["email"], 1e9, "d1", progress=world.tell)
    assert world.said == []
    assert await raw.hget(f"{KEY}:meta", "paused") is None


async def test_begun_again_after_a_crash_it_goes_on(world: World, raw: Redis) -> None:
    await raw.lpush(f"{KEY}:active", "a")
    first = asyncio.create_task(world.drain.pause_and_finish(["email"], ["email"], 1e9, progress=world.tell))
    await world.told.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await raw.hget(f"{KEY}:meta", "paused") == "1"
    await raw.delete(f"{KEY}:active")
    again = await world.drain.pause_and_finish(["email"], ["email"], 1e9, progress=world.tell)
    assert again == "no job is in work; paused: email"


async def test_worked_off_by_nodes_worker(world: World, node: NodeQueues) -> None:
    await node.ask("add", "nova-email", jobs=[{}, {"priority": 1}, {"delay": 3_600_000}])
    draining = asyncio.create_task(world.drain.worked_off(["email"], 1e9, progress=world.tell))
    await world.told.wait()
    assert world.said[0].startswith("left: email 2; too early")
    await node.ask("work", "nova-email", jobs=2)
    assert await draining == "nothing waits or is in work: email"


async def test_of_plain_lists_only_what_waits_is_seen_and_that_is_said(world: World, raw: Redis) -> None:
    await raw.delete(f"{OTHER}:meta")
    await raw.rpush("nova:report:waiting", "1", "2")
    await raw.lpush(f"{KEY}:active", "a")
    draining = asyncio.create_task(world.drain.worked_off(["email", "report"], 1e9, progress=world.tell))
    await world.told.wait()
    assert world.said[0].startswith("left: email 1, report 2 waiting; too early")
    await raw.delete("nova:report:waiting")
    await raw.delete(f"{KEY}:active")
    assert await draining == (
        "nothing waits or is in work: email; nothing waits in report, and what is in work is in no plain list, so that "
        "it is unknown"
    )


async def test_what_cannot_be_seen_is_not_drained(world: World, raw: Redis) -> None:
    await raw.delete(f"{OTHER}:meta")
    with pytest.raises(PermanentError, match=r"not drained.*report unknown; when it is done is unknown"):
        await world.drain.worked_off(["email", "report"], 30, progress=world.tell)


async def test_a_redis_that_is_away_is_waited_for() -> None:
    gone = World(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(
        PermanentError, match=r"cannot be seen at present.*email may still be paused.*/resume-queue email"
    ):
        await gone.drain.pause_and_finish(["email"], ["email"], 30, progress=gone.tell)
    await gone.close()
