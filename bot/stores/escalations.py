"""Who was called about which incident and when; kept after the incident's end."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import Database
from bot.stores.oncall_tables import escalations

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


class Escalations:
    """The rows of ``escalations``; they are written in the tick's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def under_way(self, connection: AsyncConnection) -> dict[str, list[Call]]:
        """Return the calls of the rounds that are not over, by incident, in their order."""
        query = sa.select(escalations).where(escalations.c.over_at.is_(None)).order_by(escalations.c.number)
        found: dict[str, list[Call]] = {}
        for row in (await connection.execute(query)).mappings():
            values = {name: row[name] for name in Call.__dataclass_fields__}
            found.setdefault(row["incident"], []).append(Call(**values | {"people": tuple(row["people"])}))
        return found

    async def add(self, calls: Collection[Call], connection: AsyncConnection) -> None:
        """Record calls."""
        rows = [asdict(call) | {"people": list(call.people)} for call in calls]
        if rows:
            await connection.execute(sa.insert(escalations), rows)

    async def over(self, incidents: Collection[str], now: datetime, connection: AsyncConnection) -> None:
        """End the rounds of these incidents."""
        names = sorted(incidents)
        for start in range(0, len(names), _AT_ONCE):
            mine = (escalations.c.incident.in_(names[start : start + _AT_ONCE]), escalations.c.over_at.is_(None))
            await connection.execute(sa.update(escalations).where(*mine).values(over_at=now))
