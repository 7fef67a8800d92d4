"""What the alert rules look at: every queue's numbers and whether each system answers."""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Final

from bot.attempt import attempt, is_missing, together, why
from bot.clients.api import NovaPulseApi
from bot.clients.api_answers import SYSTEM as API
from bot.clients.mongo import Mongo
from bot.clients.platform import Platform
from bot.clients.queue_layout import MissingQueue, QueueCounts, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.errors import BotError, Forbidden, TimedOut, Unavailable
from bot.schedule import FOR, Labels, Observation, schedule
from bot.stores.samples import Sample, Samples, series_of
from bot.turns import in_turns

SYSTEMS: Final = ("redis", "mongodb", "api", "cluster")
# What is read of each queue; the last three are for the forecast, and to know a queue of plain lists again.
QUEUE_METRICS: Final = (
    "queue_waiting",
    "queue_failed",
    "queue_paused",
    "queue_oldest_seconds",
    "queue_stalled_seconds",
    "queue_workers",
    "queue_readable",
    "queue_unfinished",
    "queue_added",
    "queue_plain",
)
_OF_SYSTEMS: Final = {"system_up": SYSTEMS, "system_readable": (*SYSTEMS, "queues")}
METRICS: Final[Mapping[str, Labels]] = {
    **{metric: {"queue": ()} for metric in QUEUE_METRICS},
    **{metric: {"system": systems} for metric, systems in _OF_SYSTEMS.items()},
}

Readings = Mapping[str, float | None]


@schedule("threshold-alerts", metrics=METRICS)
async def threshold_alerts(  # noqa: PLR0913, PLR0917 - each is a system it looks at
    queues: Queues,
    redis: RedisServer,
    mongo: Mongo,
    api: NovaPulseApi,
    cluster: Platform,
    samples: Samples,
    now: datetime,
) -> list[Observation]:
    """Read the queues and try every system, for the alert rules and the trends.

    The queues are read from Redis, and from the API where Redis cannot be read or does not have them. A system is
    0 where it was tried and failed, 1 where it answered; whatever was not found out is None, with the reason. One
    that is configured and does not even let that be found out is not readable.
    """
    systems = {
        "redis": redis.ping(),
        "mongodb": mongo.ping(),
        "api": _live(api),
        "cluster": cluster.reachable(),
    }
    of_queues, answers = await together(
        _queues(queues, api, now), together(*(_tried(call) for call in systems.values()))
    )
    tried = dict(zip(systems, answers, strict=True))
    of_systems = [one for name, problem in tried.items() for one in _system(name, problem, now)]
    queue_by_queue = (one async for one in in_turns(of_queues) if "queue" in one.labels)
    await samples.look({series_of(one.metric, one.labels): one.value async for one in queue_by_queue}, now)
    await samples.add([_sample(one) for one in (*of_queues, *of_systems) if "queue" not in one.labels])
    return [*of_queues, *of_systems]


def _sample(one: Observation) -> Sample:
    return Sample(series_of(one.metric, one.labels), one.at, one.value)


async def _live(api: NovaPulseApi) -> None:
    """A failing answer comes from the load balancer as well as from the API; either way there is no API."""
    health = await api.live()
    if not health.ok:
        raise Unavailable(API, health.message or health.status)


async def _queues(queues: Queues, api: NovaPulseApi, now: datetime) -> list[Observation]:
    # A thousand queues are read in less than a second.
    snapshot = await attempt(queues.snapshot(seconds=3.0 + len(queues.shorts) / 1000))
    is_whole = not isinstance(snapshot, BotError) and all(isinstance(s, QueueSnapshot) for s in snapshot.values())
    counted = {} if is_whole else await attempt(api.queue_stats())
    found = [one async for short in in_turns(queues.shorts) for one in _queue(short, snapshot, counted, now)]
    return [*found, _any_source(snapshot, counted, now)]


def _any_source(snapshot: object, counted: object, now: datetime) -> Observation:
    """Say whether either source of the queues' numbers could be read."""
    problems = [source for source in (snapshot, counted) if isinstance(source, BotError)]
    if not isinstance(snapshot, BotError) or not isinstance(counted, BotError):
        return _readable("queues", 1.0, now)
    if all(is_missing(problem) for problem in problems):
        return _unexpected([_readable("queues", None, now, why(problems[0]))])[0]
    reasons = " ".join(why(problem) for problem in problems)
    return _readable("queues", 0.0, now, reasons, f"The queues could not be read for {FOR}: {reasons}")


async def _tried(call: Awaitable[object]) -> BotError | None:
    """Return why a system did not answer, None where it did."""
    answer = await attempt(call)
    return answer if isinstance(answer, BotError) else None


def _system(name: str, problem: BotError | None, now: datetime) -> list[Observation]:
    """A system that forbids or is not configured is neither up nor down; the one that forbids should be readable."""
    up = Observation(metric="system_up", labels={"system": name}, value=1.0, at=now)
    if problem is None:
        return [up, _readable(name, 1.0, now)]
    reason = why(problem)
    if isinstance(problem, Unavailable) and not isinstance(problem, Forbidden):
        # Down is another matter: what could not be read before is neither over nor worse.
        return [_down(up, problem, reason), _readable(name, None, now, reason)]
    unknown = up._replace(value=None, reason=reason)
    if is_missing(problem):
        return _unexpected([unknown, _readable(name, None, now, reason)])
    clause = problem.reason if isinstance(problem, Unavailable) else reason
    called = problem.system if isinstance(problem, Unavailable) else name
    return [unknown, _readable(name, 0.0, now, reason, f"{called} could not be read for {FOR}: {clause}")]


def _down(up: Observation, problem: Unavailable, reason: str) -> Observation:
    """What does not answer in time may be slow or hang, and is reachable for all that is known."""
    slow = f"{problem.system} answers slowly or not at all: {problem.reason}" if isinstance(problem, TimedOut) else ""
    return up._replace(value=0.0, reason=reason, summary=slow)


def _readable(name: str, value: float | None, now: datetime, reason: str = "", summary: str = "") -> Observation:
    labels = {"system": name}
    return Observation(metric="system_readable", labels=labels, value=value, at=now, reason=reason, summary=summary)


def _queue(
    short: str,
    snapshot: dict[str, QueueSnapshot | MissingQueue] | BotError,
    counted: dict[str, QueueCounts] | BotError,
    now: datetime,
) -> list[Observation]:
    """Observe one queue by Redis, else by the API; one that Redis has no keys of is not readable, whoever knows it."""
    seen = snapshot if isinstance(snapshot, BotError) else snapshot[short]
    if isinstance(seen, QueueSnapshot):
        # What a layout does not tell, such as plain lists their workers, nobody expects to read.
        return _observed(short, _by_redis(seen, now), "", now, is_expected=False)
    unreadable: Readings = {"queue_readable": 0.0} if isinstance(seen, MissingQueue) else {}
    problem = f"{seen.sentence()}." if isinstance(seen, MissingQueue) else why(seen)
    if isinstance(counted, BotError) and is_missing(seen) and is_missing(counted):
        return _observed(short, unreadable, f"{problem} {why(counted)}", now, is_expected=False)
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
        "queue_stalled_seconds": _stalled(seen, now),
        "queue_workers": seen.workers,
        "queue_readable": 1.0,
        "queue_unfinished": seen.counts.unfinished,
        "queue_added": seen.jobs_added,
        "queue_plain": float(seen.layout == "plain"),
    }


def _stalled(seen: QueueSnapshot, now: datetime) -> float | None:
    """Return for how long jobs have waited and none was finished; a queue that is paused on purpose does not stall."""
    if seen.counts.ready == 0 or seen.is_paused:
        return 0.0
    if seen.oldest_waiting_at is None or (seen.finished_at is None and _keeps_nothing(seen)):
        return None
    since = max(at for at in (seen.oldest_waiting_at, seen.finished_at) if at is not None)
    return max(0.0, (now - since).total_seconds())


def _keeps_nothing(seen: QueueSnapshot) -> bool:
    """Whether jobs were finished and not one of them was kept, so that nothing tells when."""
    return (seen.jobs_added or 0) > (seen.counts.unfinished or 0)


def _by_api(counts: QueueCounts) -> Readings:
    """The API does not say whether an empty queue is paused, how old its jobs are, nor who works on them."""
    return {
        "queue_waiting": counts.ready,
        "queue_failed": counts.failed,
        "queue_paused": 1.0 if counts.paused else None,
        "queue_readable": 1.0,
        "queue_unfinished": counts.unfinished,
    }


def _observed(
    short: str, readings: Readings, detail: str, now: datetime, *, is_expected: bool = True
) -> list[Observation]:
    labels = {"queue": short}
    return [Observation(name, labels, readings.get(name), now, detail, "", is_expected) for name in QUEUE_METRICS]


def _unexpected(found: list[Observation]) -> list[Observation]:
    return [one._replace(is_expected=False) for one in found]
