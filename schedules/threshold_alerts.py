"""What the alert rules look at: every queue's numbers and whether each system answers."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Final

from bot.attempt import attempt, why
from bot.clients.api import NovaPulseApi
from bot.clients.api_answers import SYSTEM as API
from bot.clients.cluster import Cluster
from bot.clients.mongo import Mongo
from bot.clients.queue_layout import MissingQueue, QueueCounts, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.errors import BotError, Forbidden, Unavailable
from bot.schedule import Observation, schedule
from bot.stores.samples import Sample, Samples, series_of

# What is read of each queue; the last two are for the forecast only.
METRICS: Final = (
    "queue_waiting",
    "queue_failed",
    "queue_paused",
    "queue_oldest_seconds",
    "queue_workers",
    "queue_readable",
    "queue_unfinished",
    "queue_added",
)

Readings = Mapping[str, float | None]


@schedule("threshold-alerts")
async def threshold_alerts(  # noqa: PLR0913, PLR0917 - each is a system it looks at
    queues: Queues,
    redis: RedisServer,
    mongo: Mongo,
    api: NovaPulseApi,
    cluster: Cluster,
    samples: Samples,
    now: datetime,
) -> list[Observation]:
    """Read the queues and try every system, for the alert rules and the trends.

    The queues are read from Redis, and from the API where Redis cannot be read or does not have them. A system is
    0 where it was tried and failed, 1 where it answered; whatever was not found out is None, with the reason.
    """
    systems = {
        "redis": redis.ping(),
        "mongodb": mongo.ping(),
        "api": _live(api),
        "cluster": cluster.reachable(),
    }
    of_queues, answers = await asyncio.gather(
        _queues(queues, api, now), asyncio.gather(*(_tried(call) for call in systems.values()))
    )
    found = [*of_queues, *(_system(name, answer, now) for name, answer in zip(systems, answers, strict=True))]
    await samples.add([Sample(series_of(one.metric, one.labels), one.at, one.value) for one in found])
    return found


async def _live(api: NovaPulseApi) -> None:
    """A failing answer comes from the load balancer as well as from the API; either way there is no API."""
    health = await api.live()
    if not health.ok:
        raise Unavailable(API, health.message or health.status)


async def _queues(queues: Queues, api: NovaPulseApi, now: datetime) -> list[Observation]:
    snapshot = await attempt(queues.snapshot())
    is_whole = not isinstance(snapshot, BotError) and all(isinstance(s, QueueSnapshot) for s in snapshot.values())
    counted = {} if is_whole else await attempt(api.queue_stats())
    return [observation for short in queues.shorts for observation in _queue(short, snapshot, counted, now)]


async def _tried(call: Awaitable[object]) -> BotError | None:
    """Return why a system did not answer, None where it did."""
    answer = await attempt(call)
    return answer if isinstance(answer, BotError) else None


def _system(name: str, problem: BotError | None, now: datetime) -> Observation:
    """A system that forbids or is not configured is neither up nor down."""
    is_down = isinstance(problem, Unavailable) and not isinstance(problem, Forbidden)
    value = 1.0 if problem is None else 0.0 if is_down else None
    reason = "" if problem is None else why(problem)
    return Observation(metric="system_up", labels={"system": name}, value=value, at=now, reason=reason)


def _queue(
    short: str,
    snapshot: dict[str, QueueSnapshot | MissingQueue] | BotError,
    counted: dict[str, QueueCounts] | BotError,
    now: datetime,
) -> list[Observation]:
    """Observe one queue by Redis, else by the API; one that Redis has no keys of is not readable, whoever knows it."""
    seen = snapshot if isinstance(snapshot, BotError) else snapshot[short]
    if isinstance(seen, QueueSnapshot):
        return _observed(short, _by_redis(seen, now), "", now)
    unreadable: Readings = {"queue_readable": 0.0} if isinstance(seen, MissingQueue) else {}
    problem = f"{seen.sentence()}." if isinstance(seen, MissingQueue) else why(seen)
    if isinstance(counted, BotError):
        return _observed(short, unreadable, f"{problem} {why(counted)}", now)
    if short not in counted:
        return _observed(short, unreadable, f"{problem} The NovaPulse API does not know the queue {short}.", now)
    readings = {**_by_api(counted[short]), **unreadable}
    return _observed(short, readings, f"Read from the NovaPulse API. {problem}", now)


def _by_redis(seen: QueueSnapshot, now: datetime) -> Readings:
    oldest = seen.oldest_waiting_at
    age = 0.0 if seen.counts.ready == 0 else None
    return {
        "queue_waiting": seen.counts.ready,
        "queue_failed": seen.counts.failed,
        "queue_paused": None if seen.is_paused is None else float(seen.is_paused),
        "queue_oldest_seconds": age if oldest is None else max(0.0, (now - oldest).total_seconds()),
        "queue_workers": seen.workers,
        "queue_readable": 1.0,
        "queue_unfinished": seen.counts.unfinished,
        "queue_added": seen.jobs_added,
    }


def _by_api(counts: QueueCounts) -> Readings:
    """The API does not say whether an empty queue is paused, how old its jobs are, nor who works on them."""
    return {
        "queue_waiting": counts.ready,
        "queue_failed": counts.failed,
        "queue_paused": 1.0 if counts.paused else None,
        "queue_readable": 1.0,
        "queue_unfinished": counts.unfinished,
    }


def _observed(short: str, readings: Readings, detail: str, now: datetime) -> list[Observation]:
    labels = {"queue": short}
    return [
        Observation(metric=metric, labels=labels, value=readings.get(metric), at=now, reason=detail)
        for metric in METRICS
    ]
