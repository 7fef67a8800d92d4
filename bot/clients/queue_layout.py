"""How queues lie in Redis: BullMQ's keys, and the plain lists that the runbook describes.

BullMQ: ``wait``, ``active`` and ``paused`` are lists, the other states sorted sets; ``meta`` exists for every queue
that was ever used; empty sets have no key. New jobs enter ``wait`` on the left and leave it on the right. In
version 5 a paused queue's jobs lie in ``paused``, from version 6 on they stay in ``wait``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from redis.exceptions import NoPermissionError, RedisError

from bot.clients.failed_cap import is_at_cap

# The lists of the runbook: nova:email:waiting and nova:email:failed.
RUNBOOK_PREFIX: Final = "nova"

Layout = Literal["bullmq5", "bullmq6", "bullmq", "plain"]
Command = tuple[str | int, ...]
# A reading's name -> what Redis answered, which may be the error of that one command.
Answers = Mapping[str, Any]

_LISTS: Final = {"waiting": "wait", "active": "active", "paused": "paused"}
_SETS: Final = {
    "delayed": "delayed",
    "failed": "failed",
    "completed": "completed",
    "prioritized": "prioritized",
    "waiting_children": "waiting-children",
}
# Where the next and the newest jobs to be worked on stand.
_ENDS: Final = ("wait:-1", "wait:0", "paused:-1", "paused:0", "prioritized:0", "prioritized:-1")
# The jobs that were finished last; their scores are when that was, in milliseconds.
_FINISHED: Final = ("completed:last", "failed:last")
_FAR_FUTURE: Final = 1e14
# Older releases put a marker into the list that is no job.
_MARKER: Final = "0:"


@dataclass(frozen=True)
class QueueCounts:
    """BullMQ's eight counters of one queue; None is unknown, never 0."""

    waiting: int | None = None
    active: int | None = None
    delayed: int | None = None
    failed: int | None = None
    completed: int | None = None
    paused: int | None = None
    prioritized: int | None = None
    waiting_children: int | None = None

    @property
    def ready(self) -> int | None:
        """Jobs that a worker could take at once, also those of a paused queue and those with a priority."""
        return _total(self.waiting, self.paused, self.prioritized)

    @property
    def unfinished(self) -> int | None:
        """Every job that is neither completed nor failed."""
        return _total(self.ready, self.active, self.delayed, self.waiting_children)


class PlainCounts(QueueCounts):
    """The counters of plain lists, of which there are two: whatever is not finished waits."""

    @property
    def ready(self) -> int | None:
        """Jobs that a worker could take at once."""
        return self.waiting

    @property
    def unfinished(self) -> int | None:
        """Every job that has not failed, as far as lists tell."""
        return self.waiting


@dataclass(frozen=True)
class QueueSnapshot:
    """One queue at one moment.

    ``is_paused`` and ``workers`` are None where the layout or the access rules do not tell. ``jobs_added`` counts
    every job ever added (BullMQ's id counter); ``oldest_waiting_at`` is when the oldest job seen at the ends of
    the waiting list was due, ``finished_at`` when the last job that is still kept was completed or failed for good.
    ``layout`` "bullmq" is a version that is not known; ``version`` is as written.
    """

    short: str
    name: str
    layout: Layout
    counts: QueueCounts
    is_paused: bool | None = None
    oldest_waiting_at: datetime | None = None
    version: str | None = None
    workers: int | None = None
    jobs_added: int | None = None
    finished_at: datetime | None = None

    @property
    def failed_is_capped(self) -> bool:
        """Whether the failed count means "that many or more"."""
        return self.layout != "plain" and is_at_cap(self.counts.failed)


@dataclass(frozen=True)
class MissingQueue:
    """A configured queue that could not be read: its numbers are unknown, not 0.

    ``found_instead`` names queues that are there under other names; ``reason`` is set when keys were there or
    forbidden but could not be read.
    """

    short: str
    looked_for: tuple[str, ...]
    found_instead: tuple[str, ...] = ()
    reason: str = ""

    def sentence(self) -> str:
        """Say what was looked for and what is there instead."""
        if self.reason:
            return f"{self.short}: {self.reason}"
        found = f"found instead: {', '.join(self.found_instead)}" if self.found_instead else "no other queue was found"
        return f"{self.short}: no such keys in Redis ({', '.join(self.looked_for)}); {found}"


class Reading(NamedTuple):
    """One queue as the first round of answers shows it; ``ends`` are ids of jobs that may be the oldest."""

    name: str
    layout: Layout
    counts: QueueCounts
    is_paused: bool | None = None
    version: str | None = None
    jobs_added: int | None = None
    finished_at: datetime | None = None
    ends: tuple[str, ...] = ()


def bullmq_commands(key: str) -> dict[str, Command]:
    """List the reads of one BullMQ queue whose keys begin with ``key``; each takes constant time."""
    commands: dict[str, Command] = {
        "exists": ("EXISTS", f"{key}:meta"),
        "meta": ("HMGET", f"{key}:meta", "version", "paused"),
        "added": ("GET", f"{key}:id"),
    }
    commands |= {field: ("LLEN", f"{key}:{state}") for field, state in _LISTS.items()}
    commands |= {field: ("ZCARD", f"{key}:{state}") for field, state in _SETS.items()}
    for end in _FINISHED:
        commands[end] = ("ZRANGE", f"{key}:{end.partition(':')[0]}", -1, -1, "WITHSCORES")
    for end in _ENDS:
        state, _, index = end.partition(":")
        ordered = state == "prioritized"
        commands[end] = ("ZRANGE", f"{key}:{state}", index, index) if ordered else ("LINDEX", f"{key}:{state}", index)
    return commands


def plain_commands(key: str) -> dict[str, Command]:
    """List the reads of one queue of plain lists whose keys begin with ``key``."""
    return {"waiting": ("LLEN", f"{key}:waiting"), "failed": ("LLEN", f"{key}:failed")}


def is_bullmq(answers: Answers) -> bool:
    """Say whether the queue's ``meta`` is there, which every queue of BullMQ has from its first use on."""
    return bool(_checked(answers["exists"]))


def read_bullmq(name: str, answers: Answers) -> Reading | None:
    """Read a BullMQ queue from its answers; None when there is none. Raises the first answer that is an error."""
    numbers = {field: answers[field] for field in (*_LISTS, *_SETS)}
    if not is_bullmq(answers) and not any(isinstance(number, int) and number for number in numbers.values()):
        return None
    if problem := next((answer for answer in answers.values() if isinstance(answer, RedisError)), None):
        raise problem
    for field, last in (("waiting", answers["wait:-1"]), ("paused", answers["paused:-1"])):
        numbers[field] -= 1 if str(last or "").startswith(_MARKER) else 0
    version, paused = answers["meta"]
    return Reading(
        name=name,
        layout=_layout(version),
        counts=QueueCounts(**numbers),
        is_paused=paused is not None,
        version=version,
        jobs_added=int(answers["added"] or 0),
        finished_at=_finished_at(answers),
        ends=_ends(answers),
    )


def read_plain(name: str, answers: Answers) -> Reading | None:
    """Read a queue of plain lists from its answers; None when neither list is there."""
    waiting, failed = (
        answer if isinstance(answer, int) else None for answer in (answers["waiting"], answers["failed"])
    )
    if not waiting and not failed:
        return None
    return Reading(name=name, layout="plain", counts=PlainCounts(waiting=waiting, failed=failed))


def standstill(counts: QueueCounts, seen: QueueSnapshot | MissingQueue | None) -> str:
    """Say why nobody takes the jobs that wait; empty where none wait, somebody takes them, or that is unknown."""
    snapshot = seen if isinstance(seen, QueueSnapshot) else None
    if counts.paused or (counts.ready and snapshot and snapshot.is_paused):
        return "paused with jobs in it"
    return "nobody works on them" if counts.ready and snapshot and snapshot.workers == 0 else ""


def forbidden(answers: Answers) -> bool:
    """Say whether the access rules of Redis keep this queue's keys from the bot."""
    return any(isinstance(answer, NoPermissionError) for answer in answers.values())


def _checked(answer: Any) -> Any:
    if isinstance(answer, RedisError):
        raise answer
    return answer


def _ends(answers: Answers) -> tuple[str, ...]:
    found = [answers[end] for end in _ENDS]
    flat = [job for entry in found for job in (entry if isinstance(entry, list) else [entry])]
    return tuple(dict.fromkeys(job for job in flat if job and not job.startswith(_MARKER)))


def _finished_at(answers: Answers) -> datetime | None:
    """Return when a job was last finished; the two versions of Redis' protocol nest pairs differently."""
    found = [_last(answers[end]) for end in _FINISHED if answers[end]]
    latest = max(found, default=0.0)
    return datetime.fromtimestamp(latest / 1000, UTC) if 0 < latest < _FAR_FUTURE else None


def _last(answer: Any) -> float:
    pair = answer[-1]
    return float(pair[-1] if isinstance(pair, list | tuple) else pair)


def _layout(version: str | None) -> Layout:
    """Read the major version from what the queue's ``meta`` says, such as ``bullmq:5.65.1``."""
    major = (version or "").rpartition(":")[2].partition(".")[0]
    if major == "5":
        return "bullmq5"
    return "bullmq6" if major == "6" else "bullmq"


def _total(*numbers: int | None) -> int | None:
    """Add up; a sum without one of its numbers is unknown, because that one may be any."""
    return None if None in numbers else sum(filter(None, numbers))
