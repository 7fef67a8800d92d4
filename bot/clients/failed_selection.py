"""Which failed jobs of a BullMQ queue are meant: up to a moment, and of them those of one cluster or job name."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import JsonValue
from redis.asyncio import Redis

from bot.clients.failed_jobs import FailedJob, masked_jobs, moment_of, read_jobs, scored
from bot.clients.queue_layout import QueueSnapshot
from bot.log_grouping import GroupKeys

# So many jobs are looked at to find those of a cluster or a name, the oldest first; in steps of the second number.
LOOKED_AT: Final = 10_000
_STEP: Final = 100


@dataclass(frozen=True, slots=True)
class Selection:
    """Failed up to ``until`` (epoch, ms); ``cluster`` and ``job`` choose nothing where they are empty."""

    until: float
    cluster: str = ""
    job: str = ""

    @classmethod
    def of(cls, words: Mapping[str, JsonValue]) -> "Selection":
        """Read it from a step's arguments."""
        return cls(float(str(words["until"])), str(words.get("cluster", "")), str(words.get("job", "")))

    @property
    def words(self) -> dict[str, JsonValue]:
        """The selection as a step's argument."""
        return {"until": self.until, "cluster": self.cluster, "job": self.job}

    @property
    def is_everything(self) -> bool:
        """Whether every job up to that moment is meant, so that none has to be read."""
        return not self.cluster and not self.job

    def of_those(self, jobs: Iterable[FailedJob], keys: GroupKeys) -> list[FailedJob]:
        """Return which of these jobs, masked, are meant."""
        named = [job for job in jobs if self.job in ("", job.name)]
        return [job for job in named if not self.cluster or cluster_of(job, keys) == self.cluster]


@dataclass(frozen=True)
class Survey:
    """What a selection finds: ``chosen`` of ``total`` failed jobs, no later than ``until`` (epoch, ms).

    ``is_partial`` says that only the oldest were looked at; ``clusters`` and ``names`` are what was seen there.
    """

    queue: QueueSnapshot
    total: int
    chosen: int
    until: float
    oldest: datetime | None = None
    newest: datetime | None = None
    is_partial: bool = False
    clusters: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)


def cluster_of(job: FailedJob, keys: GroupKeys) -> str:
    """Name the cluster of a masked job: eight characters that errors which say the same have in common."""
    return hashlib.sha256(keys.of(job.reason).encode(errors="replace")).hexdigest()[:8]


async def chosen_of(redis: Redis, key: str, found: Sequence[tuple[str, str]], selection: Selection) -> list[FailedJob]:
    """Return which of these jobs, given as id and score, are meant; raises the errors of the library."""
    return selection.of_those(await _read(redis, key, found), GroupKeys())


async def survey(redis: Redis, queue: QueueSnapshot, selection: Selection) -> Survey:
    """Count what a selection finds in a queue; raises the errors of the library."""
    failed = f"{queue.name}:failed"
    total = int(await redis.zcard(failed))
    if selection.is_everything:
        chosen = int(await redis.zcount(failed, "-inf", selection.until))
        ranks = (0, chosen - 1) if chosen else ()
        ends = [end for rank in ranks for end in await scored(redis, "ZRANGE", failed, rank, rank)]
        return Survey(queue, total, chosen, selection.until, *_ends([moment_of(score) for _, score in ends]))
    return await _looked_at(redis, queue, selection, total)


async def _looked_at(redis: Redis, queue: QueueSnapshot, selection: Selection, total: int) -> Survey:
    names, clusters, moments = Counter[str](), Counter[str](), list[datetime | None]()
    chosen, looked, until, keys = 0, 0, selection.until, GroupKeys()
    while looked < LOOKED_AT:
        failed = f"{queue.name}:failed"
        found = await scored(redis, "ZRANGEBYSCORE", failed, "-inf", selection.until, looked, _STEP)
        jobs = await _read(redis, queue.name, found)
        fits = selection.of_those(jobs, keys)
        chosen += len(fits)
        moments += [job.failed_at for job in fits]
        names.update(job.name for job in jobs if job.name)
        clusters.update(cluster_of(job, keys) for job in jobs)
        looked += len(found)
        if len(found) < _STEP:
            return Survey(queue, total, chosen, until, *_ends(moments), False, clusters, names)
        until = float(found[-1][1])
    return Survey(queue, total, chosen, until, *_ends(moments), True, clusters, names)


def _ends(moments: Sequence[datetime | None]) -> tuple[datetime | None, datetime | None]:
    known = [moment for moment in moments if moment]
    return min(known, default=None), max(known, default=None)


async def _read(redis: Redis, key: str, found: Sequence[tuple[str, str]]) -> tuple[FailedJob, ...]:
    jobs = [job for job in await read_jobs(redis, key, found) if job is not None]
    return await asyncio.to_thread(masked_jobs, jobs)
