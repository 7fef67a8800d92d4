import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.redis import RedisServer
from bot.errors import Forbidden, NotConfigured, TimedOut, Unavailable, UserError
from bot.settings import RedisSettings
from sandbox.ports import free_port
from tests.servers import redis_server


def server_at(url: str) -> RedisServer:
    ticks = itertools.count()
    return RedisServer(RedisSettings(redis_url=SecretStr(url)), clock=lambda: float(next(ticks)))


@pytest.fixture
async def server(redis_url: str) -> AsyncIterator[RedisServer]:
    client = server_at(redis_url)
    yield client
    await client.close()


async def test_ping_is_in_milliseconds(server: RedisServer) -> None:
    assert await server.ping() == 1000.0


async def test_info(server: RedisServer, raw: Redis) -> None:
    info = await server.info()
    assert info.version == (await raw.info("server"))["redis_version"]
    assert (info.role, info.maxmemory_policy, info.maxmemory) == ("master", "noeviction", 0)
    assert info.used_memory is not None
    assert info.used_memory > 100_000
    assert info.connected_clients is not None
    assert info.connected_clients >= 2
    assert (info.evicted_keys, info.persistence_ok) == (0, True)


async def test_info_tells_of_clients_persistence_and_uptime(server: RedisServer) -> None:
    info = await server.info()
    assert (info.loading, info.appends, info.blocked_clients, info.replicas) == (False, False, 0, ())
    assert (info.maxclients or 0) > 0
    assert (info.uptime, info.changes_since_save, info.fragmentation) != (None, None, None)
    assert info.primary_link is None


async def test_a_snapshot_that_was_never_written_is_none(server: RedisServer, raw: Redis) -> None:
    await raw.config_resetstat()
    if (await raw.info("persistence"))["rdb_saves"] == 0:
        assert (await server.info()).saved_at is None
    await raw.save()
    assert (await server.info()).saved_at is not None


async def test_info_names_the_replicas(server: RedisServer, redis_url: str, tmp_path: Path) -> None:
    primary = urlsplit(redis_url)
    with redis_server(tmp_path) as url:
        async with Redis.from_url(url) as replica:
            await replica.replicaof(primary.hostname, primary.port)
            async with asyncio.timeout(30):
                while not (found := (await server.info()).replicas) or found[0].state != "online":  # noqa: ASYNC110 - Redis does not say when a replica is there
                    await asyncio.sleep(0.05)
            assert found[0].address.endswith(f":{urlsplit(url).port}")
            copy = server_at(url)
            assert ((await copy.info()).role, (await copy.info()).primary_link) == ("slave", "up")
            await copy.close()
            await replica.replicaof("NO", "ONE")


async def test_close_and_open_again(server: RedisServer) -> None:
    await server.ping()
    await server.close()
    await server.ping()


async def test_what_the_rights_hide_is_forbidden(redis_url: str, raw: Redis) -> None:
    await raw.execute_command("ACL", "SETUSER", "watch", "reset", "on", ">pw", "+ping", "+client")  # type: ignore[no-untyped-call]
    server = server_at(redis_url.replace("redis://", "redis://watch:pw@"))
    assert await server.ping() > 0
    with pytest.raises(Forbidden, match="info"):
        await server.info()
    await server.close()


async def test_a_server_that_says_nothing_is_timed_out() -> None:
    talking = set[asyncio.StreamWriter]()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(writer)

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        server = server_at(f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}/0")
        with pytest.raises(TimedOut):
            await server.ping(seconds=0.05)
        await server.close()
        for writer in talking:
            writer.close()
            await writer.wait_closed()


async def test_something_else_on_the_port_is_unavailable() -> None:
    async def web(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(web, "127.0.0.1", 0) as listener:
        server = server_at(f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}/0")
        with pytest.raises(Unavailable):
            await server.ping()
        await server.close()


async def test_a_server_that_is_down_is_unavailable() -> None:
    server = server_at(f"redis://:hunter2@127.0.0.1:{free_port()}/0")
    with pytest.raises(Unavailable, match="Redis: connection refused"):
        await server.ping()


async def test_settings_that_cannot_work_say_so_without_the_password() -> None:
    with pytest.raises(NotConfigured, match="REDIS_URL"):
        await RedisServer(RedisSettings(redis_url=None)).ping()
    with pytest.raises(UserError) as caught:
        await server_at("http://:hunter2@cache").ping()
    assert "hunter2" not in f"{caught.value}{caught.value.hint}"
