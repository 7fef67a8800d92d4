"""``/mongo-status``: does MongoDB answer, who in the set is what, what is slow, how big it is."""

from collections.abc import Sequence
from typing import Final

from bot.attempt import attempt, is_missing, together, why
from bot.clients.mongo import Member, Mongo
from bot.clients.mongo_replica_set import ReplicaSet, SetState
from bot.clients.mongo_server import MongoServer, ServerState, Sizes, SlowOperation
from bot.command import command
from bot.errors import BotError, NotConfigured
from bot.forecast import duration
from bot.reply import Level, Line, Note, Part, Reply, Table, say

_LAGS: Final = 10.0  # seconds a secondary may be behind
_FULL: Final = 0.8  # share of all connections
_SHOWN: Final = 10
_PERHAPS: Final = "perhaps delayed on purpose: the set's configuration could not be read (role clusterMonitor)"
_WORST_FIRST: Final = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.OK)
_TITLES: Final = {
    Level.OK: "MongoDB is well",
    Level.WARNING: "MongoDB: look at this",
    Level.CRITICAL: "MongoDB: something is wrong",
    Level.UNKNOWN: "MongoDB: not all of it could be read",
}


@command(
    "/mongo-status",
    permission="mongo:read",
    section="Database Outage",
    runbook=(
        'mongosh "mongodb://..." --eval "db.adminCommand(\'ping\')"',
        'mongosh "mongodb://..." --eval "rs.status()"',
    ),
    examples=("/mongo-status",),
)
async def mongo_status(*, mongo: Mongo, replica_set: ReplicaSet, server: MongoServer) -> Reply:
    """Show whether MongoDB answers, its replica set with lag, connections, slow operations and sizes."""
    ping, state, own, slow, sizes = await together(
        attempt(mongo.ping()),
        attempt(replica_set.state()),
        attempt(server.state()),
        attempt(server.slow_operations()),
        attempt(server.sizes()),
    )
    if isinstance(ping, NotConfigured):
        raise ping
    lines = [_ping(ping), *_set(state), _connections(own), _slow(slow), _sizes(sizes)]
    worst = next(level for level in _WORST_FIRST if level in {line.level for line in lines})
    tables = [*_members(state), *_operations(slow)]
    note = [] if isinstance(own, BotError) else [Note.of(_about(own, state))]
    return say(_TITLES[worst], *lines, *tables, *note, level=worst)


def _ping(found: float | BotError) -> Line:
    if isinstance(found, BotError):
        return Line(level=Level.CRITICAL, label="Ping", value=why(found))
    return Line(level=Level.OK, label="Ping", value=f"answers in {found:.1f} ms")


def _set(state: SetState | BotError | None) -> list[Line]:
    label = "Replica set"
    if isinstance(state, BotError):
        return [_unknown(label, state)]
    if state is None:
        return [Line(level=Level.WARNING, label=label, value="none: this server is alone, nothing can take over")]
    down = [one.name for one in state.members if not one.health]
    ill = [f"{one.name} is {one.state}" for one in state.members if one.health and not one.does_its_part]
    behind = [one.name for one in state.members if (one.lag_beyond_delay or 0) > _LAGS]
    delayed = [f"{one.name} by {duration(one.delay_seconds)}" for one in state.members if one.delay_seconds]
    blind = [one.name for one in state.members if one.state == "SECONDARY" and one.health and one.lag_seconds is None]
    up = len(state.members) - len(down)
    who = f"{state.primary.name} is primary" if state.primary else "NO PRIMARY: nothing can be written"
    said = f"{state.name}: {who}, {up} of {len(state.members)} members are up"
    lines = [Line(level=_set_level(state, [*down, *ill]), label=label, value=said)]
    if down:
        lines.append(Line(level=Level.WARNING, label="Down", value=", ".join(down)))
    if ill:
        lines.append(Line(level=Level.WARNING, label="Cannot take over", value=f"{', '.join(ill)}"))
    if behind:
        perhaps = "" if state.knows_delays else f"; {_PERHAPS}"
        said = f"more than {_LAGS:g} s: {', '.join(behind)}{perhaps}"
        lines.append(Line(level=Level.WARNING, label="Behind", value=said))
    if delayed:
        lines.append(Line(level=Level.OK, label="Delayed on purpose", value=", ".join(delayed)))
    if blind:
        lines.append(Line(level=Level.UNKNOWN, label="Lag", value=f"unknown for {', '.join(blind)}"))
    return lines


def _set_level(state: SetState, ill: Sequence[str]) -> Level:
    if state.primary is None:
        return Level.CRITICAL
    return Level.WARNING if ill else Level.OK


def _connections(found: ServerState | BotError) -> Line:
    label = "Connections"
    if isinstance(found, BotError):
        return _unknown(label, found)
    if found.connections is None or found.available is None:
        return Line(level=Level.UNKNOWN, label=label, value="the server does not say")
    full = found.connections > _FULL * (found.connections + found.available)
    said = f"{found.connections:,} in use, {found.available:,} more are possible"
    return Line(level=Level.WARNING if full else Level.OK, label=label, value=said)


def _slow(found: list[SlowOperation] | BotError) -> Line:
    label = "Slow operations"
    if isinstance(found, BotError):
        return _unknown(label, found)
    if not found:
        return Line(level=Level.OK, label=label, value="none has run for 1 s")
    waiting = sum(one.waits for one in found)
    said = f"{len(found)} for up to {found[0].seconds:,} s" + (f", {waiting} wait for a lock" if waiting else "")
    return Line(level=Level.WARNING, label=label, value=said)


def _sizes(found: Sizes | BotError) -> Line:
    label = "Size"
    if isinstance(found, BotError):
        return _unknown(label, found)
    said = (
        f"{found.database}: {_number(found.documents)} documents in {_number(found.collections)} collections, "
        f"{_bytes(found.data)} of data, {_bytes(found.storage)} on disk, {_bytes(found.indexes)} of indexes"
    )
    return Line(level=Level.UNKNOWN if found.documents is None else Level.OK, label=label, value=said)


def _unknown(label: str, error: BotError) -> Line:
    value = "not configured" if is_missing(error) else f"unknown. {why(error)}"
    return Line(level=Level.UNKNOWN, label=label, value=value)


def _members(state: SetState | BotError | None) -> list[Part]:
    if state is None or isinstance(state, BotError):
        return []
    rows = tuple((one.name, one.state, "up" if one.health else "down", _lag(one)) for one in state.members)
    return [Table(columns=("member", "state", "health", "behind"), rows=rows)]


def _lag(one: Member) -> str:
    if one.lag_seconds is None:
        return "-" if one.state == "ARBITER" else "unknown"
    wanted = f", {one.delay_seconds:,.0f} s of it on purpose" if one.delay_seconds else ""
    return f"{one.lag_seconds:,.0f} s{wanted}"


def _operations(found: list[SlowOperation] | BotError) -> list[Part]:
    if isinstance(found, BotError) or not found:
        return []
    rows = tuple((one.id, one.kind, one.namespace, f"{one.seconds:,} s", one.plan or "-") for one in found[:_SHOWN])
    return [Table(columns=("id", "operation", "on", "runs for", "plan"), rows=rows)]


def _about(own: ServerState, state: SetState | BotError | None) -> str:
    by = f" on {state.answered_by}" if isinstance(state, SetState) and state.answered_by else ""
    up = "unknown" if own.uptime is None else duration(own.uptime)
    said = f"MongoDB {own.version}{by}, up for {up.removeprefix('about ')}."
    return f"{said} Commands of slow operations are not shown: they may hold personal data."


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _bytes(value: int | None) -> str:
    if value is None:
        return "?"
    return f"{value / 1_048_576:,.1f} MiB"
