"""What was read before a change, to be compared with what is read after it, also by another process."""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from pydantic import JsonValue

from bot.stores.change_tables import baselines
from bot.stores.database import Database

KEPT: Final = timedelta(days=7)


class Baselines:
    """The rows of ``baselines``: one a request and workload."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, stamp: str, role: str, seen: dict[str, JsonValue], now: datetime) -> None:
        """Keep what was read; what is kept already stays, because the change may have begun since."""
        row = {"stamp": stamp, "role": role, "seen": seen, "taken_at": now}
        async with self._database.transaction() as connection:
            await connection.execute(self._database.insert(baselines).values(**row).on_conflict_do_nothing())

    async def get(self, stamp: str, role: str) -> dict[str, JsonValue] | None:
        """Return what was read, None where nothing was kept."""
        query = sa.select(baselines.c.seen).where(baselines.c.stamp == stamp, baselines.c.role == role)
        async with self._database.reading() as connection:
            found: dict[str, JsonValue] | None = (await connection.execute(query)).scalars().first()
        return found

    async def prune(self, now: datetime) -> int:
        """Delete what is older than seven days; return how many rows that were."""
        query = sa.delete(baselines).where(baselines.c.taken_at < now - KEPT)
        async with self._database.transaction() as connection:
            return (await connection.execute(query)).rowcount
