"""Which of the bot's processes are alive: each says so every few seconds under its own name."""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from bot.stores.database import Database
from bot.stores.tables import executors

BEAT: Final = timedelta(seconds=5)
GONE_AFTER: Final = timedelta(seconds=30)
CONSOLE: Final = "console-"  # what the names of processes begin with that ask, and execute nothing


class Executors:
    """The rows of ``executors``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, name: str, now: datetime) -> None:
        """Say that this executor is alive."""
        query = self._database.insert(executors).values(name=name, started_at=now, seen_at=now)
        query = query.on_conflict_do_update(index_elements=["name"], set_={"seen_at": now})
        async with self._database.transaction() as connection:
            await connection.execute(query)

    async def leave(self, name: str) -> None:
        """Say that this executor has stopped, so that its work is taken over at once."""
        async with self._database.transaction() as connection:
            await connection.execute(sa.delete(executors).where(executors.c.name == name))

    async def alive(self, now: datetime) -> frozenset[str]:
        """Return the names of the executors that were seen within the last 30 seconds."""
        query = sa.select(executors.c.name).where(executors.c.seen_at > now - GONE_AFTER)
        async with self._database.reading() as connection:
            return frozenset((await connection.execute(query)).scalars().all())

    async def serving(self, now: datetime) -> frozenset[str]:
        """Return the names of those alive that execute plans."""
        return frozenset(name for name in await self.alive(now) if not name.startswith(CONSOLE))
