"""Reads a workload before a change and after it, so that what the change did can be said; what was before is kept."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar, cast

from pydantic import JsonValue

from bot.clients.api import NovaPulseApi
from bot.clients.cluster_usage import ListedPod
from bot.clients.platform import PodChanging, PodReading
from bot.clients.queue_layout import MissingQueue, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.replica_metrics import MetricsReader
from bot.effect import Reading, compared
from bot.errors import BotError
from bot.plan import Progress, condition, operation
from bot.pod_share import worst_share

RATE_OVER: Final = timedelta(minutes=5)
_SHORTEST: Final = 20.0  # seconds; over less a rate is an accident
_POOL: Final = "db_connection_pool_size"
_Read = TypeVar("_Read")
_Queues = Mapping[str, QueueSnapshot | MissingQueue]


class Measured(Protocol):
    """One value at one moment; None where it could not be read."""

    @property
    def at(self) -> datetime:
        """When."""

    @property
    def value(self) -> float | None:
        """How much."""


class Trend(Protocol):
    """Whoever kept what was measured."""

    async def several(self, names: Iterable[str], since: datetime) -> Mapping[str, Sequence[Measured]]:
        """Return each of these series from then on, oldest first."""


class Kept(Protocol):
    """Whoever keeps what was read before a change, by the request that asked for it."""

    async def keep(self, stamp: str, role: str, seen: dict[str, JsonValue], now: datetime) -> None:
        """Keep it; what is kept already stays."""

    async def get(self, stamp: str, role: str) -> dict[str, JsonValue] | None:
        """Return it, None where nothing was kept."""


@dataclass(frozen=True)
class Sources:
    """What is read."""

    pods: PodChanging
    usage: PodReading
    queues: Queues
    api: NovaPulseApi
    metrics: MetricsReader


class Effects:
    """Compares a workload with what it was before a change."""

    def __init__(self, sources: Sources, kept: Kept, trend: Trend, clock: Callable[[], datetime]) -> None:
        self._sources = sources
        self._kept = kept
        self._trend = trend
        self._clock = clock

    @operation
    async def baseline(self, stamp: str, roles: list[str]) -> dict[str, JsonValue]:
        """Read the workloads before they are changed, and keep it; done again, the first reading stays."""
        now = self._clock()
        for role in roles:
            pods = await _or_none(self._sources.pods.of(role)) or []
            seen = await self._reading(role, pods, now - RATE_OVER)
            await self._kept.keep(stamp, role, seen.model_dump(mode="json"), now)
        return {"changed": False, "message": "kept, to be compared with afterwards"}

    @condition
    async def seen(self, role: str, seconds: float, stamp: str) -> Progress:
        """Compare the workload with what it was, until ``seconds`` after its newest pod has started."""
        pods = await self._sources.pods.of(role)
        starts = [pod.started_at for pod in pods if pod.started_at]
        if not starts:
            return Progress(done=False, message="nothing new has started yet")
        begun = max(starts)
        now, before = await self._reading(role, pods, begun), await self._kept.get(stamp, role)
        message = compared(Reading.model_validate(before) if before else None, now, role)
        return Progress(done=(now.at - begun).total_seconds() >= seconds, message=message)

    async def _reading(self, role: str, pods: Sequence[ListedPod], since: datetime) -> Reading:
        now = self._clock()
        found: dict[str, Any] = {"at": now, **await self._memory(pods)}
        found["restarts"] = {pod.uid: pod.restarts for pod in pods}
        found["reasons"] = tuple(sorted({pod.reason for pod in pods if pod.restarts and pod.reason}))
        found |= await self._api() if role == "api" else await self._work(since, now)
        return Reading.model_validate(found)

    async def _memory(self, pods: Sequence[ListedPod]) -> dict[str, float | None]:
        usage = {one.pod: one for one in await _or_none(self._sources.usage.usage()) or ()}
        shares = [share for pod in pods if (share := worst_share("memory", pod, usage.get(pod.name)))]
        if shares:
            worst = max(shares, key=lambda share: share.of_limit)
            return {"memory": worst.used, "limit": worst.limit}
        used = [one.memory for pod in pods if (one := usage.get(pod.name)) and one.memory]
        return {"memory": max(used, default=None), "limit": None}

    async def _api(self) -> dict[str, Any]:
        health = await _or_none(self._sources.api.healthy())
        read = await _or_none(self._sources.metrics.read())
        sizes = [one.metrics.value(_POOL) for one in read.replicas] if read else []
        known = [size for size in sizes if size is not None]
        said = {"is_healthy": health.done, "health": health.message} if health else {}
        return {**said, "pool": sum(known) if known and len(known) == len(sizes) else None}

    async def _work(self, since: datetime, now: datetime) -> dict[str, Any]:
        seen: _Queues = await _or_none(self._sources.queues.snapshot()) or {}
        waiting = {short: one.counts.ready if isinstance(one, QueueSnapshot) else None for short, one in seen.items()}
        paused = tuple(short for short, one in seen.items() if isinstance(one, QueueSnapshot) and one.is_paused)
        return {"waiting": waiting, "per_minute": await self._rate(seen, since, now), "paused": paused}

    async def _rate(self, seen: _Queues, since: datetime, now: datetime) -> float | None:
        """Return how many jobs of all queues ended a minute; None where one queue cannot be told."""
        names = [f"queue/{short}/{what}" for short in seen for what in ("added", "unfinished")]
        past = await self._trend.several(names, since)
        rates = [
            _per_minute(past[f"queue/{short}/added"], past[f"queue/{short}/unfinished"], _ended(one), now)
            for short, one in seen.items()
        ]
        return sum(cast("list[float]", rates)) if rates and None not in rates else None


def _ended(queue: QueueSnapshot | MissingQueue) -> int | None:
    """Return how many jobs of a queue ever ended: those that were added and are no longer to be done."""
    if isinstance(queue, MissingQueue) or queue.jobs_added is None or queue.counts.unfinished is None:
        return None
    return queue.jobs_added - queue.counts.unfinished


def _per_minute(
    added: Iterable[Measured], unfinished: Iterable[Measured], ended: int | None, now: datetime
) -> float | None:
    open_at = {one.at: one.value for one in unfinished if one.value is not None}
    past = [(one.at, one.value - open_at[one.at]) for one in added if one.value is not None and one.at in open_at]
    if not past or ended is None:
        return None
    at, before = past[0]
    seconds = (now - at).total_seconds()
    # What counts backwards was emptied or made anew meanwhile.
    return (ended - before) * 60 / seconds if seconds >= _SHORTEST and ended >= before else None


async def _or_none(reading: Awaitable[_Read]) -> _Read | None:
    """Return what was read, None where it could not be: it is said to be unknown."""
    try:
        return await reading
    except BotError:
        return None


def effects(
    systems: Mapping[str, object], queues: Queues, kept: Kept, trend: Trend, clock: Callable[[], datetime]
) -> Effects:
    """Make it of the systems by the names that steps call them."""
    sources = Sources(
        pods=cast("PodChanging", systems["pods"]),
        usage=cast("PodReading", systems["pod_metrics"]),
        queues=queues,
        api=cast("NovaPulseApi", systems["api"]),
        metrics=cast("MetricsReader", systems["metrics"]),
    )
    return Effects(sources, kept, trend, clock)
