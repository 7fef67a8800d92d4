"""The keys of NovaPulse's Redis, visited in bounded batches: counted by type and prefix, and cached ones removed."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

from redis.asyncio import Redis

from bot.clients.redis_connection import RedisConnection, redis_deadline
from bot.errors import PermanentError
from bot.masking import cut, mask
from bot.plan import Report, operation
from bot.settings import RedisSettings

_BATCH: Final = 1000  # keys that one SCAN looks at
_BATCH_DEADLINE: Final = 5.0  # seconds
_SAMPLE: Final = 10
_PREFIXES: Final = 200
_KEY_LIMIT: Final = 120
# Seconds between two batches, so that others come first.
_PAUSE: Final = 0.001
_OTHER: Final = "(others)"
# The patterns of the runbook's "Caching Strategy", by a word for each.
CACHES: Final = {
    "company": "cache:company:*:stats",
    "user": "cache:user:*:profile",
    "department": "cache:department:*:members",
}
_CACHE_KEYS: Final = tuple(re.compile(glob.replace("*", r"[^:*?\[\]\\\s]+")) for glob in CACHES.values())


@dataclass
class KeySurvey:
    """What was found; ``looked_at`` of about ``total`` keys were visited, not all of them where ``is_partial``.

    A key is counted twice where Redis moved it while it was being visited. The sample is masked.
    """

    total: int
    looked_at: int = 0
    matched: int = 0
    is_partial: bool = False
    types: Counter[str] = field(default_factory=Counter)
    prefixes: Counter[str] = field(default_factory=Counter)
    sample: list[str] = field(default_factory=list)


@dataclass
class CacheSurvey:
    """Cached keys by pattern, and their remaining seconds: the least and the most of those that expire."""

    counts: Counter[str] = field(default_factory=Counter)
    forever: int = 0
    least: int | None = None
    most: int | None = None
    is_partial: bool = False
    sample: list[str] = field(default_factory=list)

    @property
    def matched(self) -> int:
        """How many keys were found."""
        return self.counts.total()


class RedisKeys:
    """Looks at keys for at most ``budget`` seconds a call; raises NotConfigured, TimedOut, Forbidden, Unavailable."""

    def __init__(
        self, settings: RedisSettings, *, budget: float = 15.0, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._prefix = settings.queue_prefix
        self._connection = RedisConnection(settings)
        self._budget = budget
        self._clock = clock

    async def survey(self, pattern: str, *, budget: float | None = None) -> KeySurvey:
        """Count the keys that match a pattern of Redis (``nova:*``) by type and prefix."""
        redis = self._connection.open()
        async with redis_deadline(_BATCH_DEADLINE):
            found = KeySurvey(total=int(await redis.dbsize()))
        until = self._clock() + (self._budget if budget is None else budget)
        async for keys, is_last in self._batches(pattern):
            types = await _each(redis, "TYPE", keys)
            _count(found, keys, types)
            if not is_last and self._clock() > until:
                found.is_partial = True
                break
        found.looked_at = min(found.looked_at, found.total) if found.is_partial else found.total
        return found

    async def cached(self, pattern: str) -> CacheSurvey:
        """Count the cached keys that a pattern of ``cache_pattern`` finds, with how long they live."""
        redis, found = self._connection.open(), CacheSurvey()
        until = self._clock() + self._budget
        async for keys, is_last in self._cache_batches(pattern):
            for key, seconds in zip(keys, await _each(redis, "TTL", keys), strict=True):
                _count_cached(found, key, int(seconds))
            if not is_last and self._clock() > until:
                found.is_partial = True
                break
        return found

    @operation
    async def clear_cache(self, pattern: str, *, progress: Report) -> str:
        """Remove the cached keys that a pattern of ``cache_pattern`` finds, in batches and without blocking Redis."""
        if not self.may_clear:
            raise PermanentError(f"the queues' keys begin with {self._prefix!r} too: nothing is removed")
        redis, removed, told_at = self._connection.open(), 0, self._clock()
        async for keys, _ in self._cache_batches(pattern):
            if keys:
                async with redis_deadline(_BATCH_DEADLINE):
                    removed += int(await redis.unlink(*keys))
            if self._clock() - told_at > 1:
                told_at = self._clock()
                await progress(f"{removed:,} keys removed")
        return f"{removed:,} {'key was' if removed == 1 else 'keys were'} removed" if removed else "no such keys here"

    @property
    def may_clear(self) -> bool:
        """Whether no queue's key can look like a cached one."""
        return self._prefix.partition(":")[0] != "cache"

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _cache_batches(self, pattern: str) -> AsyncIterator[tuple[list[str], bool]]:
        async for keys, is_last in self._batches(pattern):
            yield [key for key in keys if is_cache_key(key)], is_last

    async def _batches(self, pattern: str) -> AsyncIterator[tuple[list[str], bool]]:
        """Visit every key once or, where Redis moves it meanwhile, twice; say whether this batch is the last."""
        redis, cursor = self._connection.open(), 0
        while True:
            async with redis_deadline(_BATCH_DEADLINE):
                cursor, keys = await redis.scan(cursor, match=pattern, count=_BATCH)
            yield [str(key) for key in keys], cursor == 0
            if cursor == 0:
                return
            await asyncio.sleep(_PAUSE)


def is_cache_key(key: str) -> bool:
    """Say whether a key is one of the documented cached ones, and nothing else."""
    return any(pattern.fullmatch(key) for pattern in _CACHE_KEYS)


def prefix_of(key: str) -> str:
    """Return the beginning of a key that says what it belongs to, such as ``bull:nova-email:*``."""
    parts = key.split(":")
    if len(parts) == 1:
        return cut(mask(key), _KEY_LIMIT)
    return cut(mask(":".join(parts[: min(2, len(parts) - 1)])), _KEY_LIMIT) + ":*"


async def _each(redis: Redis, word: str, keys: list[str]) -> list[Any]:
    """Ask the same of every key, in one round trip."""
    if not keys:
        return []
    async with redis_deadline(_BATCH_DEADLINE), redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.execute_command(word, key)
        return await pipeline.execute()


def _count(found: KeySurvey, keys: list[str], types: list[Any]) -> None:
    found.looked_at += _BATCH
    for key, kind in zip(keys, types, strict=True):
        if kind == "none":
            continue  # it went away in between
        found.matched += 1
        found.types[str(kind)] += 1
        prefix = prefix_of(key)
        found.prefixes[prefix if prefix in found.prefixes or len(found.prefixes) < _PREFIXES else _OTHER] += 1
        if len(found.sample) < _SAMPLE:
            found.sample.append(cut(mask(key), _KEY_LIMIT))


def _count_cached(found: CacheSurvey, key: str, seconds: int) -> None:
    if seconds == -2:  # noqa: PLR2004 - how Redis says that the key went away in between
        return
    parts = key.split(":")
    found.counts[CACHES[parts[1]]] += 1
    if len(found.sample) < _SAMPLE:
        found.sample.append(cut(mask(key), _KEY_LIMIT))
    if seconds < 0:
        found.forever += 1
        return
    found.least = seconds if found.least is None else min(found.least, seconds)
    found.most = seconds if found.most is None else max(found.most, seconds)
