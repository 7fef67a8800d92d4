"""Who was called about which incident or page, and when; kept after its end."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.elapsed import elapsed
from bot.stores.database import Database
from bot.stores.oncall_tables import escalations
from bot.stores.pages import PREFIX

# A level that was called for a page less than this ago is not called for it again because somebody asks again.
LATELY: Final = timedelta(minutes=10)

# A statement takes only so many values.
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Call:
    """One level called about an incident, within a round that began at its first call; nobody where none was known."""

    incident: str
    began_at: datetime
    number: int
    level: int
    at: datetime
    people: tuple[str, ...]

    def sentence(self, name: Callable[[str], str], now: datetime) -> str:
        """Say whom it called how long ago; ``name`` says what to call a person."""
        people = ", ".join(map(name, self.people)) or "nobody that is known"
        return f"level {self.level} ({people}) was called {elapsed(now - self.at)} ago"


class Escalations:
    """The rows of ``escalations``; they are written in the transaction that calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def under_way(self, now: datetime, connection: AsyncConnection) -> dict[str, list[Call]]:
        """Return the calls about alerts of the rounds that are not over yet, by incident, in their order."""
        query = sa.select(escalations).where(sa.or_(escalations.c.over_at.is_(None), escalations.c.over_at > now))
        query = query.where(escalations.c.incident.not_like(f"{PREFIX}%")).order_by(escalations.c.number)
        return _by_incident((await connection.execute(query)).mappings())

    async def of(self, incidents: Collection[str], connection: AsyncConnection | None = None) -> dict[str, list[Call]]:
        """Return the calls about these, by incident, in their order, those of rounds that are over too.

        Of a level that was called again and again within one round it is the last call, so that they stay few.
        """
        columns = (escalations.c.incident, escalations.c.began_at, escalations.c.level)
        last = sa.select(*columns, sa.func.max(escalations.c.number).label("number"))
        last_ones = last.where(escalations.c.incident.in_(incidents)).group_by(*columns).subquery()
        same = (escalations.c[name] == last_ones.c[name] for name in ("incident", "began_at", "number"))
        query = sa.select(escalations).join(last_ones, sa.and_(*same))
        query = query.order_by(escalations.c.began_at, escalations.c.number)
        async with self._database.reading(connection) as joined:
            return _by_incident((await joined.execute(query)).mappings())

    async def add(self, calls: Collection[Call], connection: AsyncConnection) -> None:
        """Record calls."""
        rows = [asdict(call) | {"people": list(call.people)} for call in calls]
        if rows:
            await connection.execute(sa.insert(escalations), rows)

    async def over(self, incidents: Collection[str], at: datetime, connection: AsyncConnection) -> None:
        """End the rounds of these incidents at this moment, which may be to come; those that end before do so."""
        ends_later = sa.or_(escalations.c.over_at.is_(None), escalations.c.over_at > at)
        await _set_end(incidents, ends_later, at, connection)

    async def goes_on(self, incidents: Collection[str], now: datetime, connection: AsyncConnection) -> None:
        """Let the rounds of these incidents that were to end go on."""
        await _set_end(incidents, escalations.c.over_at > now, None, connection)


async def _set_end(
    incidents: Collection[str], which: sa.ColumnElement[bool], at: datetime | None, connection: AsyncConnection
) -> None:
    names = sorted(incidents)
    for start in range(0, len(names), _AT_ONCE):
        mine = (escalations.c.incident.in_(names[start : start + _AT_ONCE]), which)
        await connection.execute(sa.update(escalations).where(*mine).values(over_at=at))


def round_of(calls: Sequence[Call]) -> list[Call]:
    """Return the calls of the newest round among those about one page, in their order."""
    return [call for call in calls if call.began_at == calls[-1].began_at]


def called_already(calls: Sequence[Call], level: int, now: datetime) -> Call | None:
    """Return the last call where this level is not to be called: it was lately, or a higher one was at any time."""
    highest = max((call.level for call in calls), default=0)
    is_enough = level < highest or (level == highest and now - calls[-1].at < LATELY)
    return calls[-1] if is_enough else None


def is_on_record(calls: Sequence[Call], level: int, at: datetime) -> bool:
    """Whether the call that somebody asked for at this moment was made: a step may be repeated."""
    return any((call.level, call.began_at) == (level, at) for call in calls)


def _by_incident(rows: Any) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {}
    for row in rows:
        values = {name: row[name] for name in Call.__dataclass_fields__}
        found.setdefault(row["incident"], []).append(Call(**values | {"people": tuple(row["people"])}))
    return found
