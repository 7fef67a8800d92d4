"""The bot's tests of its own hearing, which its replicas share: each is sent by one of them and heard by any."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from bot.stores.database import Database
from bot.stores.hearing_tables import self_tests

KEEP: Final = timedelta(days=1)


@dataclass(frozen=True)
class Place:
    """Where the message of the test stands."""

    channel: str  # its id
    ts: str


class SelfTests:
    """The rows of ``self_tests``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, at: datetime, channel: str) -> bool:
        """Take the test of this moment upon oneself; False where another replica has. Forgets what is old."""
        query = self._database.insert(self_tests).values(at=at, channel=channel).on_conflict_do_nothing()
        newest = sa.select(sa.func.max(self_tests.c.at)).where(self_tests.c.posted_ts != "").scalar_subquery()
        old = sa.delete(self_tests).where(self_tests.c.at < at - KEEP, self_tests.c.at < newest)
        async with self._database.transaction() as connection:
            claimed = bool((await connection.execute(query)).rowcount == 1)
            if claimed:
                await connection.execute(old)
        return claimed

    async def sent(self, at: datetime, now: datetime, place: Place) -> None:
        """Record that Slack has taken the test, and where its message stands."""
        values = {"sent_at": now, "posted_channel": place.channel, "posted_ts": place.ts}
        await self._change(sa.update(self_tests).where(self_tests.c.at == at).values(values))

    async def heard(self, at: datetime, now: datetime, by: str) -> None:
        """Record that the test came back to this replica, unless it has come back before."""
        mine = (self_tests.c.at == at, self_tests.c.heard_at.is_(None))
        await self._change(sa.update(self_tests).where(*mine).values(heard_at=now, heard_by=by))

    async def place(self, channel: str) -> Place | None:
        """Return where the message stands in the channel of this name, or None where none is known."""
        known = (self_tests.c.channel == channel, self_tests.c.posted_ts != "")
        found = sa.select(self_tests.c.posted_channel, self_tests.c.posted_ts).where(*known)
        async with self._database.reading() as connection:
            row = (await connection.execute(found.order_by(self_tests.c.at.desc()).limit(1))).first()
        return Place(*row) if row else None

    async def forget(self, place: Place) -> None:
        """Forget a message that is no longer there."""
        await self._change(
            sa.update(self_tests)
            .where(self_tests.c.posted_channel == place.channel, self_tests.c.posted_ts == place.ts)
            .values(posted_channel="", posted_ts="")
        )

    async def last_heard(self, after: datetime) -> datetime | None:
        """Return when a test last came back to any replica, if it was after then."""
        query = sa.select(sa.func.max(self_tests.c.heard_at)).where(self_tests.c.heard_at >= after)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalar_one()
        return found if isinstance(found, datetime) else None

    async def lost(self, after: datetime, before: datetime) -> list[datetime]:
        """Return the tests that Slack took between these moments and that have come back to nobody, oldest first."""
        lost = (self_tests.c.sent_at > after, self_tests.c.sent_at <= before, self_tests.c.heard_at.is_(None))
        query = sa.select(self_tests.c.at).where(*lost).order_by(self_tests.c.at)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def _change(self, query: sa.Update) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(query)
