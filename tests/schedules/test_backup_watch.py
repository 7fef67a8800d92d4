"""Redis' snapshot: how old, whether written, and unknown where Redis does not say."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bot.clients.redis import RedisServer
from bot.schedule import Observation
from bot.settings import RedisSettings
from schedules.backup_watch import backup_watch
from tests.schedules.conftest import Systems, dead_url


async def observe(redis: RedisServer, at: Any) -> dict[tuple[str, str], Observation]:
    found = await backup_watch.handler(redis, at)
    assert isinstance(found, list)
    return {(one.metric, one.labels["backup"]): one for one in found}


async def test_a_snapshot_is_as_old_as_it_is_unless_nothing_was_written_since(systems: Systems) -> None:
    await systems.raw.save()
    saved = (await systems.redis.info()).saved_at
    assert saved is not None
    later = saved + timedelta(hours=26)
    found = await observe(systems.redis, later)
    assert (found["backup_age_seconds", "redis"].value, found["backup_ok", "redis"].value) == (0, 1)
    await systems.raw.set("written", "later")
    assert (await observe(systems.redis, later))["backup_age_seconds", "redis"].value == 26 * 3600


async def test_of_mongodb_nothing_is_known_and_nobody_expects_it(systems: Systems) -> None:
    saved = await observe(systems.redis, await _now(systems))
    mongodb = saved["backup_age_seconds", "mongodb"]
    assert (mongodb.value, mongodb.is_expected) == (None, False)
    assert "MongoDB's dump" in mongodb.reason


async def _now(systems: Systems) -> Any:
    await systems.raw.save()
    return (await systems.redis.info()).saved_at


@pytest.mark.parametrize(
    ("url", "expected", "said"), [(None, False, "REDIS_URL"), ("dead", True, "connection refused")]
)
async def test_a_redis_that_cannot_be_read_is_unknown(
    systems: Systems, url: str | None, expected: bool, said: str
) -> None:
    now = await _now(systems)
    server = RedisServer(RedisSettings(redis_url=SecretStr(dead_url()) if url else None))
    found = (await observe(server, now))["backup_ok", "redis"]
    await server.close()
    assert (found.value, found.is_expected) == (None, expected)
    assert said in found.reason
