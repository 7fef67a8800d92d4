"""The failed jobs of a plain list, as the runbook describes them: taken as a whole, and then worked off in batches.

A list tells neither when its entries failed nor which are new. So exactly as many entries as were seen are taken, by
renaming the list: what fails afterwards begins a new one.
"""

import asyncio
import json
import zlib
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import WatchError

from bot.archived import Batch
from bot.errors import PermanentError

BATCH_BYTES: Final = 4_000_000
# Seconds for which Redis remembers that a batch is back; its archive is gone by then.
_MARKED: Final = 8 * 24 * 3600


class PlainFailed:
    """The lists ``<key>:failed`` and ``<key>:waiting``; every method raises the errors of the library."""

    def __init__(self, redis: Redis, key: str) -> None:
        self._redis = redis
        self._failed = f"{key}:failed"
        self._waiting = f"{key}:waiting"
        self._taken = f"{key}:failed:bot"

    async def take(self, entries: int, *, again: bool = False) -> None:
        """Take the list where it still has so many entries, or go on with what is taken; ``again`` where it was.

        Raises ``PermanentError`` where it has grown or shrunk.
        """
        if again or await self._redis.exists(self._taken):
            return
        async with self._redis.pipeline(transaction=True) as pipeline:
            await pipeline.watch(self._failed)
            found = await pipeline.llen(self._failed)
            if found != entries:
                raise PermanentError(f"{self._failed} has {found:,} entries now and had {entries:,}: look again")
            pipeline.multi()  # type: ignore[no-untyped-call]
            pipeline.rename(self._failed, self._taken)
            try:
                await pipeline.execute()
            except WatchError:
                raise PermanentError(f"{self._failed} changed in this very moment: look again") from None

    async def pack(self, most: int) -> Batch:
        """Copy the last entries that are left; ``index`` holds how many were left before."""
        left = await self._redis.llen(self._taken)
        words = ("LRANGE", self._taken, -most, -1)
        entries: list[bytes] = await self._redis.execute_command(*words, NEVER_DECODE=True)  # type: ignore[no-untyped-call]
        size, fits = 0, 0
        for entry in reversed(entries):
            size, fits = size + len(entry), fits + 1
            if size > BATCH_BYTES:
                break
        kept = [entry.decode("latin-1") for entry in entries[len(entries) - fits :]]
        payload = await asyncio.to_thread(zlib.compress, json.dumps(kept).encode(), 1)
        return Batch(len(kept), str(left).encode(), payload)

    async def remove(self, batch: Batch) -> int:
        """Remove the entries of a batch unless that happened before; return how many."""
        left = await self._redis.llen(self._taken)
        if left != int(batch.index):
            return 0
        # A list of one batch is trimmed to an empty range, which removes its key.
        await self._redis.ltrim(self._taken, -left, -batch.jobs - 1)
        return batch.jobs

    async def retry(self, most: int) -> int:
        """Put some of the taken entries where new jobs begin to wait, the last ones first; return how many."""
        async with self._redis.pipeline(transaction=True) as pipeline:
            for _ in range(most):
                pipeline.rpoplpush(self._taken, self._waiting)
            return sum(entry is not None for entry in await pipeline.execute())

    async def restore(self, batch: Batch, name: str) -> None:
        """Put the entries of a batch back before those that are there, once for each ``name``."""
        text = await asyncio.to_thread(zlib.decompress, batch.payload)
        entries = [str(entry).encode("latin-1") for entry in json.loads(text)]
        async with self._redis.pipeline(transaction=True) as pipeline:
            await pipeline.watch(self._mark(name))
            if await pipeline.exists(self._mark(name)):
                return
            pipeline.multi()  # type: ignore[no-untyped-call]
            pipeline.set(self._mark(name), "1", ex=_MARKED)
            pipeline.lpush(self._failed, *reversed(entries))
            await pipeline.execute()

    async def forget(self, name: str) -> None:
        """Take away the mark that a batch is back, once that is on record."""
        await self._redis.delete(self._mark(name))

    def _mark(self, name: str) -> str:
        return f"{self._taken}:{name}"
