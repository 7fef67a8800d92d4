"""NovaPulse's queues, read from Redis in a few round trips for every few hundred of them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from bot.clients.connected_workers import (
    HOW_MANY,
    LIST,
    Connection,
    by_queue,
    enough_connected,
    too_many,
    workers_of,
)
from bot.clients.failed_job import JobDetails, details, read_job
from bot.clients.failed_jobs import FailedJobs, masked, read_failed
from bot.clients.many_queues import FEW
from bot.clients.queue_layout import (
    RUNBOOK_PREFIX,
    Answers,
    MissingQueue,
    PlainCounts,
    QueueSnapshot,
    Reading,
    forbidden,
    is_bullmq,
    read_bullmq,
    read_plain,
)
from bot.clients.queue_rounds import ask, everything, oldest_and_clients
from bot.clients.redis_connection import RedisConnection, redis_deadline
from bot.errors import Unavailable
from bot.plan import Progress, condition
from bot.settings import RedisSettings
from bot.turns import in_turns

# Looking for queues under other names visits at most 20 batches of about 500 keys.
_SCAN_BATCHES: Final = 20
_SCAN_COUNT: Final = 500
_FOUND_LIMIT: Final = 20


class Queues:
    """The configured queues; ``settings.queues`` maps the short names to the names in Redis."""

    def __init__(self, settings: RedisSettings, *, connection: RedisConnection | None = None) -> None:
        self._prefix = settings.queue_prefix
        self._names = dict(settings.queues)
        self._connection = connection or RedisConnection(settings)
        # Redis drops a list with its last element: a queue of plain lists that was seen once is empty when its
        # lists are gone, one that was never seen is missing.
        self._seen_plain: set[str] = set()

    @property
    def shorts(self) -> tuple[str, ...]:
        """The configured short names, in order."""
        return tuple(self._names)

    def remember_plain(self, shorts: Iterable[str]) -> None:
        """Know these as queues of plain lists that were seen, such as before a restart."""
        self._seen_plain.update(shorts)

    async def snapshot(self, *, seconds: float = 3.0) -> dict[str, QueueSnapshot | MissingQueue]:
        """Read every queue; raises NotConfigured, TimedOut, Forbidden or Unavailable for Redis as a whole."""
        redis = self._connection.open()
        async with redis_deadline(seconds):
            keys = {short: self._key(name) for short, name in self._names.items()}
            answers, connected = await everything(redis, keys, {short: self._plain_keys(short) for short in keys})
            readings = {short: self._reading(short, answers[short]) async for short in in_turns(self._names)}
            found = [reading for reading in readings.values() if isinstance(reading, Reading)]
            ends = [(one.name, f"{self._key(one.name)}:{job}") for one in found for job in one.ends]
            oldest, clients = await oldest_and_clients(redis, ends, too_many(connected), many=len(found) > FEW)
        others = await self._others(redis, seconds) if len(found) < len(readings) else ()
        workers = clients if isinstance(clients, RedisError) else by_queue(clients)
        return {
            short: self._snapshot(short, reading, oldest, workers)
            if isinstance(reading, Reading)
            else MissingQueue(short, self._looked_for(short), others, reading)
            async for short, reading in in_turns(readings.items())
        }

    async def connections(self, *, seconds: float = 3.0) -> dict[str, list[Connection]]:
        """Return the connections of each queue's workers.

        Raises Forbidden when Redis does not let the bot list its clients, besides TimedOut and Unavailable.
        """
        redis = self._connection.open()
        async with redis_deadline(seconds):
            if problem := too_many((await ask(redis, [HOW_MANY]))[0]):
                raise problem
            (clients,) = await ask(redis, [LIST])
            if isinstance(clients, RedisError):
                raise clients
        connected = by_queue(clients)
        return {short: workers_of(self._prefix, name, connected) for short, name in self._names.items()}

    async def worker_names(self, *, seconds: float = 3.0) -> dict[str, list[str]]:
        """Name the workers connected to each queue (a nameless one by its address); raises as ``connections`` does."""
        found = await self.connections(seconds=seconds)
        return {short: [connection.label for connection in those] for short, those in found.items()}

    async def failed_jobs(self, shorts: Sequence[str], *, seconds: float = 5.0) -> dict[str, FailedJobs | MissingQueue]:
        """Read these queues' newest failed jobs, with masked reasons; raises as ``snapshot`` does."""
        snapshots = await self.snapshot(seconds=seconds)
        redis, found = self._connection.open(), dict[str, FailedJobs | MissingQueue]()
        async with redis_deadline(seconds):
            for short in shorts:
                seen = snapshots[short]
                found[short] = await read_failed(redis, seen) if isinstance(seen, QueueSnapshot) else seen
        return await asyncio.to_thread(masked, found)

    async def failed_job(self, queue: QueueSnapshot, job: str, *, seconds: float = 5.0) -> JobDetails | None:
        """Read one job of a BullMQ queue as it may be shown; None where there is none. Raises as ``snapshot`` does."""
        async with redis_deadline(seconds):
            found = await read_job(self._connection.open(), queue, job)
        return None if found is None else await asyncio.to_thread(details, found)

    @condition
    async def workers_connected(self, minimum: int) -> Progress:
        """Tell whether every queue that is there has at least ``minimum`` workers; raises as ``snapshot`` does."""
        return enough_connected(await self.snapshot(), minimum)

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    def _key(self, name: str) -> str:
        return f"{self._prefix}:{name}"

    def _plain_keys(self, short: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._key(self._names[short]), f"{RUNBOOK_PREFIX}:{short}")))

    def _looked_for(self, short: str) -> tuple[str, ...]:
        plain = (f"{key}:waiting" for key in self._plain_keys(short))
        return (f"{self._key(self._names[short])}:meta", *plain)

    def _reading(self, short: str, parts: Mapping[str, Answers]) -> Reading | str:
        """Return what was read, or why nothing could be (an empty text: because nothing is there)."""
        if len(parts) > 1 and forbidden(parts["bullmq"]):  # what a script has read is there
            return f"Redis does not let the bot read {self._key(self._names[short])}:*"
        name, bullmq = self._names[short], parts["bullmq"]
        try:
            plain = None if is_bullmq(bullmq) else self._plain(short, parts)
            return plain or read_bullmq(name, bullmq) or ""
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            return f"the keys {self._key(name)}:* are no queue of BullMQ"

    def _plain(self, short: str, parts: Mapping[str, Answers]) -> Reading | None:
        for key in self._plain_keys(short):
            if reading := read_plain(key, parts[key]):
                self._seen_plain.add(short)
                return reading
        if short in self._seen_plain:
            return Reading(self._names[short], "plain", PlainCounts(waiting=0, failed=0))
        return None

    async def _others(self, redis: Redis, seconds: float) -> tuple[str, ...]:
        """Find queues that are there under other names, looking at a bounded part of the keys."""
        cursor, found = 0, set[str]()
        # What the queues are called instead is a hint: being unable to give one must not hide the numbers.
        with suppress(Unavailable):
            async with redis_deadline(seconds):
                for _ in range(_SCAN_BATCHES):
                    cursor, keys = await redis.scan(cursor, match="*:meta", count=_SCAN_COUNT, _type="hash")
                    found |= {str(key).removesuffix(":meta") for key in keys}
                    if not cursor:
                        break
        return tuple(sorted(found - {self._key(name) for name in self._names.values()})[:_FOUND_LIMIT])

    def _snapshot(self, short: str, reading: Reading, oldest: Mapping[str, datetime], clients: Any) -> QueueSnapshot:
        plain = reading.layout == "plain"
        unknown = plain or isinstance(clients, RedisError)
        return QueueSnapshot(
            short=short,
            name=reading.name if plain else self._key(reading.name),
            layout=reading.layout,
            counts=reading.counts,
            is_paused=reading.is_paused,
            oldest_waiting_at=oldest.get(reading.name),
            version=reading.version,
            workers=None if unknown else len(workers_of(self._prefix, reading.name, clients)),
            jobs_added=reading.jobs_added,
            finished_at=reading.finished_at,
        )
