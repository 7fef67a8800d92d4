"""The real bot, loaded once, and serving for each line on its input until it is killed: ``ORDER``.

It kills itself with SIGKILL when it reaches the moment that the file ORDER names, and takes that order away first, so
that the next one lives.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import uvloop

from bot.loading import loading
from tests.faults.forking import Forking

with loading():
    from bot import app
    from bot.settings import Settings
    from bot.slack.pace import Pace


class KilledAt:
    """Kills this process at the moment it is ordered to."""

    def __init__(self, order: Path) -> None:
        self._order = order

    async def reached(self, name: str) -> None:
        if self._ordered() == name:
            self._order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def _ordered(self) -> str:
        return self._order.read_text(encoding="utf-8") if self._order.exists() else ""


def live(order: Path) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        # The table's seconds are those of the deployed bot; the proof needs no waits for limits that this Slack lacks.
        pace = None if os.environ.get("KEEP_TABLE") else Pace(times=20.0)
        return runner.run(app.serve(Settings(), KilledAt(order), pace))


if __name__ == "__main__":
    Forking(lambda _: live(Path(sys.argv[1]))).serve()
