"""The failed jobs of a queue, read in bounded batches; their data is never read, for it holds secrets and names.

BullMQ: ``failed`` is a sorted set of ids by the moment of failure, ``<id>`` the job's hash. The runbook's plain
lists hold whatever somebody put there: an id that says nothing more, or JSON.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bot.clients.bullmq_scripts import evaluate
from bot.clients.queue_layout import Command, Layout, MissingQueue, QueueSnapshot
from bot.masking import cut, mask

# So many of a queue's failed jobs are looked at, the newest first; in pipelines of the second number.
JOBS_READ: Final = 1000
_BATCH: Final = 100
REASON_LIMIT: Final = 2_000
# Twice what is kept is masked: a secret that the cut would halve is still seen as one.
MASKED: Final = 2 * REASON_LIMIT
# What is longer is not fetched: a hundred of them have to fit into the memory.
FETCHED: Final = 65_536
_NAME_LIMIT: Final = 80
_NAME, _REASON, _NONE = "name", "failedReason", "no such field"
_FIELDS: Final = (_NAME, "atm", "attemptsMade", "finishedOn")
TOO_LONG: Final = f"(a reason of more than {FETCHED:,} bytes, which was not read)"
# Whom a job was for stands in the reasons of mail servers.
_ADDRESS: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,64}+\.[\w.-]{1,100}+")


@dataclass(frozen=True, slots=True)
class FailedJob:
    """One failed job: ``reason`` is masked and cut, empty where none is recorded; None is unknown."""

    name: str | None
    reason: str
    attempts: int | None
    failed_at: datetime | None
    id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FailedJobs:
    """A queue's failed jobs, the newest first where the layout tells.

    ``total`` is how many there are, None where that is unknown; ``unread`` counts those looked for whose own hash
    was gone or was none. ``kept`` is how many are kept, where the newest of them says so in its own options; what a
    worker is set to is not in Redis. ``is_capped`` says that older ones may have been dropped.
    """

    short: str
    layout: Layout
    total: int | None
    is_capped: bool
    jobs: tuple[FailedJob, ...] = ()
    unread: int = 0
    kept: int | None = None


async def read_failed(redis: Redis, queue: QueueSnapshot) -> FailedJobs:
    """Read the newest failed jobs of a queue, at most ``JOBS_READ``; their reasons are not masked yet.

    Raises the errors of the library: call it within ``redis_deadline``, and pass on what ``masked`` returns.
    """
    found = FailedJobs(queue.short, queue.layout, queue.counts.failed, queue.failed_is_capped)
    if not found.total:
        return found
    read = _plain_batch if queue.layout == "plain" else _bullmq_batch
    jobs: list[FailedJob | None] = []
    for start in range(0, JOBS_READ, _BATCH):
        batch = await read(redis, queue.name, start)
        jobs += batch
        if len(batch) < _BATCH:
            break
    known = tuple(job for job in jobs if job is not None)
    kept = None if queue.layout == "plain" else await _kept(redis, queue.name)
    capped = found.is_capped if kept is None else found.total == kept
    return replace(found, jobs=known, unread=len(jobs) - len(known), kept=kept, is_capped=capped)


async def _kept(redis: Redis, key: str) -> int | None:
    """Read how many failed jobs BullMQ keeps when the newest one fails, from that job's own options."""
    newest = [job for job, _ in await scored(redis, "ZREVRANGE", f"{key}:failed", 0, 0)]
    asked: list[Command] = [("HSTRLEN", f"{key}:{job}", "opts") for job in newest]
    if not [length for length in await _ask(redis, asked) if isinstance(length, int) and 0 < length <= FETCHED]:
        return None
    (options,) = await _ask(redis, [("HGET", f"{key}:{newest[0]}", "opts")])
    try:
        kept = json.loads(options)["removeOnFail"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    count = kept.get("count") if isinstance(kept, dict) else kept
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else None


def masked(queues: Mapping[str, FailedJobs | MissingQueue]) -> dict[str, FailedJobs | MissingQueue]:
    """Mask and cut every reason and name; large ones take a while, so do it off the event loop."""
    return {
        short: replace(queue, jobs=masked_jobs(queue.jobs)) if isinstance(queue, FailedJobs) else queue
        for short, queue in queues.items()
    }


def masked_jobs(jobs: Iterable[FailedJob]) -> tuple[FailedJob, ...]:
    """Mask and cut the reason and the name of each job."""
    return tuple(replace(job, reason=clean(job.reason), name=named(job.name)) for job in jobs)


def named(name: object) -> str | None:
    """Mask and cut the name of a job; None where it has none."""
    return cut(mask(name[:MASKED]), _NAME_LIMIT) if isinstance(name, str) and name else None


def clean(reason: str) -> str:
    """Mask a text about a job, addresses included, and cut it."""
    shown = _ADDRESS.sub("<email>", mask(reason[:MASKED]))
    return shown if len(shown) <= REASON_LIMIT else f"{shown[: REASON_LIMIT - 1]}\u2026"


async def _bullmq_batch(redis: Redis, key: str, start: int) -> list[FailedJob | None]:
    return await read_jobs(redis, key, await scored(redis, "ZREVRANGE", f"{key}:failed", start, start + _BATCH - 1))


async def scored(redis: Redis, command: str, key: str, *words: str | float) -> list[tuple[str, str]]:
    """Read part of a sorted set as ids and scores, the scores as Redis writes them."""
    limits = ("LIMIT", *words[2:]) if len(words) > 2 else ()  # noqa: PLR2004 - a range has two ends
    asked = redis.execute_command(command, key, *words[:2], "WITHSCORES", *limits)  # type: ignore[no-untyped-call]
    found: list[str] = await asked
    return list(zip(found[::2], found[1::2], strict=True))


async def read_jobs(redis: Redis, key: str, found: Sequence[tuple[str, str]]) -> list[FailedJob | None]:
    """Read these failed jobs, given as id and score; None stands for one whose hash is gone or none.

    How long the names and reasons are is asked first, so that no giant is fetched. They are not masked yet.
    """
    asked: list[Command] = [("HSTRLEN", f"{key}:{job}", field) for field in (_NAME, _REASON) for job, _ in found]
    lengths = await _ask(redis, asked)
    fits = [isinstance(length, int) and length <= FETCHED for length in lengths]
    # In the place of a name that is too long stands one that no job has.
    commands: list[Command] = [
        ("HMGET", f"{key}:{job}", _NAME if named else _NONE, *_FIELDS[1:], *((_REASON,) if reasoned else ()))
        for (job, _), named, reasoned in zip(found, fits[: len(found)], fits[len(found) :], strict=True)
    ]
    answers = await _ask(redis, commands)
    return [_bullmq_job(job, answer, score) for (job, score), answer in zip(found, answers, strict=True)]


def _bullmq_job(job: str, answer: Any, score: str) -> FailedJob | None:
    if isinstance(answer, ResponseError) or not any(answer):
        return None
    fields = dict(zip(_FIELDS, answer, strict=False))
    reason = answer[len(_FIELDS)] if len(answer) > len(_FIELDS) else TOO_LONG
    return replace(_job(fields, reason or "", moment_of(score)), id=job)


async def _plain_batch(redis: Redis, key: str, start: int) -> list[FailedJob | None]:
    read = await evaluate(redis, "plain", f"{key}:failed", start, start + _BATCH - 1, FETCHED)
    return [_plain_job(entry) for entry in read]


def _plain_job(entry: str | int) -> FailedJob:
    """Read an entry of a plain list, or only how long it is: just these fields are taken, never the job's data."""
    try:
        fields = json.loads(entry) if isinstance(entry, str) else {}
    except (ValueError, RecursionError):
        fields = {}
    if not isinstance(fields, dict):
        fields = {}
    reasons = (fields.get(name) for name in ("failedReason", "error", "reason"))
    return _job(fields, next((reason for reason in reasons if isinstance(reason, str)), ""), None)


def _job(fields: Mapping[str, Any], reason: str, scored: datetime | None) -> FailedJob:
    """Put a job together; ``atm`` is what BullMQ 5 calls ``attemptsMade``."""
    name, attempts = fields.get("name"), str(fields.get("atm") or fields.get("attemptsMade"))
    return FailedJob(
        name=name if isinstance(name, str) and name else None,
        # Cut before it is kept: what is masked later is bounded, and so is the memory.
        reason=reason[:MASKED],
        attempts=int(attempts) if re.fullmatch(r"[0-9]{1,9}", attempts) else None,
        failed_at=moment_of(fields.get("finishedOn")) or scored,
    )


def moment_of(milliseconds: object) -> datetime | None:
    """Read a time in milliseconds since the epoch; None where it is none."""
    try:
        return datetime.fromtimestamp(float(str(milliseconds)) / 1000, UTC) if milliseconds else None
    except (ValueError, OverflowError, OSError):
        return None


async def _ask(redis: Redis, commands: Sequence[Command]) -> list[Any]:
    """Send commands in one round trip; a key of another type is an answer, any other error is raised."""
    if not commands:
        return []
    async with redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
    for answer in answers:
        if isinstance(answer, Exception) and not str(answer).startswith("WRONGTYPE"):
            raise answer
    return answers
