"""The moments of a life that may be its last one."""

import os
import signal
from collections import Counter

import aiohttp
import sqlalchemy as sa

from bot.stores.database import Database

ANY = "any"


class Moments:
    """Counts the moments of a life by their names, and ends it at the one of this name and number."""

    def __init__(self, name: str, number: int) -> None:
        self.seen: Counter[str] = Counter()
        self._last = (name, number)

    def pass_by(self, name: str) -> None:
        for counted in (name, ANY):
            self.seen[counted] += 1
            if (counted, self.seen[counted]) == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch_database(self, database: Database) -> None:
        for event in ("begin", "commit"):
            sa.event.listen(database._engine.sync_engine, event, lambda *_, name=event: self.pass_by(name))

    def watch_calls(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()

        async def passed(*_: object) -> None:
            self.pass_by("call")

        trace.on_request_start.append(passed)
        trace.on_request_end.append(passed)
        return trace
