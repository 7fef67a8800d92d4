from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.redis import RedisServer
from bot.errors import NotConfigured
from bot.reply import Level, Reply
from bot.settings import RedisSettings
from bot.stores.samples import Samples
from commands.redis_outage.redis_status import redis_status
from tests.commands.said import line, said
from tests.servers import redis_server


async def ask(redis: RedisServer, samples: Samples, now: datetime | None = None) -> Reply:
    reply = await redis_status.handler(redis=redis, samples=samples, now=now or datetime.now(UTC))
    assert isinstance(reply, Reply)
    return reply


async def test_all_is_well(redis: RedisServer, samples: Samples) -> None:
    reply = await ask(redis, samples)
    assert (reply.title, reply.level) == ("Redis is well", Level.OK)
    assert line(reply, "Eviction").value == "noeviction, as BullMQ needs it"
    assert line(reply, "Role").value == "primary"
    assert "no append-only file" in line(reply, "Persistence").value
    assert line(reply, "Replicas").level == Level.INFO


async def test_what_bullmq_cannot_live_with(redis: RedisServer, samples: Samples, raw: Redis) -> None:
    used = int((await raw.info("memory"))["used_memory"])
    await raw.config_set("maxmemory", int(used * 1.1))
    await raw.config_set("maxmemory-policy", "volatile-lru")
    try:
        reply = await ask(redis, samples)
        assert reply.level == Level.WARNING
        assert "BullMQ needs noeviction" in line(reply, "Eviction").value
        assert line(reply, "Memory").level == Level.WARNING
    finally:
        await raw.config_set("maxmemory", 0)
        await raw.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize(("hours", "level"), [(23.9, Level.OK), (24.1, Level.WARNING)])
async def test_writes_that_no_snapshot_of_a_day_holds(
    redis: RedisServer, samples: Samples, raw: Redis, hours: float, level: Level
) -> None:
    await raw.execute_command("SAVE")  # type: ignore[no-untyped-call]
    saved = datetime.fromtimestamp(int((await raw.info("persistence"))["rdb_last_save_time"]), UTC)
    later = saved + timedelta(hours=hours)
    assert line(await ask(redis, samples, later), "Persistence").level is Level.OK
    await raw.set("written", "since")
    found = line(await ask(redis, samples, later), "Persistence")
    assert (found.level, "1 writes since; no append-only file" in found.value) == (level, True)


async def test_a_replica_that_lost_its_primary(samples: Samples, tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        async with Redis.from_url(url) as own:
            await own.replicaof("127.0.0.1", 1)
        client = RedisServer(RedisSettings(redis_url=SecretStr(url)))
        reply = await ask(client, samples)
        assert reply.level == Level.CRITICAL
        assert "replica (the link to its primary is down)" in line(reply, "Role").value
        await client.close()


async def test_down_hidden_and_not_configured(
    dead_redis_settings: RedisSettings, redis_settings: RedisSettings, samples: Samples, raw: Redis
) -> None:
    dead = RedisServer(dead_redis_settings)
    reply = await ask(dead, samples)
    assert (reply.level, reply.title) == (Level.CRITICAL, "Redis: something is wrong")
    assert "connection refused" in said(reply)
    await dead.close()
    await raw.execute_command("ACL", "SETUSER", "few", "reset", "on", ">pw", "+ping", "+client")  # type: ignore[no-untyped-call]
    assert redis_settings.redis_url is not None
    url = redis_settings.redis_url.get_secret_value().replace("redis://", "redis://few:pw@")
    few = RedisServer(RedisSettings(redis_url=SecretStr(url)))
    reply = await ask(few, samples)
    assert (line(reply, "Ping").level, line(reply, "All else").level) == (Level.OK, Level.UNKNOWN)
    await few.close()
    with pytest.raises(NotConfigured, match="REDIS_URL"):
        await ask(RedisServer(RedisSettings()), samples)
