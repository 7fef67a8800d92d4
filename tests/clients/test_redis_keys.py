"""Keys counted in batches; cached ones removed, and no other."""

import itertools
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.redis_keys import RedisKeys, is_cache_key, prefix_of
from bot.errors import Forbidden, NotConfigured, PermanentError, Unavailable
from bot.settings import RedisSettings
from sandbox.ports import free_port
from tests.servers import NodeQueues


@pytest.fixture
async def keys(redis_url: str) -> AsyncIterator[RedisKeys]:
    client = RedisKeys(RedisSettings(redis_url=SecretStr(redis_url)))
    yield client
    await client.close()


async def silent(_: str) -> None:
    """Tell nobody."""


async def test_counted_by_type_and_prefix(keys: RedisKeys, raw: Redis, node: NodeQueues) -> None:
    await node.ask("add", "nova-email", jobs=[{}, {}, {}])
    await raw.set("session:token=abcdef", "1")
    found = await keys.survey("bull:*")
    assert (found.total, found.looked_at, found.is_partial) == (found.matched + 1, found.total, False)
    assert found.types == {"hash": 4, "string": 1, "list": 1, "stream": 1, "zset": 1}
    assert found.prefixes == {"bull:nova-email:*": 8}
    masked = await keys.survey("session:*")
    assert masked.sample == ["session:token=***"]


async def test_nothing_there(keys: RedisKeys, raw: Redis) -> None:
    assert (await keys.survey("nova:*")).matched == 0
    await raw.set("a", "1")
    assert (await keys.survey("nova:*")).looked_at == 1


async def test_the_time_ends_it_and_is_told(redis_url: str, raw: Redis) -> None:
    await raw.mset({f"a:{number}:b": "1" for number in range(20_000)})
    ticks = itertools.count()
    client = RedisKeys(RedisSettings(redis_url=SecretStr(redis_url)), budget=2, clock=lambda: float(next(ticks)))
    found = await client.survey("*")
    assert found.is_partial
    assert 0 < found.looked_at < found.total == 20_000
    assert len(found.sample) == 10
    await client.close()


async def test_prefixes_are_bounded(keys: RedisKeys, raw: Redis) -> None:
    await raw.mset({f"{number}": "1" for number in range(1000)})
    found = await keys.survey("*")
    assert len(found.prefixes) <= 201
    assert (found.prefixes.total(), found.prefixes["(others)"]) == (1000, 800)


@pytest.mark.parametrize(
    ("key", "prefix"),
    [("a", "a"), ("nova:x", "nova:*"), ("bull:nova-email:1", "bull:nova-email:*"), ("a:b:c:d", "a:b:*")],
)
def test_prefix(key: str, prefix: str) -> None:
    assert prefix_of(key) == prefix


async def test_cached_keys_with_how_long_they_live(keys: RedisKeys, raw: Redis) -> None:
    await raw.set("cache:user:1:profile", "{}", ex=300)
    await raw.set("cache:user:2:profile", "{}", ex=30)
    await raw.set("cache:user:3:profile", "{}")
    await raw.set("cache:user:3:secret:profile", "{}")
    found = await keys.cached("cache:user:*:profile")
    assert (found.matched, found.forever) == (3, 1)
    assert found.counts == {"cache:user:*:profile": 3}
    assert (found.least or 0) <= 30 < (found.most or 0) <= 300


async def test_cleared_is_only_what_is_documented(keys: RedisKeys, raw: Redis, node: NodeQueues) -> None:
    await node.ask("add", "nova-email", jobs=[{}])
    await raw.mset({f"cache:company:{number}:stats": "1" for number in range(2500)})
    await raw.mset({"cache:company:stats": "1", "cache:company:1:other": "1", "cache:other": "1"})
    before = {key for key in await raw.keys() if not is_cache_key(str(key))}
    said = await keys.clear_cache("*", progress=silent)
    assert said == "2,500 keys were removed"
    assert set(await raw.keys()) == before
    assert len(before) > 6
    assert await keys.clear_cache("*", progress=silent) == "no such keys here"


async def test_nothing_is_cleared_where_queues_could_look_so(redis_url: str, raw: Redis) -> None:
    await raw.set("cache:company:1:stats", "1")
    settings = RedisSettings(redis_url=SecretStr(redis_url), queue_prefix="cache:company")
    client = RedisKeys(settings)
    with pytest.raises(PermanentError, match="nothing is removed"):
        await client.clear_cache("cache:company:*:stats", progress=silent)
    assert await raw.exists("cache:company:1:stats") == 1
    await client.close()


async def test_what_is_down_forbidden_or_not_set(redis_url: str, raw: Redis) -> None:
    await raw.execute_command("ACL", "SETUSER", "few", "reset", "on", ">pw", "+ping", "+client", "+dbsize")  # type: ignore[no-untyped-call]
    for url, error in (
        (redis_url.replace("redis://", "redis://few:pw@"), Forbidden),
        (f"redis://127.0.0.1:{free_port()}/0", Unavailable),
    ):
        client = RedisKeys(RedisSettings(redis_url=SecretStr(url)))
        with pytest.raises(error):
            await client.survey("*")
        await client.close()
    with pytest.raises(NotConfigured, match="REDIS_URL"):
        await RedisKeys(RedisSettings()).survey("*")
