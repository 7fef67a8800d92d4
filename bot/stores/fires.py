"""Which fire of a schedule is whose: one row a due time, so that any number of replicas does it once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import Database
from bot.stores.tables import fires

# A fire that was claimed this long ago and not finished has lost its holder.
LEASE: Final = timedelta(seconds=90)
KEPT: Final = timedelta(days=40)
# Of what fires every few seconds only the last hours are of use.
FREQUENT_KEPT: Final = timedelta(hours=6)


@dataclass(frozen=True)
class Fire:
    """One fire: who claimed it and what came of it; ``result`` is None while it is not finished."""

    schedule: str
    due_at: datetime
    holder: str
    claimed_at: datetime
    finished_at: datetime | None
    result: dict[str, JsonValue] | None


class Fires:
    """The rows of ``fires``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, schedule: str, due_at: datetime, holder: str, now: datetime) -> bool:
        """Take a fire: the first to ask gets it, or a later one when the first has not finished within the lease."""
        row = {"schedule": schedule, "due_at": due_at, "holder": holder, "claimed_at": now}
        abandoned = sa.and_(fires.c.finished_at.is_(None), fires.c.claimed_at <= now - LEASE)
        query = self._database.insert(fires).values(row)
        taken = query.on_conflict_do_update(
            index_elements=[fires.c.schedule, fires.c.due_at],
            set_={"holder": holder, "claimed_at": now},
            where=abandoned,
        )
        async with self._database.transaction() as connection:
            return bool((await connection.execute(taken)).rowcount == 1)

    async def finish(
        self, fire: tuple[str, datetime], holder: str, now: datetime, result: Any, *, connection: AsyncConnection
    ) -> bool:
        """Record what came of a fire (schedule, due time); False where it is finished or somebody else's by now.

        It joins the transaction that also puts the message: both happen, or neither.
        """
        query = (
            sa.update(fires)
            .where(fires.c.schedule == fire[0], fires.c.due_at == fire[1])
            .where(fires.c.holder == holder, fires.c.finished_at.is_(None))
            .values(finished_at=now, result=result)
        )
        return (await connection.execute(query)).rowcount == 1

    async def skip(self, fire: tuple[str, datetime], now: datetime, why: str, *, connection: AsyncConnection) -> bool:
        """Record that a fire (schedule, due time) was left out and why; False where somebody has it already."""
        row = {"schedule": fire[0], "due_at": fire[1], "holder": "", "claimed_at": now, "finished_at": now}
        query = self._database.insert(fires).values(row | {"result": {"skipped": why}}).on_conflict_do_nothing()
        return bool((await connection.execute(query)).rowcount == 1)

    async def get(self, schedule: str, due_at: datetime) -> Fire | None:
        """Return one fire, or None where nobody has claimed it."""
        return await self._first(sa.select(fires).where(fires.c.schedule == schedule, fires.c.due_at == due_at))

    async def last(self, schedule: str) -> Fire | None:
        """Return the newest fire that was finished, whatever came of it, or None."""
        finished = sa.and_(fires.c.schedule == schedule, fires.c.finished_at.is_not(None))
        return await self._first(sa.select(fires).where(finished).order_by(fires.c.due_at.desc()).limit(1))

    async def last_done(self, schedule: str) -> Fire | None:
        """Return the newest fire that did its work (neither failed nor skipped), or None; it looks at the last 50."""
        finished = sa.and_(fires.c.schedule == schedule, fires.c.finished_at.is_not(None))
        query = sa.select(fires).where(finished).order_by(fires.c.due_at.desc()).limit(50)
        async with self._database.reading() as connection:
            found = [Fire(**row) for row in (await connection.execute(query)).mappings()]
        return next((fire for fire in found if not {"error", "skipped"} & (fire.result or {}).keys()), None)

    async def prune(self, now: datetime, frequent: tuple[str, ...] = ()) -> int:
        """Delete rows older than 40 days, of the ``frequent`` schedules older than 6 hours; return how many."""
        query = sa.delete(fires).where(
            sa.or_(
                fires.c.due_at < now - KEPT,
                sa.and_(fires.c.schedule.in_(frequent), fires.c.due_at < now - FREQUENT_KEPT),
            )
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(query)).rowcount

    async def _first(self, query: sa.Select[Any]) -> Fire | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).mappings().first()
        return Fire(**row) if row else None
