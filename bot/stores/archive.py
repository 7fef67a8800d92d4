"""Copies of the jobs that a clean-up removes, written before it does, kept for seven days.

They hold what the jobs held, secrets and personal data included: nothing here is shown or logged, and a copy goes as
soon as it was brought back.
"""

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from bot.archived import KEPT_FOR, ArchivedQueue, Batch
from bot.stores.database import Database
from bot.stores.tables import archived_batches as batches
from bot.stores.tables import archives

# What counts as there: a batch that is only copied may be removed or not, and bringing it back twice does nothing.
_THERE = batches.c.state != "restored"


class Archive:
    """The rows of ``archives`` and ``archived_batches``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, head: ArchivedQueue) -> None:
        """Begin an archive for a queue, unless it was begun before."""
        row = asdict(head)
        del row["jobs"]
        async with self._database.transaction() as connection:
            await connection.execute(self._database.insert(archives).values(row).on_conflict_do_nothing())

    async def keep(self, archive: str, queue: str, batch: Batch) -> Batch:
        """Write a batch down as copied; it is on disk when this returns, under the number that it now has."""
        mine = (batches.c.archive == archive, batches.c.queue == queue)
        following = sa.select(sa.func.coalesce(sa.func.max(batches.c.number), -1) + 1).where(*mine)
        async with self._database.transaction() as connection:
            number = (await connection.execute(following)).scalar_one()
            row = asdict(batch) | {"archive": archive, "queue": queue, "number": number}
            await connection.execute(sa.insert(batches).values(row))
        return Batch(batch.jobs, batch.index, batch.payload, number, batch.state)

    async def removed(self, archive: str, queue: str, number: int) -> None:
        """Record that a batch is gone from its queue."""
        await self._mark(archive, queue, number, {"state": "removed"})

    async def restored(self, archive: str, queue: str, number: int) -> None:
        """Record that a batch is back, and forget what was in it."""
        await self._mark(archive, queue, number, {"state": "restored", "index": b"", "payload": b""})

    async def unfinished(self, archive: str, queue: str) -> list[Batch]:
        """Return what was copied and may not be removed yet; one batch at most, left by a run that broke off."""
        return await self._some(archive, queue, batches.c.state == "kept", 10)

    async def next(self, archive: str, queue: str) -> Batch | None:
        """Return a batch that is not back yet, the oldest first; None where there is none."""
        found = await self._some(archive, queue, _THERE, 1)
        return found[0] if found else None

    async def find(self, archive: str) -> list[ArchivedQueue]:
        """Return what an archive holds, by queue; empty where there is no such archive any more."""
        counted = sa.func.coalesce(sa.func.sum(sa.case((_THERE, batches.c.jobs), else_=0)), 0)
        joined = sa.and_(batches.c.archive == archives.c.archive, batches.c.queue == archives.c.queue)
        query = (
            sa.select(*archives.c, counted.label("jobs"))
            .select_from(archives.outerjoin(batches, joined))
            .where(archives.c.archive == archive)
            .group_by(*archives.c)
            .order_by(archives.c.queue)
        )
        async with self._database.reading() as connection:
            return [ArchivedQueue(**row) for row in (await connection.execute(query)).mappings()]

    async def prune(self, now: datetime) -> int:
        """Delete what is older than seven days; return how many archives that were."""
        old = archives.c.created_at < now - KEPT_FOR
        async with self._database.transaction() as connection:
            gone = sa.select(archives.c.archive).where(old)
            await connection.execute(sa.delete(batches).where(batches.c.archive.in_(gone)))
            return (await connection.execute(sa.delete(archives).where(old))).rowcount

    async def _mark(self, archive: str, queue: str, number: int, values: dict[str, object]) -> None:
        mine = (batches.c.archive == archive, batches.c.queue == queue, batches.c.number == number)
        async with self._database.transaction() as connection:
            await connection.execute(sa.update(batches).where(*mine).values(values))

    async def _some(self, archive: str, queue: str, which: sa.ColumnElement[bool], most: int) -> list[Batch]:
        columns = (batches.c.jobs, batches.c.index, batches.c.payload, batches.c.number, batches.c.state)
        mine = (batches.c.archive == archive, batches.c.queue == queue, which)
        query = sa.select(*columns).where(*mine).order_by(batches.c.number).limit(most)
        async with self._database.reading() as connection:
            return [Batch(**row) for row in (await connection.execute(query)).mappings()]
