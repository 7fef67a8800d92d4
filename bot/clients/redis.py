"""NovaPulse's Redis as a server: does it answer, how fast, and in what state is it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from bot.clients.redis_connection import RedisConnection, redis_deadline
from bot.settings import RedisSettings


@dataclass(frozen=True)
class RedisInfo:
    """What ``INFO`` says; None where this server (or its access rules) does not say it.

    ``role`` is "master" or "slave"; memory is in bytes, ``maxmemory`` 0 means no limit.
    """

    version: str | None
    role: str | None
    maxmemory_policy: str | None
    used_memory: int | None
    maxmemory: int | None
    connected_clients: int | None
    evicted_keys: int | None
    persistence_ok: bool | None


class RedisServer:
    """The server NovaPulse's queues live on."""

    def __init__(
        self,
        settings: RedisSettings,
        *,
        connection: RedisConnection | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._connection = connection or RedisConnection(settings)
        self._clock = clock

    async def ping(self, *, seconds: float = 2.0) -> float:
        """Return the round trip in milliseconds; raises TimedOut, Forbidden or Unavailable within ``seconds``."""
        redis = self._connection.open()
        async with redis_deadline(seconds):
            started = self._clock()
            await redis.ping()
            return (self._clock() - started) * 1000

    async def info(self, *, seconds: float = 3.0) -> RedisInfo:
        """Read the server's own account of itself; raises TimedOut, Forbidden or Unavailable."""
        redis = self._connection.open()
        async with redis_deadline(seconds):
            fields = await redis.info()
        return _read_info(fields)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()


def _read_info(fields: Mapping[str, Any]) -> RedisInfo:
    return RedisInfo(
        version=_text(fields, "redis_version"),
        role=_text(fields, "role"),
        maxmemory_policy=_text(fields, "maxmemory_policy"),
        used_memory=_number(fields, "used_memory"),
        maxmemory=_number(fields, "maxmemory"),
        connected_clients=_number(fields, "connected_clients"),
        evicted_keys=_number(fields, "evicted_keys"),
        persistence_ok=_persistence(fields),
    )


def _persistence(fields: Mapping[str, Any]) -> bool | None:
    """Say whether the last snapshot, and the append-only file where one is kept, were written."""
    states = [_text(fields, "rdb_last_bgsave_status")]
    if _number(fields, "aof_enabled"):
        states += [_text(fields, "aof_last_write_status"), _text(fields, "aof_last_bgrewrite_status")]
    if any(state not in ("ok", None) for state in states):
        return False
    return None if None in states else True


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else str(value)


def _number(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    return value if isinstance(value, int) else None
