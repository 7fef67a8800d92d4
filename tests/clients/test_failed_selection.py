from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.failed_jobs import FailedJob
from bot.clients.failed_selection import LOOKED_AT, Selection, cluster_of, survey
from bot.clients.queue_layout import QueueCounts, QueueSnapshot
from bot.clients.redis_connection import RedisConnection
from bot.log_grouping import GroupKeys
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
    assert (found.total, found.chosen, found.is_partial) == (10, 5, False)
    assert found.oldest is not None
    assert found.newest is not None
    assert round((found.newest - found.oldest).total_seconds() * 1000) == 4
    assert (await survey(redis, QUEUE, Selection(1))).oldest is None


async def test_of_very_many_only_the_oldest_are_looked_at_and_meant(raw: Redis, redis: Redis) -> None:
    await write(raw, LOOKED_AT)
    await write(raw, 50, "later", LOOKED_AT)
    found = await survey(redis, QUEUE, Selection(LATER, job="job"))
    assert (found.total, found.chosen, found.is_partial) == (LOOKED_AT + 50, LOOKED_AT, True)
    assert found.until == 1_700_000_000_000 + LOOKED_AT - 1


def test_clusters_are_named_after_what_errors_have_in_common() -> None:
    keys = GroupKeys()
    one, other, third = (
        FailedJob("job", reason, 1, None) for reason in ("broke after 5 ms", "broke after 9 ms", "broke")
    )
    assert cluster_of(one, keys) == cluster_of(other, GroupKeys()) != cluster_of(third, keys)
    assert len(cluster_of(one, keys)) == 8


@pytest.mark.parametrize("words", [{"until": 5.0, "cluster": "a", "job": "b"}, {"until": 5}])
def test_a_selection_is_a_steps_argument(words: dict[str, float | str]) -> None:
    assert Selection.of({**words}).words == {"cluster": "", "job": "", **words}
