from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.bullmq_scripts import Scripts
from bot.clients.failed_jobs import FETCHED, clean, masked_jobs, read_failed
from bot.clients.failed_selection import Chooser, ClusterNames, Selection, Walk, survey
from bot.clients.queue_layout import QueueCounts, QueueSnapshot
from bot.clients.redis_connection import RedisConnection
from bot.errors import Refused
from bot.settings import RedisSettings

KEY = "bull:nova-email"
QUEUE = QueueSnapshot("email", KEY, "bullmq5", QueueCounts())
LATER = 4_000_000_000_000.0


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Redis as the bot is connected to it."""
    connection = RedisConnection(RedisSettings(redis_url=SecretStr(redis_url)))
    yield connection.open()
    await connection.close()


async def write(raw: Redis, jobs: int, name: str = "job", start: int = 0) -> None:
    async with raw.pipeline(transaction=False) as pipeline:
        for number in range(start, start + jobs):
            pipeline.zadd(f"{KEY}:failed", {str(number): 1_700_000_000_000 + number})
            pipeline.hset(f"{KEY}:{number}", mapping={"name": name, "failedReason": "it broke"})
        await pipeline.execute()


async def test_everything_is_counted_without_being_read(raw: Redis, redis: Redis) -> None:
    await write(raw, 10)
    found = await survey(redis, QUEUE, Selection(1_700_000_000_004))
    assert (found.total, found.chosen) == (10, 5)
    assert found.oldest is not None
    assert found.newest is not None
    assert round((found.newest - found.oldest).total_seconds() * 1000) == 4
    assert (await survey(redis, QUEUE, Selection(1))).oldest is None


async def test_of_very_many_every_one_is_looked_at(raw: Redis, redis: Redis) -> None:
    await write(raw, 12_000)
    await write(raw, 50, "later", 12_000)
    found = await survey(redis, QUEUE, Selection(LATER, job="later"))
    assert (found.total, found.chosen) == (12_050, 50)
    assert dict(found.names) == {"job": 12_000, "later": 50}
    assert found.oldest is not None
    assert found.newest is not None
    assert round((found.newest - found.oldest).total_seconds() * 1000) == 49
    (cluster,) = (await survey(redis, QUEUE, Selection(LATER, "none"))).clusters
    assert (await survey(redis, QUEUE, Selection(1_700_000_000_099, cluster))).chosen == 100


async def test_more_than_can_be_looked_at_in_time_are_refused_and_not_guessed(raw: Redis, redis: Redis) -> None:
    await write(raw, 600)
    with pytest.raises(Refused, match="600 failed jobs, of which only the oldest 500 could be looked at") as caught:
        await survey(redis, QUEUE, Selection(LATER, job="job"), seconds=0)
    assert "--older-than" in caught.value.hint


async def test_a_walk_misses_none_when_older_ones_are_removed_meanwhile(raw: Redis, redis: Redis) -> None:
    await write(raw, 10)
    await raw.zadd(f"{KEY}:failed", {"2b": 1_700_000_000_002, "2c": 1_700_000_000_002})
    walk, seen = Walk(redis, KEY, LATER), list[bytes]()
    while found := await walk.look(3):
        seen += [job for job, _ in found]
        walk.go_on(found)
        await raw.zremrangebyrank(f"{KEY}:failed", 0, 0)
    assert sorted(seen) == sorted([b"2b", b"2c", *(str(number).encode() for number in range(10))])


async def test_a_walk_passes_over_what_stays_and_sees_nothing_twice(raw: Redis, redis: Redis) -> None:
    await raw.zadd(f"{KEY}:failed", dict.fromkeys("abcdefgh", 5))
    walk, seen = Walk(redis, KEY, LATER), list[bytes]()
    while found := await walk.look(3):
        seen += [job for job, _ in found]
        gone = {job for job, _ in found if job in b"bdeg"}
        await raw.zrem(f"{KEY}:failed", *gone) if gone else None
        walk.go_on(found, gone)
    assert b"".join(seen) == b"abcdefgh"


@pytest.mark.parametrize(
    "reason",
    [
        "broke after 5 ms",
        "",
        "token=hunter2 for jane@example.org at https://x.example/17",
        "a" * 3_000,
        "12:30 " * 900,
        "n" * (FETCHED + 1),
        "\u00e9" * 5_000,
    ],
)
async def test_a_reason_is_of_the_cluster_that_is_shown(raw: Redis, redis: Redis, reason: str) -> None:
    await raw.zadd(f"{KEY}:failed", {"1": 5})
    await raw.hset(f"{KEY}:1", mapping={"name": "job", "failedReason": reason})
    (job,) = (await read_failed(redis, QueueSnapshot("email", KEY, "bullmq5", QueueCounts(failed=1)))).jobs
    (shown,) = masked_jobs([job])
    chooser = Chooser(redis, await Scripts.load(redis), KEY, Selection(LATER, ClusterNames().of(shown.reason)))
    assert await chooser.of([(b"1", "5")]) == [(b"1", "5")]


async def test_a_job_without_its_hash_is_of_no_cluster_and_of_no_name(raw: Redis, redis: Redis) -> None:
    await raw.hset(f"{KEY}:2", "data", "{}")
    await raw.set(f"{KEY}:3", "no hash")
    await raw.hset(f"{KEY}:4", "atm", "1")
    chooser = Chooser(redis, await Scripts.load(redis), KEY, Selection(LATER, ClusterNames().of("")))
    found = [(job, "5") for job in (b"1", b"2", b"3", b"4")]
    assert await chooser.of(found) == [(b"4", "5")]


def test_clusters_are_named_after_what_errors_have_in_common() -> None:
    names = ClusterNames()
    one, other, third = (names.of(reason) for reason in ("broke after 5 ms", "broke after 9 ms", "broke"))
    assert one == other == ClusterNames().of("broke after 9 ms") != third
    assert len(one) == 8


def test_a_long_error_is_of_one_cluster_however_long_its_numbers_are() -> None:
    reasons = [f"{number} of {number} " + "word " * 120 + f"{number} end" for number in (1, 99_999)]
    assert len({ClusterNames().of(reason) for reason in reasons}) == 1
    assert len({ClusterNames().of(clean(reason)) for reason in reasons}) == 1


@pytest.mark.parametrize("words", [{"until": 5.0, "cluster": "a", "job": "b"}, {"until": 5}])
def test_a_selection_is_a_steps_argument(words: dict[str, float | str]) -> None:
    assert Selection.of({**words}).words == {"cluster": "", "job": "", **words}
