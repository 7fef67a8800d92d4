"""``/redis-status``: whether Redis answers, and whether it is set up as the queues need it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bot.attempt import together, why
from bot.clients.redis import RedisInfo, RedisServer
from bot.command import command
from bot.errors import BotError, NotConfigured, UserError
from bot.forecast import duration
from bot.outages import Outages
from bot.reply import Level, Line, Note, Reply, say, worst
from bot.stores.samples import Samples

_SLOW: Final = 100.0  # milliseconds for a PING
_FULL: Final = 0.85  # of the memory or the connections that are allowed
_UNSAVED: Final = 24 * 3600.0  # seconds without a snapshot, where nothing is appended either
_LAGS: Final = 10  # seconds
_MIB: Final = 1024 * 1024
_TITLES: Final = {
    Level.OK: "Redis is well",
    Level.WARNING: "Redis: look at this",
    Level.CRITICAL: "Redis: something is wrong",
    Level.UNKNOWN: "Redis: not all of it could be read",
}


@command(
    "/redis-status",
    permission="redis:read",
    section="Redis Outage",
    runbook=("redis-cli ping", "redis-cli -h <redis-host> ping"),
    examples=("/redis-status",),
)
async def redis_status(*, redis: RedisServer, samples: Samples, now: datetime) -> Reply:
    """Show whether Redis answers, its role, memory and eviction policy, clients, persistence and replicas."""
    outages = Outages(samples, now)
    ping, info = await together(outages.attempt(redis.ping()), outages.attempt(redis.info()))
    if isinstance(ping, NotConfigured | UserError):
        raise ping
    lines = [_ping(ping)]
    if isinstance(info, BotError):
        lines.append(Line(level=Level.UNKNOWN, label="All else", value=why(info)))
        return say(_TITLES[worst(line.level for line in lines)], *lines, level=worst(line.level for line in lines))
    lines += [_role(info), _memory(info), _eviction(info), _clients(info), *_persistence(info, now), *_replicas(info)]
    level = worst(line.level for line in lines)
    up = "" if info.uptime is None else f", up for {duration(info.uptime).removeprefix('about ')}"
    return say(_TITLES[level], *lines, Note.of(f"Redis {info.version or 'of an unknown version'}{up}"), level=level)


def _ping(found: float | BotError) -> Line:
    if isinstance(found, BotError):
        return Line(level=Level.CRITICAL, label="Ping", value=why(found))
    level = Level.WARNING if found > _SLOW else Level.OK
    return Line(level=level, label="Ping", value=f"answers in {found:.1f} ms")


def _role(info: RedisInfo) -> Line:
    label = "Role"
    if info.loading:
        return Line(level=Level.CRITICAL, label=label, value="still loading its data: nothing can be read or written")
    if info.role == "slave":
        value = f"replica (the link to its primary is {info.primary_link or 'unknown'}): the queues need the primary"
        return Line(level=Level.CRITICAL, label=label, value=value)
    if info.role != "master":
        return Line(level=Level.UNKNOWN, label=label, value=f"{info.role or 'not said'}")
    return Line(level=Level.OK, label=label, value="primary")


def _memory(info: RedisInfo) -> Line:
    label, used = "Memory", info.used_memory
    if used is None:
        return Line(level=Level.UNKNOWN, label=label, value="not said")
    said = f"{used / _MIB:,.0f} MiB used"
    if info.fragmentation is not None:
        said += f", fragmentation {info.fragmentation:.2f}"
    if info.maxmemory is None:
        return Line(level=Level.UNKNOWN, label=label, value=f"{said}; its limit is not said")
    if not info.maxmemory:
        return Line(level=Level.OK, label=label, value=f"{said}, no limit of its own")
    share = used / info.maxmemory
    value = f"{said}, {share:.0%} of {info.maxmemory / _MIB:,.0f} MiB"
    return Line(level=Level.WARNING if share > _FULL else Level.OK, label=label, value=value)


def _eviction(info: RedisInfo) -> Line:
    label, policy = "Eviction", info.maxmemory_policy
    if policy is None:
        return Line(level=Level.UNKNOWN, label=label, value="not said; BullMQ needs noeviction")
    gone = f"; {info.evicted_keys:,} keys were evicted since its start" if info.evicted_keys else ""
    if policy != "noeviction":
        value = f"{policy}: Redis may throw queues away, BullMQ needs noeviction{gone}"
        return Line(level=Level.CRITICAL if gone else Level.WARNING, label=label, value=value)
    return Line(level=Level.WARNING if gone else Level.OK, label=label, value=f"{policy}, as BullMQ needs it{gone}")


def _clients(info: RedisInfo) -> Line:
    label, clients = "Clients", info.connected_clients
    if clients is None:
        return Line(level=Level.UNKNOWN, label=label, value="not said")
    blocked = "" if info.blocked_clients is None else f", {info.blocked_clients:,} of them wait for jobs"
    most = f" of {info.maxclients:,} possible" if info.maxclients else ""
    full = bool(info.maxclients) and clients > _FULL * (info.maxclients or 0)
    return Line(level=Level.WARNING if full else Level.OK, label=label, value=f"{clients:,} connected{most}{blocked}")


def _persistence(info: RedisInfo, now: datetime) -> Iterator[Line]:
    label = "Persistence"
    appends = {True: "every write is appended to a file", False: "no append-only file", None: "unknown if it appends"}
    if info.saved_at is None:
        saved = "no snapshot since its start"
    else:
        saved = f"last snapshot {duration(max(0.0, (now - info.saved_at).total_seconds())).removeprefix('about ')} ago"
    if info.changes_since_save:
        saved += f", {info.changes_since_save:,} writes since"
    said = f"{saved}; {appends[info.appends]}"
    if info.persistence_ok is False:
        yield Line(level=Level.CRITICAL, label=label, value=f"the last write to disk FAILED; {said}")
    elif info.persistence_ok is None:
        yield Line(level=Level.UNKNOWN, label=label, value=f"whether the last write to disk worked is unknown; {said}")
    else:
        # What it wrote before it last started is in no snapshot of its own either.
        age = info.uptime if info.saved_at is None else (now - info.saved_at).total_seconds()
        old = age is None or age > _UNSAVED
        loses = info.appends is False and old and bool(info.changes_since_save)
        yield Line(level=Level.WARNING if loses else Level.OK, label=label, value=said)


def _replicas(info: RedisInfo) -> Iterator[Line]:
    label = "Replicas"
    if info.role == "master" and not info.replicas:
        yield Line(level=Level.INFO, label=label, value="none: nothing takes over when this server is lost")
    for replica in info.replicas:
        lag = "lag unknown" if replica.lag is None else f"{replica.lag} s behind"
        good = replica.state == "online" and (replica.lag or 0) <= _LAGS
        level = Level.OK if good and replica.lag is not None else Level.UNKNOWN if good else Level.WARNING
        yield Line(level=level, label=label, value=f"{replica.address}: {replica.state}, {lag}")
