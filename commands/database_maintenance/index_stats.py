"""``/index-stats``: which indexes of a collection nobody uses, and which another makes superfluous."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from bot.clients.mongo_index import covers
from bot.clients.mongo_indexes import Indexes, IndexUse
from bot.command import command
from bot.errors import NotFound
from bot.forecast import duration
from bot.nearest import nearest
from bot.reply import Level, Line, Note, Reply, Table, say

# Counters begin anew with the server: what nobody used for a shorter time says nothing.
_LONG_ENOUGH: Final = timedelta(days=7)
_WORST_FIRST: Final = (Level.WARNING, Level.UNKNOWN, Level.OK)


@command(
    "/index-stats",
    permission="mongo:read",
    section="Database Maintenance",
    runbook=("db.collection.aggregate([{ $indexStats: {} }])",),
    examples=("/index-stats webhooklogs",),
)
async def index_stats(
    collection: Annotated[str, Field(description="The collection's name")],
    *,
    indexes: Indexes,
    now: datetime,
) -> Reply:
    """Show how often each index of a collection was used, which nobody uses and which are superfluous."""
    known = await indexes.collections(collection)
    if collection not in known:
        message = f"There is no such collection; there are {', '.join(known) or 'none'}."
        raise NotFound(message, nearest=nearest(collection, known), argument="collection")
    found = await indexes.use(collection)
    lines = _superfluous(found) + _unused(found, now)
    if not lines:
        lines = [Line(level=Level.OK, label=collection, value="every index is used, and none does another's work")]
    worst = next(level for level in _WORST_FIRST if level in {line.level for line in lines})
    table = Table(columns=("index", "key and options", "used", "since (UTC)", "KiB"), rows=tuple(map(_row, found)))
    note = Note.of(
        "The counters are those of the one member that was asked, since its start: look at the others before you drop "
        "an index that only they use. Unique and expiring indexes do work that is not counted."
    )
    title = f"{collection} has {len(found)} {'index' if len(found) == 1 else 'indexes'}"
    return say(title, *lines, table, note, level=worst)


def _superfluous(found: Sequence[IndexUse]) -> list[Line]:
    lines = []
    for number, one in enumerate(found):
        # Of two that do the same work the first is kept.
        others = [other.index for at, other in enumerate(found) if other is not one and covers(other.index, one.index)]
        others = [other for other in others if not covers(one.index, other) or _place(found, other.name) < number]
        if others:
            value = f"superfluous: {others[0].name} does its work"
            lines.append(Line(level=Level.WARNING, label=one.index.name, value=value))
    return lines


def _place(found: Sequence[IndexUse], name: str) -> int:
    return next(number for number, one in enumerate(found) if one.index.name == name)


def _unused(found: Sequence[IndexUse], now: datetime) -> list[Line]:
    lines = []
    for one in found:
        index, name = one.index, one.index.name
        if name == "_id_" or index.is_unique or index.expires:
            continue
        if one.operations is None or one.since is None:
            lines.append(Line(level=Level.UNKNOWN, label=name, value="whether it is used is unknown"))
        elif one.operations == 0:
            age = now - one.since
            enough = age >= _LONG_ENOUGH
            value = f"not used for {_for(age)}" + ("" if enough else ", too short a time to judge")
            lines.append(Line(level=Level.WARNING if enough else Level.OK, label=name, value=value))
    return lines


def _for(age: timedelta) -> str:
    return f"{age.days} days" if age >= _LONG_ENOUGH else duration(age.total_seconds()).removeprefix("about ")


def _row(one: IndexUse) -> tuple[str, ...]:
    used = "unknown" if one.operations is None else f"{one.operations:,}"
    since = "unknown" if one.since is None else one.since.strftime("%Y-%m-%d %H:%M")
    size = "unknown" if one.size is None else f"{one.size / 1024:,.0f}"
    return (one.index.name, one.index.describe(), used, since, size)
