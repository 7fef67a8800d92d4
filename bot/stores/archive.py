"""Copies of the jobs that a clean-up removes, written before it does, kept for seven days.

They hold what the jobs held, secrets and personal data included: so they are sealed, nothing of them is shown or
logged, and a copy goes as soon as it was brought back. Copies of before they were sealed are read as they are.
"""

import asyncio
from dataclasses import asdict, replace
from datetime import datetime

import sqlalchemy as sa
from pydantic import SecretStr

from bot.archived import KEPT_FOR, ArchivedQueue, Batch
from bot.errors import NotConfigured, Refused
from bot.stores.change_tables import archived_batches as batches
from bot.stores.change_tables import archives
from bot.stores.database import Database
from bot.stores.sealed import MARK, Seal

# What counts as there: a batch that is only copied may be removed or not, and bringing it back twice does nothing.
_THERE = batches.c.state != "restored"


class Archive:
    """The rows of ``archives`` and ``archived_batches``; ``key`` is any secret that outlives a restart."""

    def __init__(self, database: Database, key: SecretStr | None) -> None:
        self._database = database
        self._seal = Seal(key)

    def check(self) -> None:
        """Raise NotConfigured where there is no key, without which nothing is copied."""
        if not self._seal.is_set:
            raise NotConfigured("The archive, whose copies are sealed,", "SLACK_SIGNING_SECRET or SLACK_BOT_TOKEN")

    async def open(self, head: ArchivedQueue) -> None:
        """Begin an archive for a queue, unless it was begun before."""
        row = asdict(head)
        del row["jobs"]
        async with self._database.transaction() as connection:
            await connection.execute(self._database.insert(archives).values(row).on_conflict_do_nothing())

    async def keep(self, archive: str, queue: str, batch: Batch) -> Batch:
        """Write a batch down as copied; it is on disk when this returns, under the number that it now has.

        Raises NotConfigured without a key.
        """
        self.check()
        mine = (batches.c.archive == archive, batches.c.queue == queue)
        following = sa.select(sa.func.coalesce(sa.func.max(batches.c.number), -1) + 1).where(*mine)
        async with self._database.transaction() as connection:
            number = (await connection.execute(following)).scalar_one()
            sealed = await asyncio.to_thread(self._sealed, replace(batch, number=number), f"{archive}/{queue}")
            row = asdict(sealed) | {"archive": archive, "queue": queue}
            await connection.execute(sa.insert(batches).values(row))
        return replace(batch, number=number)

    async def removed(self, archive: str, queue: str, number: int) -> None:
        """Record that a batch is gone from its queue."""
        await self._mark(archive, queue, number, {"state": "removed"})

    async def restored(self, archive: str, queue: str, number: int) -> None:
        """Record that a batch is back, and forget what was in it."""
        await self._mark(archive, queue, number, {"state": "restored", "index": b"", "payload": b""})

    async def unfinished(self, archive: str, queue: str) -> list[Batch]:
        """Return what was copied and may not be removed yet; one batch at most, left by a run that broke off.

        Raises Refused where the key is another one since, as ``next`` does.
        """
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
            found = [Batch(**row) for row in (await connection.execute(query)).mappings()]
        return [await asyncio.to_thread(self._opened, batch, f"{archive}/{queue}") for batch in found]

    def _sealed(self, batch: Batch, where: str) -> Batch:
        index, payload = _contexts(batch, where)
        return replace(
            batch, index=self._seal.seal(batch.index, index), payload=self._seal.seal(batch.payload, payload)
        )

    def _opened(self, batch: Batch, where: str) -> Batch:
        index, payload = _contexts(batch, where)
        return replace(batch, index=self._open(batch.index, index), payload=self._open(batch.payload, payload))

    def _open(self, content: bytes, context: str) -> bytes:
        if not content.startswith(MARK):  # written before copies were sealed, or brought back
            return content
        self.check()
        try:
            return self._seal.open(content, context)
        except Refused:
            raise Refused(
                "The archive cannot be read any more: the bot's signing secret or token has changed since.",
                hint="With the former one in its place the jobs can be brought back.",
            ) from None


def _contexts(batch: Batch, where: str) -> tuple[str, str]:
    """Return what the index and the payload of a batch are bound to, so that no row can be exchanged for another."""
    return f"archive/{where}/{batch.number}/index", f"archive/{where}/{batch.number}/payload"
