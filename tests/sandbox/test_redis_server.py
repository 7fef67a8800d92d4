from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio as redis
from redis.exceptions import ConnectionError as RedisConnectionError

from sandbox.redis_server import RedisServer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path)
    await server.start()
    yield server
    await server.stop()


async def test_what_was_in_it_is_there_again_after_it_was_down(server: RedisServer) -> None:
    before = server.url
    async with redis.Redis.from_url(server.url) as client:
        await client.set("kept", "yes")
        await server.stop()
        with pytest.raises(RedisConnectionError):
            await client.get("kept")
        await server.start()
        assert server.url == before
        assert await client.get("kept") == b"yes"


async def test_it_never_evicts(server: RedisServer) -> None:
    async with redis.Redis.from_url(server.direct_url) as client:
        assert await client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


async def test_slow_is_late_for_everybody_but_the_workers(server: RedisServer) -> None:
    server.slow(on=True)
    async with redis.Redis.from_url(server.url, socket_timeout=0.2, retry=None) as client:
        with pytest.raises(redis.TimeoutError):
            await client.ping()
    async with redis.Redis.from_url(server.direct_url, socket_timeout=2) as client:
        assert await client.ping()
    server.slow(on=False)
    async with redis.Redis.from_url(server.url, socket_timeout=2) as client:
        assert await client.ping()


async def test_stopping_twice_and_starting_twice_is_doing_it_once(server: RedisServer) -> None:
    await server.start()
    await server.stop()
    await server.stop()
