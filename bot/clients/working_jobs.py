"""The jobs that are worked on at this moment, who works on them, and those whose worker went away."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from redis.asyncio import Redis

from bot.clients.redis_connection import RedisConnection, redis_deadline
from bot.masking import cut, mask
from bot.settings import RedisSettings

# More jobs at once than this are worked on nowhere near; what is beyond it is said to be there.
LIMIT: Final = 500
STALLED_LIMIT: Final = 10_000
_NAME_LIMIT: Final = 80


@dataclass(frozen=True, slots=True)
class WorkingJob:
    """A job in work: its queue's short name, and the worker and the beginning, empty or None where it does not say."""

    queue: str
    id: str
    name: str
    worker: str
    since: datetime | None

    def sentence(self, now: datetime) -> str:
        """Say which job it is, how long it has run and where."""
        minutes = "" if self.since is None else f", running for {_duration((now - self.since).total_seconds())}"
        return f"{self.queue} job {self.id} ({self.name}){minutes}" + (f" on {self.worker}" if self.worker else "")


@dataclass(frozen=True, slots=True)
class Working:
    """What is worked on; ``more`` says that there are more jobs than were read."""

    jobs: tuple[WorkingJob, ...]
    more: bool

    @property
    def longest(self) -> WorkingJob | None:
        """The job that was begun first, or None where none is in work or none says when it was begun."""
        begun = [job for job in self.jobs if job.since is not None]
        return min(begun, key=lambda job: job.since or datetime.max.replace(tzinfo=UTC), default=None)


class WorkingJobs:
    """Reads the active lists of the configured queues of BullMQ, within bounds; every call ends within ``seconds``."""

    def __init__(
        self, settings: RedisSettings, *, connection: RedisConnection | None = None, seconds: float = 3.0
    ) -> None:
        self._keys = {short: f"{settings.queue_prefix}:{name}" for short, name in settings.queues.items()}
        self._connection = connection or RedisConnection(settings)
        self._seconds = seconds

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def read(self) -> Working:
        """Return what is worked on; raises NotConfigured, TimedOut, Forbidden or Unavailable."""
        redis = self._connection.open()
        async with redis_deadline(self._seconds):
            found = [await _jobs(redis, short, key) for short, key in self._keys.items()]
        return Working(tuple(job for jobs, _ in found for job in jobs), any(more for _, more in found))

    async def by_worker(self) -> dict[str, int] | None:
        """Return how many jobs each worker has, by its name; None where some job does not tell, or not all was read."""
        working = await self.read()
        if working.more or not all(job.worker for job in working.jobs):
            return None
        return dict(Counter(job.worker for job in working.jobs))

    async def stalled_since(self, moment: datetime) -> dict[str, int]:
        """Return for each queue how many jobs lost their worker since then and were put back, as its events tell.

        BullMQ trims the events (about 10,000 a queue), so on a very busy queue it is the least there were.
        """
        redis = self._connection.open()
        async with redis_deadline(self._seconds):
            found = {short: await _stalled(redis, key, moment) for short, key in self._keys.items()}
        return {short: count for short, count in found.items() if count}


async def _jobs(redis: Redis, short: str, key: str) -> tuple[list[WorkingJob], bool]:
    ids = [str(job) for job in await redis.lrange(f"{key}:active", 0, LIMIT)]
    async with redis.pipeline(transaction=False) as pipeline:
        for job in ids[:LIMIT]:
            pipeline.hmget(f"{key}:{job}", ["name", "processedOn", "pb"])
        answers: Sequence[Sequence[Any]] = await pipeline.execute() if ids else []
    jobs = [
        WorkingJob(short, cut(job, _NAME_LIMIT), cut(mask(name or "?"), _NAME_LIMIT), worker or "", _moment(begun))
        for job, (name, begun, worker) in zip(ids[:LIMIT], answers, strict=True)
        if (name, begun, worker) != (None, None, None)  # it ended in between
    ]
    return jobs, len(ids) > LIMIT


async def _stalled(redis: Redis, key: str, moment: datetime) -> int:
    after, count = f"{int(moment.timestamp() * 1000)}", 0
    for _ in range(STALLED_LIMIT // 1000):
        events: list[Any] = await redis.xrange(f"{key}:events", min=after, count=1000) or []
        count += sum(fields.get("event") == "stalled" for _, fields in events)
        if len(events) < 1000:  # noqa: PLR2004 - the batch was not full
            break
        after = "(" + str(events[-1][0])
    return count


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text or "") / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - two minutes
