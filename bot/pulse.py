"""The bot's own heartbeat: once a second it looks at everything that waits for time to pass."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.web import Vital

INTERVAL: Final = 1.0  # seconds
LATE: Final = timedelta(seconds=30)

Tick = Callable[[datetime], Awaitable[object]]


class Pulse:
    """Calls every tick in turn; one that fails is logged and holds up neither the others nor itself the next time."""

    def __init__(self, ticks: dict[str, Tick], clock: Callable[[], datetime]) -> None:
        self._ticks = ticks
        self._clock = clock
        self._last: dict[str, datetime] = {}
        self._beating: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("bot.pulse")

    def start(self) -> None:
        """Begin to beat."""
        now = self._clock()
        self._last = dict.fromkeys(self._ticks, now)
        self._beating = asyncio.create_task(self._beat(), name="pulse")

    async def stop(self) -> None:
        """Stop after the tick that is under way was cancelled."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])

    def vitals(self) -> list[Vital]:
        """Return for each tick whether it went well lately."""
        now = self._clock()
        return [Vital(name, _problem(now - last)) for name, last in self._last.items()]

    async def _beat(self) -> None:
        while True:
            for name, tick in self._ticks.items():
                try:
                    await tick(self._clock())
                    self._last[name] = self._clock()
                except Exception:  # noqa: BLE001 - the next tick may go well
                    self._log.exception("a tick failed", tick=name)
            await asyncio.sleep(INTERVAL)


def _problem(age: timedelta) -> str:
    return f"did not go well for {age.total_seconds():.0f} s" if age > LATE else ""
