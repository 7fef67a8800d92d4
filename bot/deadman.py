"""The dead-man's switch: somebody outside is pinged only while everything that an alert needs is well."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from bot.errors import Unavailable
from bot.web import Vital

EVERY: Final = timedelta(minutes=1)
RETRY: Final = timedelta(seconds=10)


class Switch(Protocol):
    """Whoever is pinged."""

    @property
    def is_configured(self) -> bool:
        """Whether there is one."""

    async def ping(self) -> None:
        """Say that all is well; raises Unavailable."""


class Deadman:
    """Asks ``/healthz``'s own questions and pings once a minute while this replica finds nothing wrong.

    One replica that is well suffices; one that is not keeps silent whatever the others do.
    """

    def __init__(self, switch: Switch, vitals: Callable[[], Awaitable[list[Vital]]]) -> None:
        self._switch = switch
        self._vitals = vitals
        self._next: datetime | None = None
        self._problem = ""
        self._log = structlog.get_logger("bot.deadman")

    async def tick(self, now: datetime) -> None:
        """Ping where it is time for it and all is well."""
        if not self._switch.is_configured or (self._next and now < self._next):
            return
        self._next = now + RETRY
        wrong = [vital.name for vital in await self._vitals() if vital.problem]
        if wrong:
            self._said(f"not pinged, not well: {', '.join(wrong)}")
            return
        try:
            await self._switch.ping()
        except Unavailable as error:
            self._said(str(error))
        else:
            self._next = now + EVERY
            self._said("")

    def _said(self, problem: str) -> None:
        if problem and problem != self._problem:
            self._log.warning("the dead-man's switch", problem=problem)
        self._problem = problem
