"""One failed job of BullMQ as it may be shown: its data's field names without their values, everything else masked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bot.clients.failed_jobs import FETCHED, TOO_LONG, FailedJob, clean, masked_jobs, moment_of
from bot.clients.queue_layout import QueueSnapshot
from bot.masking import cut, mask

LOG_LINES: Final = 20
_FIELDS_SHOWN: Final = 30
_NAME: Final = 60
_SMALL: Final = ("name", "atm", "attemptsMade", "timestamp", "processedOn", "finishedOn", "priority", "opts")
_LARGE: Final = ("failedReason", "stacktrace", "data")
_ASKED: Final = (*_LARGE, "opts", "name")  # how long it is
_KINDS: Final = {str: "text", bool: "yes or no", int: "number", float: "number", list: "list", dict: "object"}
_TOO_LONG: Final = f"(more than {FETCHED:,} bytes, not read)"


@dataclass(frozen=True, slots=True)
class JobDetails:
    """A job; ``is_failed`` says whether it still is. Empty or None is what is not recorded.

    ``data`` names the fields of its data and their kinds, ``logs`` are its last lines of ``log_lines``.
    """

    job: FailedJob
    is_failed: bool
    allowed: int | None
    priority: int | None
    added_at: datetime | None
    started_at: datetime | None
    stack: str
    data: tuple[str, ...]
    logs: tuple[str, ...]
    log_lines: int


async def read_job(redis: Redis, queue: QueueSnapshot, job: str) -> dict[str, Any] | None:
    """Read one job of a BullMQ queue, not masked yet; None where there is none. What is very long is not fetched.

    Raises the errors of the library.
    """
    key = f"{queue.name}:{job}"
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.zscore(f"{queue.name}:failed", job)
        pipeline.execute_command("MEMORY", "USAGE", f"{key}:logs")
        pipeline.llen(f"{key}:logs")
        for field in _ASKED:
            pipeline.execute_command("HSTRLEN", key, field)
        score, size, lines, *lengths = await pipeline.execute(raise_on_error=False)
    if any(isinstance(length, ResponseError) for length in lengths):
        return None
    fits = {field: length <= FETCHED for field, length in zip(_ASKED, lengths, strict=True)}
    wanted = [field for field in (*_SMALL, *_LARGE) if fits.get(field, True)]
    # A reason is called by the same words as in the list of failed jobs, so that it is of the same cluster.
    found = (
        dict.fromkeys((*_SMALL, *_LARGE), _TOO_LONG)
        | {"failedReason": TOO_LONG}
        | dict(zip(wanted, await redis.hmget(key, wanted), strict=True))
    )
    if not any(found[field] for field in wanted):
        return None
    readable = isinstance(lines, int) and isinstance(size, int) and size <= FETCHED
    logs = await redis.lrange(f"{key}:logs", -LOG_LINES, -1) if readable else [_TOO_LONG] if size else []
    return {**found, "id": job, "failed": score, "logs": logs, "lines": lines if isinstance(lines, int) else 0}


def details(found: dict[str, Any]) -> JobDetails:
    """Make it fit to be shown: masked, cut and without the values of its data; a large one takes a while."""
    options = _object(found["opts"])
    (job,) = masked_jobs(
        [
            FailedJob(
                found["name"] or None,
                found["failedReason"] or "",
                _whole(found["atm"] or found["attemptsMade"]),
                moment_of(found["finishedOn"]) or moment_of(found["failed"]),
                cut(mask(found["id"]), _NAME),
            )
        ]
    )
    return JobDetails(
        job=job,
        is_failed=isinstance(found["failed"], float | str),
        allowed=_whole(options.get("attempts")),
        priority=_whole(found["priority"]),
        added_at=moment_of(found["timestamp"]),
        started_at=moment_of(found["processedOn"]),
        stack=clean(_last(found["stacktrace"])),
        data=tuple(_described(found["data"])),
        logs=tuple(clean(line) for line in found["logs"]),
        log_lines=found["lines"],
    )


def _described(data: str | None) -> list[str]:
    """Name the fields of a job's data and their kinds; what stands in them is nobody's business."""
    if data == _TOO_LONG:
        return [_TOO_LONG]
    fields = list(_object(data).items())
    said = [f"{cut(mask(str(name)), _NAME)} ({_KINDS.get(type(value), 'nothing')})" for name, value in fields]
    more = len(said) - _FIELDS_SHOWN
    return said[:_FIELDS_SHOWN] + ([f"{more} more"] if more > 0 else [])


def _last(stacks: str | None) -> str:
    """Return the trace of the last attempt; BullMQ keeps a JSON list of them."""
    try:
        found: Sequence[Any] = json.loads(stacks or "[]")
        return str(found[-1]) if isinstance(found, list) and found else ""
    except (ValueError, RecursionError):
        return stacks or ""


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole(number: object) -> int | None:
    text = str(number)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None  # noqa: PLR2004 - nine digits
