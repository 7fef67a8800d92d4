"""Watches how long another client of Redis waits for an answer while the bot works on it, and makes the work wait."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.errors import TemporaryError

# Seconds a PING may take; a Redis far away is slow by itself, so that a multiple of its usual time is allowed.
LIMIT: Final = 0.05
_USUAL_TIMES: Final = 4
LEAST, FIRST, MOST = 25, 250, 1500
_CALM_PINGS: Final = 5


class LatencyGuard:
    """Sends PING on a connection of its own; ``jobs`` is how many jobs the next piece of work may take.

    ``interval`` is the pause between two PINGs, ``patience`` how long a slow Redis is waited for, both in seconds.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        interval: float = 0.01,
        patience: float = 30.0,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._redis = redis
        self._interval = interval
        self.patience = patience
        self._clock = clock
        self._limit = LIMIT
        self._worst = 0.0
        self.jobs = FIRST

    async def begin(self) -> None:
        """Learn how long a PING usually takes; raises the errors of the library."""
        usual = min([await self.ping() for _ in range(_CALM_PINGS)])
        self._limit = max(LIMIT, _USUAL_TIMES * usual)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Send PINGs until the block ends."""
        watch = asyncio.create_task(self._watch(), name="latency-guard")
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def pace(self) -> None:
        """Take account of a piece of work: fewer jobs next time after a slow PING, more after quick ones.

        Waits while Redis is slow. Raises ``TemporaryError`` when it stays slow, and the errors of the library.
        """
        worst, self._worst = self._worst, 0.0
        if worst > self._limit:
            self.jobs = max(LEAST, self.jobs // 2)
            await self._calm(worst)
        elif worst < self._limit / 3:
            self.jobs = min(MOST, self.jobs * 2)

    def saw(self, seconds: float) -> None:
        """Take note of how long a PING took."""
        self._worst = max(self._worst, seconds)

    async def _watch(self) -> None:
        while True:
            # A Redis that is gone is noticed by the work itself.
            with suppress(RedisError, OSError):
                self.saw(await self.ping())
            await asyncio.sleep(self._interval)

    async def ping(self) -> float:
        """Return how long a PING takes, in seconds; raises the errors of the library."""
        began = self._clock()
        await self._redis.ping()
        return self._clock() - began

    async def _calm(self, worst: float) -> None:
        """Wait until some PINGs in a row were quick; the work's own are over, so what is slow now is not its doing."""
        until, quick = self._clock() + self.patience, 0
        while quick < _CALM_PINGS:
            if self._clock() > until:
                raise TemporaryError(f"Redis is slow: another client waits {1000 * worst:,.0f} ms for an answer")
            await asyncio.sleep(self._interval)
            took = await self.ping()
            worst, quick = (took, 0) if took > self._limit else (worst, quick + 1)
        self._worst = 0.0
