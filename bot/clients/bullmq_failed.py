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
from bot.clients.failed_selection import Scored, Window
from bot.errors import PermanentError

# A batch is cut off after the job with which it is larger than this.
BATCH_BYTES: Final = 4_000_000
_WATCHED: Final = 20  # times a queue may be paused or resumed in the very moment of a retry


@dataclass(frozen=True, slots=True)
class Packed:
    """What was copied of the jobs ``looked`` at; another job waits for ``left`` of them, which are not in ``batch``."""

    looked: int
    left: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Dropped:
    """Of the jobs ``looked`` at some are ``gone``, and ``left`` were left because another job waits for them.

    ``stayed`` of them are still in their place and have the ``last`` score.
    """

    looked: int
    gone: int
    left: int
    last: str
    stayed: int


class BullmqFailed:
    """The failed jobs of the queue whose keys begin with ``key``; every method raises the errors of the library."""

    def __init__(self, redis: Redis, scripts: Scripts, key: str, version: str | None) -> None:
        self._redis = redis
        self._scripts = scripts
        self._key = key
        self._version = version
        self._failed = f"{key}:failed"
        self._own = f"{key}:failed:bot"

    async def pack(self, until: float, ids: Sequence[bytes]) -> Packed:
        """Copy the first of these failed jobs, as many as fit into a batch; none that failed after ``until``."""
        words = self._scripts.call("pack", [self._failed], f"{self._key}:", until, BATCH_BYTES, *ids)
        answer = await self._redis.execute_command(*words, NEVER_DECODE=True)  # type: ignore[no-untyped-call]
        looked, left, jobs, index, payload = answer
        small = await asyncio.to_thread(zlib.compress, payload, 1)
        return Packed(looked, left, Batch(jobs, index, small))

    async def remove(self, batch: Batch) -> int:
        """Remove the jobs of a batch, with their logs and de-duplication keys, as far as they still lie as copied."""
        taking = self._scripts.call("take", [self._failed, self._own], batch.index)
        async with self._redis.pipeline(transaction=True) as pipeline:
            answers = await self._on_own_set(pipeline, taking, [self._clean()])
        return int(answers[0])

    async def drop(self, window: Window, most: int) -> Dropped:
        """Remove the next jobs as the library's own ``queue.clean`` does, except those that another job waits for.

        Removing such a one would remove or begin the other, also where that one's queue is paused.
        """
        keys = [self._failed, self._own, f"{self._key}:events", f"{self._key}:repeat"]
        words = self._scripts.call("drop_oldest", keys, f"{self._key}:", *window, most)
        looked, gone, left, last, stayed = await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        return Dropped(looked, gone, left, str(last), stayed)

    async def retry(self, jobs: Sequence[Scored]) -> set[bytes]:
        """Have the workers do these jobs once more, in this order and with their priorities; return which ones wait."""
        lifo = await self._lifo([job for job, _ in jobs])
        taking = self._scripts.call("take", [self._failed, self._own], _index(jobs))
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
                    answers = await self._on_own_set(pipeline, taking, calls)
                except WatchError:
                    continue
                return {job for (job, _), answer in zip(jobs, answers[1:], strict=True) if answer == 1}
        raise PermanentError("the queue is paused and resumed all the time")

    async def restore(self, batch: Batch) -> int:
        """Bring the jobs of a batch back as failed, except where a job of that id is there; return how many."""
        payload = await asyncio.to_thread(zlib.decompress, batch.payload)
        words = self._scripts.call("restore", [self._failed], f"{self._key}:", batch.index, payload)
        return int(await self._redis.execute_command(*words))  # type: ignore[no-untyped-call]

    def _clean(self) -> tuple[Any, ...]:
        keys = [self._own, f"{self._key}:events", f"{self._key}:repeat"]
        return self._scripts.call("cleanJobsInSet", keys, f"{self._key}:", "+inf", 0, "failed")

    async def _on_own_set(self, pipeline: Any, taking: tuple[Any, ...], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Do it in one transaction; return what was taken, and the answer of each call."""
        pipeline.execute_command(*taking)
        for call in calls:
            pipeline.execute_command(*call)
        pipeline.execute_command(*self._scripts.call("put_back", [self._own, self._failed]))
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer
        return answers[:-1]

    def _again(self, job: bytes, wait: str, *, lifo: bool) -> tuple[Any, ...]:
        """Return the call that BullMQ's ``job.retry()`` makes, on the set of our own."""
        names = ("events", "", wait, "meta", "active", "marker", "prioritized", "pc")
        keys: list[str | bytes] = [self._job(job), *(f"{self._key}:{name}" if name else self._own for name in names)]
        push = "RPUSH" if lifo else "LPUSH"
        return self._scripts.call("reprocessJob", keys, job, push, "failedReason", "failed", "0", "0")

    async def _lifo(self, jobs: Sequence[bytes]) -> set[bytes]:
        """Return which of these jobs are to be done before all others, as their options say."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for job in jobs:
                pipeline.hget(self._job(job), "opts")
            answers = await pipeline.execute(raise_on_error=False)
        return {job for job, options in zip(jobs, answers, strict=True) if _is_lifo(options)}

    def _job(self, job: bytes) -> bytes:
        return f"{self._key}:".encode() + job

    def _check(self, version: str | None) -> None:
        if version != self._version:
            raise PermanentError(f"the queue's library is {version or 'unknown'} now, and was {self._version}")


def ids_of(batch: Batch) -> set[bytes]:
    """Return which jobs are in a batch; their ids may be of any bytes."""
    return {str(job).encode("latin-1") for job, _ in json.loads(batch.index.decode("latin-1"))}


def _index(jobs: Sequence[Scored]) -> bytes:
    """Write down which jobs, as the scripts read it: JSON in which the ids stand byte for byte."""
    words = [[job.decode("latin-1"), score] for job, score in jobs]
    return json.dumps(words, ensure_ascii=False).encode("latin-1")


def major_of(version: str | None) -> str:
    """Return the major version of what a queue's ``meta`` says, such as ``bullmq:5.65.1``."""
    return (version or "").rpartition(":")[2].partition(".")[0]


def _is_lifo(options: object) -> bool:
    try:
        return bool(json.loads(str(options)).get("lifo"))
    except (ValueError, AttributeError):
        return False
