"""What a replica did not hear, and the windows that were said of it: one message each, over restarts and replicas."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import WINDOWS_LOCK, Database
from bot.stores.hearing_tables import deaf_windows, missed_tests, self_tests
from bot.stores.message import Message
from bot.stores.outbox import Outbox
from bot.stores.self_tests import KEEP


@dataclass(frozen=True)
class Window:
    """From when to when Slack delivered nothing or, ``partly``, not all; ``id`` stays where it grows."""

    id: str
    began: datetime
    ended: datetime
    partly: bool

    def joined(self, other: "Window") -> "Window":
        """Return the window that covers both, under this one's id."""
        return Window(self.id, min(self.began, other.began), max(self.ended, other.ended), self.partly or other.partly)


Saying = Callable[[Window], Message]  # what is to be said of a window


class MissedTests:
    """The rows of ``missed_tests`` and ``deaf_windows``."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    async def miss(self, replica: str, at: datetime, heard_before: datetime) -> None:
        """Record that a replica heard nothing of this test, nor anything else since then."""
        row = {"replica": replica, "at": at, "heard_before": heard_before}
        async with self._database.transaction() as connection:
            await connection.execute(self._database.insert(missed_tests).values(row).on_conflict_do_nothing())
            await connection.execute(sa.delete(missed_tests).where(missed_tests.c.at < at - KEEP))

    async def left(self, replica: str) -> tuple[datetime, datetime] | None:
        """Return the newest test that the replica missed and when it had last heard anything, or None."""
        query = sa.select(missed_tests.c.at, missed_tests.c.heard_before).where(missed_tests.c.replica == replica)
        async with self._database.reading() as connection:
            row = (await connection.execute(query.order_by(missed_tests.c.at.desc()).limit(1))).first()
        return (row.at, row.heard_before) if row else None

    async def orphans(self, living: Collection[str]) -> dict[str, datetime]:
        """Return the replicas that are gone and have not told what they missed, each with the newest test of it."""
        query = sa.select(missed_tests.c.replica, sa.func.max(missed_tests.c.at).label("at"))
        query = query.where(missed_tests.c.replica.not_in(living)).group_by(missed_tests.c.replica)
        async with self._database.reading() as connection:
            return {row.replica: row.at for row in await connection.execute(query)}

    async def tell(self, replica: str, now: datetime, ended: datetime, *, least: int, said: Saying) -> Window | None:
        """Put the message about what this replica missed last, where it is ``least`` tests; all its rows are done with.

        A window that overlaps one that was said makes that message say more; None where there is nothing to say.
        """
        async with self._database.transaction() as connection:
            await self._database.one_at_a_time(connection, WINDOWS_LOCK)
            mine = await self._missed(replica, connection, least)
            if mine is None:
                return None
            found = Window(mine.isoformat(), mine, ended, await self._others_heard(replica, mine, ended, connection))
            known = await self._overlapping(found, connection)
            whole = known.joined(found) if known else found
            if whole != known:
                await self._keep(whole, connection)
                await self._outbox.put(said(whole), now, connection=connection)
        return whole

    async def _missed(self, replica: str, connection: AsyncConnection, least: int) -> datetime | None:
        """Return since when this replica had heard nothing when it missed so many, taking its rows away.

        A test that came back late was not lost, nor was anything else then: Slack delivered it again.
        """
        taken = sa.delete(missed_tests).where(missed_tests.c.replica == replica)
        rows = (await connection.execute(taken.returning(missed_tests.c.at, missed_tests.c.heard_before))).all()
        lost = sa.select(self_tests.c.at).where(
            self_tests.c.at.in_([row.at for row in rows]), self_tests.c.heard_at.is_(None)
        )
        still = set((await connection.execute(lost)).scalars())
        before = [row.heard_before for row in rows if row.at in still]
        return max(before) if before and before.count(max(before)) >= least else None

    async def _others_heard(self, replica: str, began: datetime, ended: datetime, connection: AsyncConnection) -> bool:
        meanwhile = (self_tests.c.heard_at > began, self_tests.c.heard_at < ended)
        query = sa.select(sa.func.count()).where(*meanwhile, self_tests.c.heard_by != replica)
        return bool((await connection.execute(query)).scalar_one())

    async def _overlapping(self, window: Window, connection: AsyncConnection) -> Window | None:
        both = (deaf_windows.c.began < window.ended, deaf_windows.c.ended > window.began)
        query = sa.select(deaf_windows).where(*both).order_by(deaf_windows.c.began).limit(1)
        row = (await connection.execute(query)).mappings().first()
        return Window(**row) if row else None

    async def _keep(self, window: Window, connection: AsyncConnection) -> None:
        values = {"began": window.began, "ended": window.ended, "partly": window.partly}
        query = self._database.insert(deaf_windows).values(id=window.id, **values)
        await connection.execute(query.on_conflict_do_update(index_elements=["id"], set_=values))
        await connection.execute(sa.delete(deaf_windows).where(deaf_windows.c.ended < window.began - KEEP))
