"""NovaPulse's queues, read from Redis in a few round trips for every few hundred of them."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from bot.clients.connected_workers import by_queue, workers_of
from bot.clients.failed_job import JobDetails, details, read_job
from bot.clients.failed_jobs import FailedJobs, masked, read_failed
from bot.clients.many_queues import FEW, ask_jobs, ask_queues
from bot.clients.queue_layout import (
    RUNBOOK_PREFIX,
    Answers,
    Command,
    MissingQueue,
    PlainCounts,
    QueueSnapshot,
    Reading,
    bullmq_commands,
    forbidden,
    is_bullmq,
    plain_commands,
    read_bullmq,
    read_plain,
)
from bot.clients.redis_connection import RedisConnection, redis_deadline
from bot.errors import Unavailable
from bot.plan import Progress, condition
from bot.settings import RedisSettings

_CLIENT_LIST: Final[Command] = ("CLIENT LIST", "TYPE", "normal")
# Looking for queues under other names visits at most 20 batches of about 500 keys.
_SCAN_BATCHES: Final = 20
_SCAN_COUNT: Final = 500
_FOUND_LIMIT: Final = 20
# Commands in one round trip: of a few hundred queues, and no more than Redis may keep the answers of.
_AT_ONCE: Final = 10_000


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
            answers, clients = await self._first_round(redis)
            readings = {short: self._reading(short, answers[short]) for short in self._names}
            found = [reading for reading in readings.values() if isinstance(reading, Reading)]
            oldest = await self._oldest(redis, found)
        others = await self._others(redis, seconds) if len(found) < len(readings) else ()
        workers = clients if isinstance(clients, RedisError) else by_queue(clients)
        return {
            short: self._snapshot(short, reading, oldest, workers)
            if isinstance(reading, Reading)
            else MissingQueue(short, self._looked_for(short), others, reading)
            for short, reading in readings.items()
        }

    async def worker_names(self, *, seconds: float = 3.0) -> dict[str, list[str]]:
        """Name the workers connected to each queue (a nameless one by its address).

        Raises Forbidden when Redis does not let the bot list its clients, besides TimedOut and Unavailable.
        """
        redis = self._connection.open()
        async with redis_deadline(seconds):
            clients = await redis.client_list(_type="normal")
        connected = by_queue(clients)
        return {short: workers_of(self._prefix, name, connected) for short, name in self._names.items()}

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
        """Tell whether every queue that is there has at least ``minimum`` workers; raises as ``snapshot`` does.

        It is not done while a queue's workers are unknown; one that is not there at all is only named.
        """
        seen = await self.snapshot()
        found = {short: queue.workers for short, queue in seen.items() if isinstance(queue, QueueSnapshot)}
        counted = {short: workers for short, workers in found.items() if workers is not None}
        absent = [short for short, queue in seen.items() if isinstance(queue, MissingQueue) and not queue.reason]
        unknown = [short for short in seen if short not in counted and short not in absent]
        if not counted:
            return Progress(done=False, message="who is connected to the queues is unknown")
        said = ", ".join(f"{short} {workers}" for short, workers in counted.items())
        enough = all(workers >= minimum for workers in counted.values())
        message = f"workers connected: {said}" + ("" if enough else f"; {minimum} wanted")
        message += f"; unknown: {', '.join(unknown)}" if unknown else ""
        message += f"; not there: {', '.join(absent)}" if absent else ""
        return Progress(done=enough and not unknown, message=message)

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

    async def _first_round(self, redis: Redis) -> tuple[Mapping[str, Mapping[str, Answers]], Any]:
        """Ask everything about every queue; the last answer is the list of clients, or its error."""
        keys = {short: self._key(name) for short, name in self._names.items()}
        many = await ask_queues(redis, list(keys.values())) if len(keys) > FEW else {}
        asked: list[tuple[str, str, str, Command]] = []
        for short, key in keys.items():
            if key not in many:
                parts = {"bullmq": bullmq_commands(key)}
                parts |= {plain: plain_commands(plain) for plain in self._plain_keys(short)}
                asked += [(short, part, field, command) for part in parts for field, command in parts[part].items()]
        *answered, clients = await _ask(redis, [*(command for *_, command in asked), _CLIENT_LIST])
        answers: dict[str, dict[str, Answers]] = {
            short: {"bullmq": many[key]} for short, key in keys.items() if key in many
        }
        plainly: dict[str, dict[str, dict[str, Any]]] = {}
        for (short, part, field, _), answer in zip(asked, answered, strict=True):
            plainly.setdefault(short, {}).setdefault(part, {})[field] = answer
        return {**answers, **plainly}, clients

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

    async def _oldest(self, redis: Redis, readings: Sequence[Reading]) -> dict[str, datetime]:
        """Read when the jobs at the ends of the waiting lists were due, and keep each queue's earliest."""
        asked = [(reading.name, f"{self._key(reading.name)}:{job}") for reading in readings for job in reading.ends]
        many = await ask_jobs(redis, [key for _, key in asked]) if len(readings) > FEW else {}
        left = [key for _, key in asked if key not in many]
        commands: list[Command] = [("HMGET", key, "timestamp", "opts") for key in left]
        answers = {**many, **dict(zip(left, await _ask(redis, commands), strict=True))}
        oldest: dict[str, datetime] = {}
        for name, key in asked:
            due = None if isinstance(answers[key], RedisError) else _due(*answers[key])
            if due:
                oldest[name] = min(due, oldest.get(name, due))
        return oldest

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


async def _ask(redis: Redis, commands: Sequence[Command]) -> list[Any]:
    """Send commands in as few round trips as are good for Redis; an answer may be that command's error."""
    answers: list[Any] = []
    for start in range(0, len(commands), _AT_ONCE):
        async with redis.pipeline(transaction=False) as pipeline:
            for command in commands[start : start + _AT_ONCE]:
                pipeline.execute_command(*command)
            answers += await pipeline.execute(raise_on_error=False)
    return answers


def _due(timestamp: str | None, opts: str | None) -> datetime | None:
    """Read when a job was to run: BullMQ's time of adding plus its delay, both in milliseconds."""
    try:
        delay = json.loads(opts or "{}").get("delay", 0)
        return datetime.fromtimestamp((int(timestamp or "") + int(delay or 0)) / 1000, UTC)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        return None
