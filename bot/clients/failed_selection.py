"""Which failed jobs of a BullMQ queue are meant: up to a moment, and of them those of one cluster or job name."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Final

from pydantic import JsonValue
from redis.asyncio import Redis

from bot.clients.bullmq_scripts import Scripts
from bot.clients.failed_jobs import FETCHED, MASKED, TOO_LONG, clean, moment_of, named, scored
from bot.clients.queue_layout import QueueSnapshot
from bot.errors import Refused
from bot.log_grouping import KEY_LENGTH, normalised

_STEP: Final = 500
# So many different clusters, names and reasons are remembered; what is beyond is worked out again, or not counted.
_KNOWN: Final = 2_000
_BYTES: Final = 4 * MASKED  # what that many characters take at most

# A job's id, of any bytes, and its score in the failed set as Redis writes it.
Scored = tuple[bytes, str]
# The lowest and the highest score of a walk's next jobs, and how many of the lowest lie behind.
Window = tuple[str, float, int]


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


@dataclass(frozen=True)
class Survey:
    """What a selection finds: ``chosen`` of ``total`` failed jobs.

    ``until`` (epoch, ms) is the time of the newest of them as the worker wrote it that saw it fail: no other clock
    tells what is later. Where there is none it is the selection's own. ``clusters`` and ``names`` are what was seen on
    the way, as far as it was asked for.
    """

    queue: QueueSnapshot
    total: int
    chosen: int
    until: float
    oldest: datetime | None = None
    newest: datetime | None = None
    clusters: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)


class ClusterNames:
    """Names clusters: eight characters that the reasons of failed jobs which say the same have in common.

    A reason may be masked already or not, its cluster is the same. Masking takes most of the time, and what is the
    same before it is so afterwards: so the names that were found are remembered, up to a limit.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, reason: str) -> str:
        """Return the name of the cluster in which a reason is."""
        plain = normalised(reason[:MASKED])
        name = self._known.get(plain)
        if name is None:
            key = normalised(clean(reason))[:KEY_LENGTH]
            name = hashlib.sha256(key.encode(errors="replace")).hexdigest()[:8]
            if len(self._known) < _KNOWN:
                self._known[plain] = name
        return name


class Walk:
    """Passes over a queue's failed jobs up to a moment, the oldest first; all it remembers is a score and a number.

    It goes by the score and not by the rank, so that none is missed when older ones are removed meanwhile.
    """

    def __init__(self, redis: Redis, key: str, until: float) -> None:
        self._redis = redis
        self._failed = f"{key}:failed"
        self._until = until
        self._score = "-inf"
        self._passed = 0  # so many of that score lie behind

    @property
    def window(self) -> Window:
        """Where the next jobs are."""
        return self._score, self._until, self._passed

    async def look(self, most: int) -> list[Scored]:
        """Return the next jobs, empty at the end; raises the errors of the library."""
        words = (self._failed, self._score, self._until, "WITHSCORES", "LIMIT", self._passed, most)
        asked = self._redis.execute_command("ZRANGEBYSCORE", *words, NEVER_DECODE=True)  # type: ignore[no-untyped-call]
        read: list[bytes] = await asked
        return [(job, score.decode()) for job, score in zip(read[::2], read[1::2], strict=True)]

    def go_on(self, found: Sequence[Scored], gone: Collection[bytes] = ()) -> None:
        """Go on behind these, of which those that are ``gone`` are no longer in their place."""
        last = found[-1][1]
        self.go_on_from(last, sum(score == last and job not in gone for job, score in found))

    def go_on_from(self, last: str, stayed: int) -> None:
        """Go on behind what was found, ``last`` being its last score, of which so many stayed in their place."""
        self._passed = stayed + (self._passed if last == self._score else 0)
        self._score = last


class Chooser:
    """Tells which jobs of a queue are meant by a selection, and counts what it sees."""

    def __init__(self, redis: Redis, scripts: Scripts, key: str, selection: Selection) -> None:
        self._redis = redis
        self._scripts = scripts
        self._key = key
        self._selection = selection
        self._cluster_names = ClusterNames()
        self._shown = dict[str, str]()  # names as they come -> as they may be shown, which takes a while to find out
        self.clusters, self.names = Counter[str](), Counter[str]()

    async def of(self, found: Sequence[Scored]) -> list[Scored]:
        """Return which of these jobs are meant, in their order; raises the errors of the library."""
        if self._selection.is_everything or not found:
            return list(found)
        words = self._scripts.call("reasons", [], f"{self._key}:", FETCHED, _BYTES, *(job for job, _ in found))
        read: list[str | int | None] = await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
        meant = await asyncio.to_thread(self._meant, list(zip(read[::2], read[1::2], strict=True)))
        return [job for job, is_meant in zip(found, meant, strict=True) if is_meant]

    def _meant(self, read: Sequence[tuple[str | int | None, str | int | None]]) -> list[bool]:
        return [reason is not None and self._is_meant(name, reason) for name, reason in read]

    def _is_meant(self, name: str | int | None, reason: str | int) -> bool:
        shown = self._name(str(name or ""))
        _count(self.names, shown)
        fits = self._selection.job in ("", shown)
        if not self._selection.cluster:
            return fits
        cluster = self._cluster_names.of(reason if isinstance(reason, str) else TOO_LONG)
        _count(self.clusters, cluster)
        return fits and cluster == self._selection.cluster

    def _name(self, name: str) -> str:
        shown = self._shown.get(name)
        if shown is None:
            shown = named(name) or ""
            if len(self._shown) < _KNOWN:
                self._shown[name] = shown
        return shown


async def survey(redis: Redis, queue: QueueSnapshot, selection: Selection, *, seconds: float = 18.0) -> Survey:
    """Count what a selection finds in a queue; raises the errors of the library.

    Raises Refused where so many jobs would have to be read that it takes more than ``seconds``.
    """
    failed = f"{queue.name}:failed"
    total = int(await redis.zcard(failed))
    newest = await scored(redis, "ZREVRANGEBYSCORE", failed, selection.until, "-inf", 0, 1)
    if not newest:
        return Survey(queue, total, 0, selection.until)
    # What fails while this looks is dated later.
    selection = replace(selection, until=float(newest[0][1]))
    if not selection.is_everything:
        return await _walked(redis, queue, selection, total, seconds)
    chosen = int(await redis.zcount(failed, "-inf", selection.until))
    oldest = await scored(redis, "ZRANGE", failed, 0, 0)
    return Survey(queue, total, chosen, selection.until, *_ends([score for _, score in (*oldest, *newest)]))


async def _walked(redis: Redis, queue: QueueSnapshot, selection: Selection, total: int, seconds: float) -> Survey:
    """Look at every job: of a very large number too, no more is kept than counts and the two ends."""
    chooser = Chooser(redis, await Scripts.load(redis), queue.name, selection)
    walk, chosen, looked, ends = Walk(redis, queue.name, selection.until), 0, 0, list[str]()
    began = perf_counter()
    while found := await walk.look(_STEP):
        meant = await chooser.of(found)
        walk.go_on(found)
        chosen, looked = chosen + len(meant), looked + len(found)
        ends = [*ends, *(score for _, score in meant)]
        ends = [ends[0], ends[-1]] if ends else []
        if perf_counter() - began > seconds:
            raise Refused(
                f"{queue.short} has {total:,} failed jobs, of which only the oldest {looked:,} could be looked at in "
                f"{seconds:.0f} s: how many of all are meant is unknown.",
                hint="Say --older-than, so that fewer have to be looked at, or take the queue without cluster and job.",
            )
    until = float(ends[-1]) if ends else selection.until
    return Survey(queue, total, chosen, until, *_ends(ends), chooser.clusters, chooser.names)


def _ends(scores: Sequence[str]) -> tuple[datetime | None, datetime | None]:
    return (moment_of(scores[0]), moment_of(scores[-1])) if scores else (None, None)


def _count(counter: Counter[str], word: str) -> None:
    if word and (word in counter or len(counter) < _KNOWN):
        counter[word] += 1
