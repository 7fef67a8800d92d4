"""What is critical and Slack has not confirmed in time, and whether it went another way already."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import Database
from bot.stores.message import CRITICAL
from bot.stores.tables import messages

AT_ONCE = 100


class Unconfirmed:
    """The critical messages that no version of has been confirmed by Slack."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def keys(self, before: datetime) -> list[str]:
        """Return the keys of those put before then that have not gone the second path, oldest first."""
        query = (
            sa.select(messages.c.key)
            .where(
                messages.c.via == "slack",
                messages.c.state.in_(("due", "posting", "dropped")),
                messages.c.priority == CRITICAL,
                messages.c.sent_version == 0,
                messages.c.second_path_at.is_(None),
                messages.c.created_at <= before,
            )
            .order_by(messages.c.created_at)
            .limit(AT_ONCE)
        )
        async with self.database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def take(self, key: str, now: datetime, connection: AsyncConnection) -> bool:
        """Record that it goes the second path; False where Slack or another replica was faster."""
        mine = (messages.c.key == key, messages.c.second_path_at.is_(None), messages.c.sent_version == 0)
        query = sa.update(messages).where(*mine).values(second_path_at=now)
        return bool((await connection.execute(query)).rowcount)
