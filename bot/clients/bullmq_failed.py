"""What can be done to the failed jobs of one BullMQ queue: copied, removed, retried, brought back.

Removing and retrying are BullMQ's own scripts. Both are told exactly which jobs: those are moved to a set of the bot's
own, the script works on that set, and what it leaves is put back, all in one transaction. So a job that failed again
in the meantime is never touched, and no key of the bot's stays behind, also when it is killed in the middle.
"""

import asyncio
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from bot.archived import Batch
from bot.clients.bullmq_scripts import Scripts
from bot.clients.failed_jobs import scored
from bot.errors import PermanentError

# A batch is cut off after the job with which it is larger than this.
BATCH_BYTES: Final = 4_000_000
_WATCHED: Final = 20  # times a queue may be paused or resumed in the very moment of a retry

Scored = tuple[str, str]  # a job's id and its score in the failed set, as Redis writes it


@dataclass(frozen=True, slots=True)
class Packed:
    """What was copied: of the jobs ``looked`` at, ``left`` belong to another job and are not in ``batch``."""

    looked: int
    left: int
    batch: Batch


class BullmqFailed:
    """The failed jobs of the queue whose keys begin with ``key``; every method raises the errors of the library."""

    def __init__(self, redis: Redis, scripts: Scripts, key: str, version: str | None) -> None:
        self._redis = redis
        self._scripts = scripts
        self._key = key
        self._version = version
        self._failed = f"{key}:failed"
        self._own = f"{key}:failed:bot"

    async def oldest(self, until: float, skip: int, most: int) -> list[Scored]:
        """Return which jobs failed first, after ``skip`` of them and up to ``until`` (epoch, ms)."""
        return await scored(self._redis, "ZRANGEBYSCORE", self._failed, "-inf", until, skip, most)

    async def pack(self, until: float, skip: int, most: int, ids: Sequence[str] | None = None) -> Packed:
        """Copy the oldest failed jobs after ``skip`` of them, or those of these ids, up to ``until`` (epoch, ms)."""
        if ids is not None and not ids:
            return Packed(0, 0, Batch(0, b"[]", b""))
        words = self._scripts.call(
            "pack", [self._failed], f"{self._key}:", until, skip, most, BATCH_BYTES, *(ids or ())
        )
        answer = await self._redis.execute_command(*words, NEVER_DECODE=True)  # type: ignore[no-untyped-call]
        looked, left, index, payload = answer
        small = await asyncio.to_thread(zlib.compress, payload, 1)
        return Packed(looked, left, Batch(looked - left, index, small))

    async def remove(self, batch: Batch) -> int:
        """Remove the jobs of a batch, with their logs and de-duplication keys, as far as they still lie as copied."""
        keys = [self._own, f"{self._key}:events", f"{self._key}:repeat"]
        clean = self._scripts.call("cleanJobsInSet", keys, f"{self._key}:", "+inf", 0, "failed")
        async with self._redis.pipeline(transaction=True) as pipeline:
            answers = await self._on_own_set(pipeline, batch.index, [clean])
        return int(answers[0])

    async def drop(self, until: float, most: int) -> int:
        """Remove the oldest failed jobs up to ``until`` (epoch, ms) as the library's own ``queue.clean`` does."""
        keys = [self._failed, f"{self._key}:events", f"{self._key}:repeat"]
        words = self._scripts.call("cleanJobsInSet", keys, f"{self._key}:", until, most, "failed")
        return int(await self._redis.execute_command(*words))  # type: ignore[no-untyped-call]

    async def retry(self, jobs: Sequence[Scored]) -> int:
        """Have the workers do these jobs once more, in this order and with their priorities; return how many."""
        lifo = await self._lifo([job for job, _ in jobs])
        index = json.dumps(jobs).encode()
        for _ in range(_WATCHED):
            async with self._redis.pipeline(transaction=True) as pipeline:
                await pipeline.watch(f"{self._key}:meta")
                found = await pipeline.hmget(f"{self._key}:meta", "version", "paused")
                version, paused = (value if value is None else str(value) for value in found)
                self._check(version)
                # Version 5 overwrites ``wait`` when it resumes a queue: what lay there would be lost.
                wait = "paused" if paused is not None and major_of(version) == "5" else "wait"
                calls = [self._again(job, wait, lifo=job in lifo) for job, _ in jobs]
                pipeline.multi()  # type: ignore[no-untyped-call]
                try:
                    answers = await self._on_own_set(pipeline, index, calls)
                except WatchError:
                    continue
                return sum(answer == 1 for answer in answers[1:])
        raise PermanentError("the queue is paused and resumed all the time")

    async def restore(self, batch: Batch) -> int:
        """Bring the jobs of a batch back as failed, except where a job of that id is there; return how many."""
        payload = await asyncio.to_thread(zlib.decompress, batch.payload)
        words = self._scripts.call("restore", [self._failed], f"{self._key}:", batch.index, payload)
        return int(await self._redis.execute_command(*words))  # type: ignore[no-untyped-call]

    async def _on_own_set(self, pipeline: Any, index: bytes, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Do it in one transaction; return how many jobs there were, and the answer of each call."""
        pipeline.execute_command(*self._scripts.call("take", [self._failed, self._own], index))
        for call in calls:
            pipeline.execute_command(*call)
        pipeline.execute_command(*self._scripts.call("put_back", [self._own, self._failed]))
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer
        return answers[:-1]

    def _again(self, job: str, wait: str, *, lifo: bool) -> tuple[Any, ...]:
        """Return the call that BullMQ's ``job.retry()`` makes, on the set of our own."""
        names = ("events", "", wait, "meta", "active", "marker", "prioritized", "pc")
        keys = [f"{self._key}:{job}", *(f"{self._key}:{name}" if name else self._own for name in names)]
        push = "RPUSH" if lifo else "LPUSH"
        return self._scripts.call("reprocessJob", keys, job, push, "failedReason", "failed", "0", "0")

    async def _lifo(self, jobs: Sequence[str]) -> set[str]:
        """Return which of these jobs are to be done before all others, as their options say."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for job in jobs:
                pipeline.hget(f"{self._key}:{job}", "opts")
            answers = await pipeline.execute(raise_on_error=False)
        return {job for job, options in zip(jobs, answers, strict=True) if _is_lifo(options)}

    def _check(self, version: str | None) -> None:
        if version != self._version:
            raise PermanentError(f"the queue's library is {version or 'unknown'} now, and was {self._version}")


def major_of(version: str | None) -> str:
    """Return the major version of what a queue's ``meta`` says, such as ``bullmq:5.65.1``."""
    return (version or "").rpartition(":")[2].partition(".")[0]


def _is_lifo(options: object) -> bool:
    try:
        return bool(json.loads(str(options)).get("lifo"))
    except (ValueError, AttributeError):
        return False
