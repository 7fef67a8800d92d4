"""Queues paused, resumed and promoted by the bot, while Node's workers of both versions go on with them."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.errors import PermanentError, Unavailable
from bot.settings import RedisSettings
from sandbox.ports import free_port
from tests.servers import NodeQueues, node_queues

EMAIL = "nova-email"
KEY = "bull:nova-email"
LATER = 4_000_000_000_000.0
HOUR = 3_600_000


@pytest.fixture
def settings(redis_url: str) -> RedisSettings:
    return RedisSettings(redis_url=SecretStr(redis_url), queues={"email": EMAIL})


@pytest.fixture
async def queues(settings: RedisSettings) -> AsyncIterator[Queues]:
    client = Queues(settings)
    yield client
    await client.close()


@pytest.fixture
async def pause(settings: RedisSettings, queues: Queues) -> AsyncIterator[QueuePause]:
    client = QueuePause(settings, queues)
    yield client
    await client.close()


@pytest.fixture(params=["bullmq", "bullmq6"])
async def either(redis_url: str, request: pytest.FixtureRequest) -> AsyncIterator[NodeQueues]:
    async with node_queues(redis_url, request.param) as running:
        yield running


async def silent(_: str) -> None:
    """Tell nobody."""


async def test_paused_and_resumed_nodes_worker_does_every_job_in_order(
    either: NodeQueues, pause: QueuePause, raw: Redis
) -> None:
    await either.ask("add", EMAIL, jobs=[{"jobId": "a"}, {"jobId": "b"}])
    assert await pause.pause("email") == "email is paused"
    assert await pause.pause("email") == "email was paused already"
    await either.ask("add", EMAIL, jobs=[{"jobId": "c"}, {"jobId": "urgent", "priority": 1}])
    assert (await pause.seen_paused(["email"], paused=True)).done
    assert await raw.exists(f"{KEY}:marker") == 0
    assert await pause.resume("email") == "email is resumed"
    assert await pause.resume("email") == "email was not paused"
    assert (await pause.seen_paused(["email"], paused=False)).done
    assert (await either.ask("work", EMAIL, jobs=4))["done"] == ["a", "b", "c", "urgent"]


async def test_a_paused_queue_gives_a_worker_nothing(either: NodeQueues, pause: QueuePause) -> None:
    await either.ask("add", EMAIL, jobs=[{}, {}])
    await pause.pause("email")
    counts = await either.ask("counts", EMAIL)
    assert counts.get("paused", 0) + counts["waiting"] == 2
    await either.ask("resume", EMAIL)
    assert (await either.ask("counts", EMAIL))["waiting"] == 2
    assert len((await either.ask("work", EMAIL, jobs=2))["done"]) == 2


async def test_where_the_jobs_of_a_paused_queue_lie(either: NodeQueues, pause: QueuePause, raw: Redis) -> None:
    await either.ask("add", EMAIL, jobs=[{}])
    await either.ask("pause", EMAIL)
    by_node = sorted([await raw.llen(f"{KEY}:wait"), await raw.llen(f"{KEY}:paused") * 10])
    await either.ask("resume", EMAIL)
    await pause.pause("email")
    assert sorted([await raw.llen(f"{KEY}:wait"), await raw.llen(f"{KEY}:paused") * 10]) == by_node


async def test_resumed_what_node_paused(either: NodeQueues, pause: QueuePause) -> None:
    await either.ask("add", EMAIL, jobs=[{"jobId": "a"}])
    await either.ask("pause", EMAIL)
    assert await pause.resume("email") == "email is resumed"
    assert (await either.ask("work", EMAIL, jobs=1))["done"] == ["a"]


async def test_jobs_in_both_lists_are_kept(either: NodeQueues, pause: QueuePause, raw: Redis) -> None:
    await either.ask("add", EMAIL, jobs=[{"jobId": "old"}, {"jobId": "new"}])
    await raw.rpoplpush(f"{KEY}:wait", f"{KEY}:paused")
    await pause.pause("email")
    await pause.resume("email")
    assert await raw.lrange(f"{KEY}:wait", 0, -1) == ["new", "old"]
    assert len((await either.ask("work", EMAIL, jobs=2))["done"]) == 2


async def test_long_lists_are_moved_in_pieces(pause: QueuePause, raw: Redis) -> None:
    await raw.hset(f"{KEY}:meta", mapping={"version": "bullmq:5.65.1"})
    await raw.lpush(f"{KEY}:paused", "first")
    await raw.lpush(f"{KEY}:wait", *map(str, range(15_000)))
    await pause.pause("email")
    assert (await raw.llen(f"{KEY}:paused"), await raw.llen(f"{KEY}:wait")) == (15_001, 0)
    await raw.lpush(f"{KEY}:wait", "last")
    await pause.resume("email")
    assert (await raw.llen(f"{KEY}:paused"), await raw.llen(f"{KEY}:wait")) == (0, 15_002)


async def test_promoted_jobs_are_done_with_their_priorities(either: NodeQueues, pause: QueuePause, raw: Redis) -> None:
    jobs = [{"jobId": "soon", "delay": HOUR}, {"jobId": "late", "delay": 9 * HOUR}]
    await either.ask("add", EMAIL, jobs=[*jobs, {"jobId": "urgent", "delay": HOUR, "priority": 3}])
    assert await pause.promote("email", LATER, None, progress=silent) == "3 jobs were brought forward"
    assert await raw.zrange(f"{KEY}:prioritized", 0, -1) == ["urgent"]
    assert (await either.ask("work", EMAIL, jobs=3))["done"] == ["soon", "late", "urgent"]
    assert await raw.zcard(f"{KEY}:delayed") == 0


async def test_only_what_is_due_in_time(either: NodeQueues, pause: QueuePause, raw: Redis) -> None:
    await either.ask("add", EMAIL, jobs=[{"jobId": "soon", "delay": HOUR}, {"jobId": "late", "delay": 9 * HOUR}])
    added = float(await raw.hget(f"{KEY}:soon", "timestamp") or 0)
    assert await pause.promote("email", LATER, added + 2 * HOUR, progress=silent) == "1 job was brought forward"
    assert await raw.zrange(f"{KEY}:delayed", 0, -1) == ["late"]


async def test_what_was_added_or_tried_since_stays_delayed(either: NodeQueues, pause: QueuePause, raw: Redis) -> None:
    names = ["a", "new", "b", "tried", "c"]
    await either.ask("add", EMAIL, jobs=[{"jobId": name, "delay": HOUR} for name in names])
    # All of one score: more than the script looks at begin with what it has to leave.
    await raw.zadd(f"{KEY}:delayed", dict.fromkeys(names, 7.0))
    await raw.hset(f"{KEY}:new", "timestamp", int(LATER) + 1)
    await raw.hset(f"{KEY}:tried", "processedOn", int(LATER) + 1)
    assert await pause.promote("email", LATER, None, progress=silent) == "3 jobs were brought forward"
    assert await raw.zrange(f"{KEY}:delayed", 0, -1) == ["new", "tried"]


async def test_many_that_stay_do_not_hide_those_that_go(pause: QueuePause, raw: Redis) -> None:
    await raw.hset(f"{KEY}:meta", mapping={"version": "bullmq:6.7.0"})
    async with raw.pipeline(transaction=False) as pipeline:
        for number in range(1500):
            moment = int(LATER) + 1 if number % 3 else 1
            pipeline.hset(f"{KEY}:{number}", mapping={"timestamp": moment})
            pipeline.zadd(f"{KEY}:delayed", {str(number): number // 700})
        await pipeline.execute()
    assert await pause.promote("email", LATER, None, progress=silent) == "500 jobs were brought forward"
    assert (await raw.zcard(f"{KEY}:delayed"), await raw.llen(f"{KEY}:wait")) == (1000, 500)


async def test_promoted_in_a_paused_queue_they_wait_where_they_are_not_lost(
    either: NodeQueues, pause: QueuePause
) -> None:
    await either.ask("add", EMAIL, jobs=[{"jobId": "a"}, {"jobId": "b", "delay": HOUR}])
    await pause.pause("email")
    await pause.promote("email", LATER, None, progress=silent)
    await either.ask("resume", EMAIL)
    assert (await either.ask("work", EMAIL, jobs=2))["done"] == ["a", "b"]


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"version": "bullmq:7.0.1"}, "5 and 6 are known"),
        ({"opts.maxLenEvents": "10"}, "an unknown version"),
        ({}, "no such keys"),
    ],
)
async def test_what_is_not_known_is_not_touched(
    pause: QueuePause, raw: Redis, meta: dict[str, str], reason: str
) -> None:
    if meta:
        await raw.hset(f"{KEY}:meta", items=[word for pair in meta.items() for word in pair])
        await raw.lpush(f"{KEY}:wait", "a")
    before = set(await raw.keys())
    for change in (pause.pause("email"), pause.resume("email"), pause.promote("email", 1, None, progress=silent)):
        with pytest.raises(PermanentError, match=reason):
            await change
    assert set(await raw.keys()) == before


async def test_plain_lists_know_no_pause(pause: QueuePause, raw: Redis) -> None:
    await raw.lpush("nova:email:waiting", "a")
    with pytest.raises(PermanentError, match="plain lists"):
        await pause.pause("email")


async def test_a_dead_redis_is_unavailable() -> None:
    dead = RedisSettings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0"), queues={"email": EMAIL})
    queues = Queues(dead)
    pause = QueuePause(dead, queues)
    with pytest.raises(Unavailable, match="refused"):
        await pause.pause("email")
    await pause.close()
    await queues.close()


async def test_seen_is_not_so_and_what_is_missing_is_unknown(pause: QueuePause, raw: Redis) -> None:
    assert (await pause.seen_paused(["email"], paused=True)).message == "unknown: email"
    await raw.hset(f"{KEY}:meta", mapping={"version": "bullmq:5.65.1"})
    seen = await pause.seen_paused(["email"], paused=True)
    assert (seen.done, seen.message) == (False, "email is not paused, 0 in work")
