"""One long change to Redis, in bounded pieces: each has its deadline, the next waits while Redis is slow."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Final, TypeVar

from redis.asyncio import Redis

from bot.clients.latency_guard import LatencyGuard
from bot.clients.queue_layout import QueueSnapshot
from bot.clients.redis_connection import redis_deadline
from bot.plan import Report

_T = TypeVar("_T")

_PIECE_DEADLINE: Final = 15.0  # seconds for one piece
_TOLD_EVERY: Final = 1.0  # seconds between two lines on the card


class BoundedWork:
    """A change to one queue while it goes on; it says on the card how far it is, not more than once a second."""

    def __init__(self, redis: Redis, queue: QueueSnapshot, guard: LatencyGuard, report: Report) -> None:
        self.redis = redis
        self.queue = queue
        self._guard = guard
        self._report = report
        self._told_at = 0.0

    @property
    def jobs(self) -> int:
        """How many jobs the next piece may take."""
        return self._guard.jobs

    async def piece(self, doing: Awaitable[_T]) -> _T:
        """Do one piece; raises TimedOut, Forbidden or Unavailable."""
        async with redis_deadline(_PIECE_DEADLINE):
            return await doing

    async def told(self, message: str) -> None:
        """Say how far it is, and wait while Redis is slow; raises ``TemporaryError`` when it stays so."""
        if perf_counter() - self._told_at >= _TOLD_EVERY:
            self._told_at = perf_counter()
            await self._report(message)
        async with redis_deadline(_PIECE_DEADLINE + self._guard.patience):
            await self._guard.pace()


@asynccontextmanager
async def bounded_work(
    redis: Redis, queue: QueueSnapshot, report: Report, guarded: Callable[[Redis], LatencyGuard]
) -> AsyncIterator[BoundedWork]:
    """Watch Redis until the block ends."""
    async with redis_deadline(_PIECE_DEADLINE):
        guard = guarded(redis)
        await guard.begin()
    async with guard.watching():
        yield BoundedWork(redis, queue, guard, report)
