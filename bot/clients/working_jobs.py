"""The jobs that are worked on at this moment, who works on them, and those whose worker went away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from redis.asyncio import Redis

from bot.clients.bullmq_scripts import evaluate
from bot.clients.connected_workers import Connection
from bot.clients.failed_jobs import FETCHED
from bot.clients.queue_layout import Command, MissingQueue, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.redis_connection import RedisConnection, redis_deadline
from bot.masking import cut, mask
from bot.settings import RedisSettings

# More jobs at once than this are worked on nowhere near; what is beyond it is said to be there.
LIMIT: Final = 500
STALLED_LIMIT: Final = 11_000
_EVENTS: Final = 1_000
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
    """What is worked on in the queues that are ``known``; ``more`` says that there are more jobs than were read.

    ``unknown`` are the queues that do not tell, each with the reason: their jobs may be any number.
    """

    jobs: tuple[WorkingJob, ...]
    more: bool
    known: tuple[str, ...]
    unknown: Mapping[str, str]

    @property
    def longest(self) -> WorkingJob | None:
        """The job that was begun first, or None where none is in work or none says when it was begun."""
        begun = [job for job in self.jobs if job.since is not None]
        return min(begun, key=lambda job: job.since or datetime.max.replace(tzinfo=UTC), default=None)


@dataclass(frozen=True, slots=True)
class Stalled:
    """How many jobs of a queue were put back; ``at_least`` says that not every event since then could be read.

    ``unknown`` is the reason where nothing could be.
    """

    count: int
    at_least: bool = False
    unknown: str = ""

    def __str__(self) -> str:
        if self.unknown:
            return f"unknown ({self.unknown})"
        if not self.at_least:
            return f"{self.count:,}"
        return f"at least {self.count:,}" if self.count else "unknown (its events since then are not all there)"


class WorkingJobs:
    """Reads the active lists of the configured queues of BullMQ, within bounds.

    Every call to Redis ends within ``seconds``; all raise NotConfigured, TimedOut, Forbidden or Unavailable for Redis
    as a whole. A queue that is not there, is not BullMQ's or may not be read is unknown, not idle.
    """

    def __init__(
        self, settings: RedisSettings, *, connection: RedisConnection | None = None, seconds: float = 3.0
    ) -> None:
        self._connection = connection or RedisConnection(settings)
        self._queues = Queues(settings, connection=self._connection)
        self._seconds = seconds

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def read(self) -> Working:
        """Return what is worked on."""
        keys, unknown = await self._layouts()
        redis = self._connection.open()
        async with redis_deadline(self._seconds):
            found = [await _jobs(redis, short, key) for short, key in keys.items()]
        jobs, more = tuple(job for jobs, _ in found for job in jobs), any(more for _, more in found)
        return Working(jobs, more, tuple(keys), unknown)

    async def connections(self) -> dict[str, list[Connection]]:
        """Return the connections of each queue's workers."""
        return await self._queues.connections(seconds=self._seconds)

    async def stalled_since(self, moment: datetime) -> dict[str, Stalled]:
        """Return how many jobs lost their worker since then, for each queue that had some or does not tell.

        Its events tell it. BullMQ trims them (about 10,000 a queue), so on a busy queue it is the least there were.
        """
        keys, unknown = await self._layouts()
        redis = self._connection.open()
        async with redis_deadline(self._seconds):
            found = {short: await _stalled(redis, key, moment) for short, key in keys.items()}
        found |= {short: Stalled(0, unknown=reason) for short, reason in unknown.items()}
        return {short: stalled for short, stalled in found.items() if stalled != Stalled(0)}

    async def _layouts(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what the keys of each queue of BullMQ begin with, and for each other one why it does not tell."""
        seen = await self._queues.snapshot(seconds=self._seconds)
        unknown = {short: why for short, queue in seen.items() if (why := _why_unknown(queue))}
        keys = {short: queue.name for short, queue in seen.items() if isinstance(queue, QueueSnapshot)}
        return {short: key for short, key in keys.items() if short not in unknown}, unknown


def _why_unknown(queue: QueueSnapshot | MissingQueue) -> str:
    """Say why a queue does not tell what is worked on; empty where it does."""
    if isinstance(queue, QueueSnapshot):
        return "in plain lists a job in work is in no list" if queue.layout == "plain" else ""
    found = f"; found instead: {', '.join(queue.found_instead)}" if queue.found_instead else ""
    return queue.reason or f"no such keys in Redis{found}"


async def _jobs(redis: Redis, short: str, key: str) -> tuple[list[WorkingJob], bool]:
    ids = [str(job) for job in await redis.lrange(f"{key}:active", 0, LIMIT)]
    long = await _asked(redis, [("HSTRLEN", f"{key}:{job}", "name") for job in ids[:LIMIT]])
    # In the place of a name that is too long stands one that no job has.
    names = ["name" if length <= FETCHED else "no such field" for length in long]
    fields = [("HMGET", f"{key}:{job}", name, "processedOn", "pb") for job, name in zip(ids, names, strict=False)]
    answers: Sequence[Sequence[Any]] = await _asked(redis, fields)
    jobs = [
        WorkingJob(short, cut(job, _NAME_LIMIT), cut(mask(name or "?"), _NAME_LIMIT), worker or "", _moment(begun))
        for job, (name, begun, worker) in zip(ids[:LIMIT], answers, strict=True)
        if (name, begun, worker) != (None, None, None)  # it ended in between
    ]
    return jobs, len(ids) > LIMIT


async def _asked(redis: Redis, commands: Sequence[Command]) -> list[Any]:
    if not commands:
        return []
    async with redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute()


async def _stalled(redis: Redis, key: str, moment: datetime) -> Stalled:
    after, count = f"{int(moment.timestamp() * 1000)}", 0
    for _ in range(STALLED_LIMIT // _EVENTS):
        stalled, looked_at, last = await evaluate(redis, "stalled", f"{key}:events", after, _EVENTS)
        count += stalled
        if looked_at < _EVENTS:
            return Stalled(count, at_least=await _are_trimmed(redis, key, moment))
        after = f"({last}"
    return Stalled(count, at_least=True)


async def _are_trimmed(redis: Redis, key: str, moment: datetime) -> bool:
    """Tell whether events since then may be gone: some are, and none that is left is older."""
    if not await redis.exists(f"{key}:events"):
        return False
    known: dict[str, Any] = await redis.xinfo_stream(f"{key}:events")
    added, oldest = known.get("entries-added"), known.get("first-entry")
    if added == known["length"]:
        return False
    # Redis before 7 does not tell how many there ever were: then only an older event proves that none is gone.
    return not oldest or int(str(oldest[0]).partition("-")[0]) >= moment.timestamp() * 1000


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text or "") / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - two minutes
