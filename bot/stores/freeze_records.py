"""Every freeze that there was, and what of it was put into the outbox: its start and its end, each once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.freeze import Freeze
from bot.request import Actor
from bot.stores.change_tables import freeze_records as records
from bot.stores.database import Database


@dataclass(frozen=True)
class FreezeRecord:
    """A freeze and how it ended; ``ended_by`` is a phrase, empty where its time was over or it goes on."""

    freeze: Freeze
    ended_at: datetime | None
    ended_by: str
    is_announced: bool

    def end(self, now: datetime) -> datetime | None:
        """Return when it ended, None while it is in force."""
        if self.ended_at is not None or self.ended_by:
            return self.ended_at or now
        return self.freeze.until if self.freeze.until <= now else None


class FreezeRecords:
    """The rows of ``freeze_records``. What takes a connection joins its transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, connection: AsyncConnection, freeze: Freeze) -> None:
        """Record a freeze, once; the one of its scope that is still in force is replaced by it."""
        former = sa.update(records).where(records.c.scope == freeze.scope, records.c.id != freeze.id)
        former = former.where(records.c.closed_at.is_(None), records.c.ended_by == "", records.c.until > freeze.since)
        row = {name: getattr(freeze, name) for name in ("id", "scope", "since", "until")}
        row |= {"actor_id": freeze.actor.id, "actor_name": freeze.actor.name}
        added = await connection.execute(self._database.insert(records).values(**row).on_conflict_do_nothing())
        if added.rowcount == 1:
            await connection.execute(former.values(ended_by=f"replaced by {freeze.actor.name}"))

    async def lifted(self, connection: AsyncConnection, ids: list[str], by: str) -> None:
        """Record that somebody ended these; what had ended stays as it is."""
        mine = sa.update(records).where(records.c.id.in_(ids), records.c.closed_at.is_(None), records.c.ended_by == "")
        await connection.execute(mine.values(ended_by=f"lifted by {by}" if by else "lifted"))

    async def unsaid(self, now: datetime) -> list[FreezeRecord]:
        """Return those whose start or end nobody has been told of, oldest first."""
        ended = sa.or_(records.c.ended_by != "", records.c.until <= now)
        query = sa.select(records).where(records.c.closed_at.is_(None), sa.or_(records.c.announced_at.is_(None), ended))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(records.c.since))).mappings().all()
        return [_record(row) for row in rows]

    async def announce(self, connection: AsyncConnection, freeze_id: str, now: datetime) -> bool:
        """Mark the start as said; False where another replica was faster."""
        mine = sa.update(records).where(records.c.id == freeze_id, records.c.announced_at.is_(None))
        return bool((await connection.execute(mine.values(announced_at=now))).rowcount == 1)

    async def close(self, connection: AsyncConnection, freeze_id: str, ended_at: datetime, now: datetime) -> bool:
        """Mark the end as said; False where another replica was faster."""
        mine = sa.update(records).where(records.c.id == freeze_id, records.c.closed_at.is_(None))
        return bool((await connection.execute(mine.values(ended_at=ended_at, closed_at=now))).rowcount == 1)

    async def ended(self, connection: AsyncConnection, freeze_id: str) -> str:
        """Say how and when this freeze ended; empty where it has not, or is none."""
        query = sa.select(records).where(records.c.id == freeze_id, records.c.ended_at.is_not(None))
        row = (await connection.execute(query)).mappings().first()
        if row is None:
            return ""
        return f"ended at {row['ended_at']:%Y-%m-%d %H:%M} UTC, {row['ended_by'] or 'its time was over'}"


def _record(row: Any) -> FreezeRecord:
    actor = Actor(id=row["actor_id"], name=row["actor_name"])
    freeze = Freeze(id=row["id"], scope=row["scope"], actor=actor, since=row["since"], until=row["until"])
    return FreezeRecord(freeze, row["ended_at"], row["ended_by"], row["announced_at"] is not None)
