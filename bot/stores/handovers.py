"""Who had level 1 when it was last looked at, and which changes of that were accepted, and by whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import Database
from bot.stores.oncall_tables import handovers


@dataclass(frozen=True)
class Handover:
    """One change of who is on call at level 1; whoever was first of all took it over from nobody."""

    id: str
    at: datetime
    before: tuple[str, ...]
    after: tuple[str, ...]
    accepted_by: str = ""
    accepted_at: datetime | None = None
    overdue_at: datetime | None = None


class Handovers:
    """The rows of ``handovers``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, handover: str, connection: AsyncConnection | None = None) -> Handover | None:
        """Return the hand-over of this id, or None; joins the given transaction."""
        return await self._first(sa.select(handovers).where(handovers.c.id == handover), connection)

    async def latest(self, connection: AsyncConnection | None = None) -> Handover | None:
        """Return the last change, or None where nobody has looked yet; joins the given transaction."""
        query = sa.select(handovers).order_by(handovers.c.at.desc(), handovers.c.id).limit(1)
        return await self._first(query, connection)

    async def add(self, new: Handover, connection: AsyncConnection) -> bool:
        """Record a change; False where another replica was faster."""
        row = {"id": new.id, "at": new.at, "before": list(new.before), "after": list(new.after)}
        query = self._database.insert(handovers).values(row).on_conflict_do_nothing()
        return bool((await connection.execute(query)).rowcount == 1)

    async def accept(self, handover: str, by: str, now: datetime, connection: AsyncConnection) -> bool:
        """Record who has accepted it; False where somebody has already."""
        mine = (handovers.c.id == handover, handovers.c.accepted_at.is_(None))
        query = sa.update(handovers).where(*mine).values(accepted_by=by, accepted_at=now)
        return bool((await connection.execute(query)).rowcount == 1)

    async def overdue(self, handover: str, now: datetime, connection: AsyncConnection) -> bool:
        """Record that it was said that nobody has accepted it; False where it was, or somebody has."""
        mine = (handovers.c.id == handover, handovers.c.accepted_at.is_(None), handovers.c.overdue_at.is_(None))
        query = sa.update(handovers).where(*mine).values(overdue_at=now)
        return bool((await connection.execute(query)).rowcount == 1)

    async def _first(self, query: sa.Select[Any], connection: AsyncConnection | None) -> Handover | None:
        async with self._database.reading(connection) as joined:
            row = (await joined.execute(query)).mappings().first()
        return Handover(**{**row, "before": tuple(row["before"]), "after": tuple(row["after"])}) if row else None
