"""Which drains were given up while they ran: written by whoever aborts one, read by whoever drains."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from bot.plan import operation
from bot.stores.database import Database
from bot.stores.tables import aborted_drains

KEPT: Final = timedelta(days=7)  # no drain takes that long


class Drains:
    """The rows of ``aborted_drains``; every read sees those of all replicas."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    @operation
    async def abort(self, drain: str) -> str:
        """Have a drain put everything back as it was before; one that has ended stays as it ended."""
        row = {"drain": drain, "aborted_at": self._clock()}
        async with self._database.transaction() as connection:
            await connection.execute(self._database.insert(aborted_drains).values(row).on_conflict_do_nothing())
        return "told to stop; its own card says how it ends"

    async def is_aborted(self, drain: str) -> bool:
        """Say whether somebody gave this drain up."""
        query = sa.select(aborted_drains.c.drain).where(aborted_drains.c.drain == drain)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).first() is not None

    async def prune(self, now: datetime) -> int:
        """Delete what is older than seven days; return how many."""
        old = sa.delete(aborted_drains).where(aborted_drains.c.aborted_at < now - KEPT)
        async with self._database.transaction() as connection:
            return (await connection.execute(old)).rowcount
