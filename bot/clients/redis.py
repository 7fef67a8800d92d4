"""NovaPulse's Redis as a server: does it answer, how fast, and in what state is it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from bot.clients.redis_connection import RedisConnection, redis_deadline
from bot.settings import RedisSettings


@dataclass(frozen=True)
class Replica:
    """A replica as its primary sees it; ``lag`` is the seconds since it last answered, None where that is not said."""

    address: str
    state: str
    lag: int | None


@dataclass(frozen=True)
class RedisInfo:
    """What ``INFO`` says; None where this server (or its access rules) does not say it.

    ``role`` is "master" or "slave"; memory is in bytes, ``maxmemory`` 0 means no limit. ``saved_at`` is the last
    snapshot, ``changes_since_save`` how many writes it does not hold. ``primary_link`` is "up" or "down" on a replica.
    """

    version: str | None
    role: str | None
    maxmemory_policy: str | None
    used_memory: int | None
    maxmemory: int | None
    connected_clients: int | None
    evicted_keys: int | None
    persistence_ok: bool | None
    uptime: int | None = None
    blocked_clients: int | None = None
    maxclients: int | None = None
    fragmentation: float | None = None
    saved_at: datetime | None = None
    changes_since_save: int | None = None
    appends: bool | None = None
    loading: bool | None = None
    primary_link: str | None = None
    replicas: tuple[Replica, ...] = ()


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
        uptime=_number(fields, "uptime_in_seconds"),
        blocked_clients=_number(fields, "blocked_clients"),
        maxclients=_number(fields, "maxclients"),
        fragmentation=_fraction(fields, "mem_fragmentation_ratio"),
        saved_at=_saved(fields),
        changes_since_save=_number(fields, "rdb_changes_since_last_save"),
        appends=_flag(fields, "aof_enabled"),
        loading=_flag(fields, "loading"),
        primary_link=_text(fields, "master_link_status"),
        replicas=tuple(_replicas(fields)),
    )


def _replicas(fields: Mapping[str, Any]) -> Iterator[Replica]:
    for number in range(_number(fields, "connected_slaves") or 0):
        if isinstance(found := fields.get(f"slave{number}"), Mapping):
            address = f"{found.get('ip', '?')}:{found.get('port', '?')}"
            yield Replica(address, str(found.get("state", "unknown")), _number(found, "lag"))


def _saved(fields: Mapping[str, Any]) -> datetime | None:
    """Return when the last snapshot was written; until there is one, Redis gives the time of its own start."""
    return None if _number(fields, "rdb_saves") == 0 else _moment(fields, "rdb_last_save_time")


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


def _fraction(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) else None


def _flag(fields: Mapping[str, Any], name: str) -> bool | None:
    value = _number(fields, name)
    return None if value is None else bool(value)


def _moment(fields: Mapping[str, Any], name: str) -> datetime | None:
    seconds = _number(fields, name)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
