import itertools
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bot.clients.redis_keys import RedisKeys
from bot.dispatch.planner import DEADLINE
from bot.errors import Unavailable
from bot.reply import Level, Reply
from bot.settings import RedisSettings
from commands.redis_outage.redis_keys import redis_keys
from tests.commands.said import said


@pytest.fixture
async def keys(redis_settings: RedisSettings) -> AsyncIterator[RedisKeys]:
    client = RedisKeys(redis_settings)
    yield client
    await client.close()


async def ask(keys: RedisKeys, pattern: str) -> Reply:
    reply = await redis_keys.handler(pattern, keys=keys)
    assert isinstance(reply, Reply)
    return reply


async def test_counted_by_type_and_prefix(keys: RedisKeys, raw: Redis) -> None:
    await raw.lpush("bull:nova-email:wait", "a")
    reply = await ask(keys, "bull:*")
    assert reply.title == "5 keys match “bull:*”"
    text = said(reply)
    assert "hash | 4" in text
    assert "bull:nova-email:* | 2" in text
    assert "Looked at all 5 keys." in text


async def test_the_runbooks_pattern_finds_nothing_and_what_is_there_is_shown(keys: RedisKeys) -> None:
    reply = await ask(keys, "nova:*")
    assert (reply.title, reply.level) == ("“nova:*”: no such keys here", Level.INFO)
    assert "bull:nova-email:* | 1" in said(reply)


async def test_a_part_of_them_is_no_all_clear(redis_settings: RedisSettings, raw: Redis) -> None:
    await raw.mset({f"a:{number}": "1" for number in range(5000)})
    hurried = RedisKeys(redis_settings, budget=-1)
    reply = await ask(hurried, "nothing:*")
    assert (reply.title, reply.level) == ("“nothing:*”: none was found so far", Level.UNKNOWN)
    assert "the time was over" in said(reply)
    await hurried.close()


async def test_very_many_keys_are_answered_within_the_time_of_a_command(
    redis_settings: RedisSettings, raw: Redis
) -> None:
    await raw.mset({f"a:{number}": "1" for number in range(30_000)})
    seconds = itertools.count()
    slow = RedisKeys(redis_settings, clock=lambda: float(next(seconds)))
    text = said(await ask(slow, "nothing:*"))
    assert next(seconds) < DEADLINE
    assert "What there is instead (of about 6,000 keys that were looked at):" in text
    await slow.close()


async def test_more_prefixes_than_are_shown(keys: RedisKeys, raw: Redis) -> None:
    await raw.mset({f"p{number}:x": "1" for number in range(50)})
    assert "34 more | 34" in said(await ask(keys, "*"))


async def test_down(dead_redis_settings: RedisSettings) -> None:
    client = RedisKeys(dead_redis_settings)
    with pytest.raises(Unavailable, match="refused"):
        await ask(client, "*")
    await client.close()
