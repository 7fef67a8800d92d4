"""The bot's own heartbeat: once a second everything that waits for time to pass is looked at."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.web import Vital

INTERVAL: Final = 1.0  # seconds
LATE: Final = timedelta(minutes=2)  # a tick may plan again, which waits for systems that do not answer

Tick = Callable[[datetime], Awaitable[object]]


class Pulse:
    """Calls every tick in a task of its own: one that fails or is slow holds up no other.

    That matters most for the engine's: a process that does not say it is alive has its runs taken over.
    """

    def __init__(self, ticks: Mapping[str, Tick], clock: Callable[[], datetime]) -> None:
        self._ticks = ticks
        self._clock = clock
        self._last: dict[str, datetime] = {}
        self._beating: list[asyncio.Task[None]] = []
        self._log = structlog.get_logger("bot.pulse")

    def start(self) -> None:
        """Begin to beat."""
        now = self._clock()
        self._last = dict.fromkeys(self._ticks, now)
        self._beating = [
            asyncio.create_task(self._beat(*tick), name=f"pulse {tick[0]}") for tick in self._ticks.items()
        ]

    async def stop(self) -> None:
        """Stop after the ticks that are under way were cancelled."""
        for task in self._beating:
            task.cancel()
        await asyncio.gather(*self._beating, return_exceptions=True)

    def vitals(self) -> list[Vital]:
        """Return for each tick whether it went well lately."""
        now = self._clock()
        return [Vital(name, _problem(now - last)) for name, last in self._last.items()]

    async def _beat(self, name: str, tick: Tick) -> None:
        while True:
            try:
                await tick(self._clock())
                self._last[name] = self._clock()
            except Exception:  # noqa: BLE001 - the next tick may go well
                self._log.exception("a tick failed", tick=name)
            await asyncio.sleep(INTERVAL)


def _problem(age: timedelta) -> str:
    return f"did not go well for {age.total_seconds():.0f} s" if age > LATE else ""
