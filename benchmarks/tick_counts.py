"""What one tick of the alerts took, and the stand-ins that keep the time of its parts."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from bot.clients.queues import Queues
from bot.stores.database import Database
from bot.stores.samples import Samples


@dataclass
class Counted:
    """What one tick took: seconds, round trips and commands of Redis, statements and rows of the database.

    ``silence`` is the longest time in which the loop did nothing else, ``turn`` the longest that somebody else who
    writes into the database had to wait, as whoever is acknowledged has to.
    """

    read: float = 0.0
    sampled: float = 0.0
    observed: float = 0.0
    judged: float = 0.0
    in_database: float = 0.0
    reads: int = 0
    commands: int = 0
    statements: int = 0
    rows: int = 0
    grown: float = 0.0
    cpu: float = 0.0
    redis_cpu: float = 0.0
    silence: float = 0.0
    turn: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.observed + self.judged


_OF_OTHERS: Final = "SELECT 'somebody else'"
_EVERY: Final = 0.005  # seconds
_WRITES_EVERY: Final = 0.05


class TimedQueues(Queues):
    """The queues, and how long they took to be read."""

    seconds = 0.0

    async def snapshot(self, *, seconds: float = 3.0) -> Any:
        """Read every queue and keep the time; slowness is what is measured, so that it has all the time."""
        started = time.perf_counter()
        try:
            return await super().snapshot(seconds=max(seconds, 60.0))
        finally:
            self.seconds = time.perf_counter() - started


class TimedSamples(Samples):
    """The samples, and how long they took to be written."""

    seconds = 0.0

    async def look(self, values: Mapping[str, float | None], now: datetime) -> None:
        """Keep the samples and the time."""
        started = time.perf_counter()
        await super().look(values, now)
        self.seconds = time.perf_counter() - started


class Others:
    """The systems that are no part of the measurement: each answers at once."""

    ok = True

    async def ping(self) -> float:
        """Answer."""
        return 1.0

    async def live(self) -> "Others":
        """Answer that it is well."""
        return self

    async def reachable(self) -> str:
        """Answer."""
        return "1"


@asynccontextmanager
async def others(database: Database, found: Counted) -> AsyncIterator[None]:
    """Have two others live beside a tick: one that is only awake, and one that writes; keep how long each waited."""

    async def awake() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_EVERY)
            found.silence = max(found.silence, time.perf_counter() - began - _EVERY)

    async def write() -> None:
        while True:
            began = time.perf_counter()
            async with database.transaction() as connection:
                await connection.execute(sa.text(_OF_OTHERS))
            found.turn = max(found.turn, time.perf_counter() - began)
            await asyncio.sleep(_WRITES_EVERY)

    tasks = [asyncio.create_task(awake()), asyncio.create_task(write())]
    try:
        await asyncio.sleep(_EVERY)
        yield
    finally:
        await asyncio.sleep(_WRITES_EVERY)  # whoever waits has its turn first
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def counting() -> Iterator[Counted]:
    """Count what the database is asked, and for how long."""
    found = Counted()

    def before(*asked: Any) -> None:
        asked[4].begun = time.perf_counter()

    def after(*asked: Any) -> None:
        _, cursor, statement, values, context, many = asked
        if statement in (_OF_OTHERS, "BEGIN IMMEDIATE"):
            return
        found.in_database += time.perf_counter() - context.begun
        found.statements += 1
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            found.rows += len(values) if many else max(cursor.rowcount, 0)

    hooks = {"before_cursor_execute": before, "after_cursor_execute": after}
    for name, hook in hooks.items():
        sa.event.listen(sa.Engine, name, hook)
    try:
        yield found
    finally:
        for name, hook in hooks.items():
            sa.event.remove(sa.Engine, name, hook)
