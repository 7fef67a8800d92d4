from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bot.clients.redis_keys import RedisKeys
from bot.errors import Refused, Unavailable, UsageError, UserError
from bot.plan import Plan
from bot.reply import Reply
from bot.settings import RedisSettings
from commands.caching_strategy.cache import cache
from tests.commands.said import said


@pytest.fixture
async def keys(redis_settings: RedisSettings) -> AsyncIterator[RedisKeys]:
    client = RedisKeys(redis_settings)
    yield client
    await client.close()


async def silent(_: str) -> None:
    """Tell nobody."""


async def listed(keys: RedisKeys, pattern: str) -> Reply:
    reply = await cache.handler("keys", pattern, keys=keys)
    assert isinstance(reply, Reply)
    return reply


async def clearing(keys: RedisKeys, pattern: str) -> Plan:
    plan = await cache.handler("clear", pattern, keys=keys)
    assert isinstance(plan, Plan)
    return plan


async def test_counted_with_how_long_they_live(keys: RedisKeys, raw: Redis) -> None:
    await raw.set("cache:user:42:profile", "{}", ex=1000)
    await raw.set("cache:company:7:stats", "{}")
    reply = await listed(keys, "cache:*")
    assert reply.title == "2 cached keys"
    text = said(reply)
    assert "1 key, 1 never expire" in text
    assert "1 key, expire in" in text
    assert "/cache clear cache:*" in text


async def test_cleared_and_the_queues_are_as_they_were(keys: RedisKeys, raw: Redis) -> None:
    await raw.set("cache:user:42:profile", "{}", ex=1000)
    before = set(await raw.keys("bull:*"))
    plan = await clearing(keys, "cache:user:{id}:profile")
    assert plan.no_undo
    assert [change.what for change in plan.changes] == ["cache:user:*:profile"]
    await raw.set("cache:user:43:profile", "{}", ex=1000)
    later = await clearing(keys, "cache:user:{id}:profile")
    assert plan.digest("/cache", {}) == later.digest("/cache", {})
    for step in plan.steps:
        assert await keys.clear_cache(str(step.arguments["pattern"]), progress=silent) == "2 keys were removed"
    assert set(await raw.keys()) == before


async def test_no_such_keys_here(keys: RedisKeys) -> None:
    assert (await listed(keys, "cache:company:5:stats")).title == "“cache:company:5:stats”: no such keys here"
    with pytest.raises(UserError, match="no such keys here"):
        await clearing(keys, "cache:*")


@pytest.mark.parametrize(
    "pattern",
    [
        "bull:*",
        "*",
        "cache:**",
        "cache:user:*",
        "cache:user:*:*:profile",
        "cache:user:[0-9]:profile",
        "cache:user::profile",
    ],
)
async def test_only_the_documented_patterns(keys: RedisKeys, pattern: str) -> None:
    with pytest.raises(UsageError, match="none of the documented cache patterns"):
        await clearing(keys, pattern)


async def test_never_where_queues_could_look_so(redis_settings: RedisSettings, raw: Redis) -> None:
    await raw.set("cache:user:42:profile", "{}")
    client = RedisKeys(redis_settings.model_copy(update={"queue_prefix": "cache"}))
    with pytest.raises(Refused, match="QUEUE_PREFIX"):
        await clearing(client, "cache:*")
    await client.close()


async def test_down(dead_redis_settings: RedisSettings) -> None:
    client = RedisKeys(dead_redis_settings)
    with pytest.raises(Unavailable, match="refused"):
        await listed(client, "cache:*")
    await client.close()
