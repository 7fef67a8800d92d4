"""The runbook's morning checklist, done at once: every line green, amber, red or unknown, then what changed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from bot.alerting.card import next_steps
from bot.attempt import attempt, is_missing, why
from bot.catalog import Catalog
from bot.clients.api import NovaPulseApi
from bot.clients.api_answers import Health
from bot.clients.cluster import Cluster
from bot.clients.cluster_state import PodLog
from bot.clients.metrics_text import Metrics, parse_metrics
from bot.clients.mongo import Mongo
from bot.clients.queue_layout import FAILED_KEPT, QueueCounts, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.errors import BotError, Forbidden, TimedOut, Unavailable
from bot.log_entries import Errors, entries, errors_in
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Bold, Buttons, Level, Line, Note, Part, Reply, Table, Text, When, say
from bot.schedule import schedule
from bot.stores.fires import Fire, Fires
from bot.stores.plans import Plans

DAY: Final = timedelta(days=1)
# No check may hold the checklist up longer than this; the clients' own deadlines end most of them earlier.
SECONDS: Final = 25.0
# The newest lines of each pod's log, and never more than this of them.
LOG_LINES: Final = 20_000
LOG_BYTES: Final = 4 * 1024 * 1024
_SHOWN_ERRORS: Final = 3
_SHOWN_CHANGES: Final = 15
COLOURS: Final = {Level.OK: "green", Level.WARNING: "amber", Level.CRITICAL: "red", Level.UNKNOWN: "unknown"}
_WORST_FIRST: Final = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN)


@dataclass(frozen=True)
class Check:
    """One thing to look at: its label, how it is read, and the command that is next when it is not green."""

    label: str
    read: Callable[[], Awaitable[list[Part]]]
    step: str


@schedule("morning-checklist")
async def morning_checklist(  # noqa: PLR0913, PLR0917 - each is a system it looks at
    api: NovaPulseApi,
    queues: Queues,
    redis: RedisServer,
    mongo: Mongo,
    cluster: Cluster,
    fires: Fires,
    plans: Plans,
    policy: PolicyFile,
    catalog: Catalog,
    now: datetime,
) -> Reply:
    """Go through the runbook's morning checklist and say what changed since the last one.

    The checks run at the same time, each with its own deadline; what could not be read is unknown, with the reason.
    """
    rules = policy.current
    checks = [
        Check("API health", lambda: _health("API health", api.health()), "/health"),
        Check("API live", lambda: _health("API live", api.live()), "/health"),
        Check("API ready", lambda: _health("API ready", api.ready()), "/health"),
        Check("Queues", lambda: _queues(api, queues, rules), "/queue-stats"),
        Check("Metrics", lambda: _metrics(api), "/queue-stats"),
        Check("API error log", lambda: _error_log(cluster), "/rollout-status api"),
        Check("API pods", lambda: _pods(cluster, "api", "API pods"), "/rollout-status api"),
        Check("Worker pods", lambda: _pods(cluster, "worker", "Worker pods"), "/rollout-status worker"),
        Check("Redis", lambda: _ping("Redis", redis.ping()), "/health"),
        Check("MongoDB", lambda: _ping("MongoDB", mongo.ping()), "/health"),
        Check("Break-glass", lambda: _break_glass(plans, now), "/runs"),
    ]
    found = await asyncio.gather(*(_checked(check) for check in checks))
    lines = [line for parts in found for line in _lines(parts)]
    steps = [check.step for check, parts in zip(checks, found, strict=True) if _worst(_lines(parts)) is not Level.OK]
    buttons = next_steps(dict.fromkeys(steps), {}, catalog)
    since = _since(await fires.last_done("morning-checklist"), lines)
    parts: list[Part] = [part for parts in found for part in parts]
    return _reply(lines, [*parts, *since, *([Buttons(buttons=buttons)] if buttons else [])])


def _reply(lines: list[Line], parts: list[Part]) -> Reply:
    counts = [(sum(line.level is level for line in lines), COLOURS[level]) for level in _WORST_FIRST]
    bad = ", ".join(f"{count} {colour}" for count, colour in counts if count)
    return say(f"Morning checklist: {bad or 'all green'}", *parts, level=_worst(lines))


async def _checked(check: Check) -> list[Part]:
    """Run one check; a system that does not answer is red, one that forbids or is not configured is unknown."""
    try:
        async with asyncio.timeout(SECONDS):
            found = await attempt(check.read())
    except TimeoutError:
        found = TimedOut(check.label, SECONDS)
    if not isinstance(found, BotError):
        return found
    return [_failed(check.label, found)]


def _failed(label: str, error: BotError) -> Line:
    is_down = isinstance(error, Unavailable) and not isinstance(error, Forbidden)
    said = f"not looked at. {why(error)}" if is_missing(error) else why(error)
    return Line(level=Level.CRITICAL if is_down else Level.UNKNOWN, label=label, value=said)


async def _health(label: str, reading: Awaitable[Health]) -> list[Part]:
    found = await reading
    parts = [f"{name} {'up' if up else 'down'}" for name, up in (found.components or {}).items()]
    said = ", ".join(parts) or found.message or found.status
    return [Line(level=Level.OK if found.ok else Level.CRITICAL, label=label, value=said)]


async def _queues(api: NovaPulseApi, queues: Queues, policy: Policy) -> list[Part]:
    """Read the API, and Redis for the queues that the API does not tell of."""
    counted, seen = await asyncio.gather(attempt(api.queue_stats()), attempt(queues.snapshot()))
    by_api = {} if isinstance(counted, BotError) else counted
    by_redis = {} if isinstance(seen, BotError) else seen
    if not by_api and not by_redis:
        said = " ".join(why(problem) for problem in (counted, seen) if isinstance(problem, BotError))
        return [Line(level=Level.UNKNOWN, label="Queues", value=said or "neither source names a queue")]
    lines: list[Part] = []
    for short in dict.fromkeys((*queues.shorts, *by_api)):
        other = by_redis.get(short)
        counts = by_api.get(short) or (other.counts if isinstance(other, QueueSnapshot) else None)
        sentence = "" if other is None or isinstance(other, QueueSnapshot) else other.sentence()
        lines.append(_queue(short, counts, policy, sentence or "no source knows this queue"))
    problems = [problem for problem in (counted, seen) if isinstance(problem, BotError)]
    return [*lines, *(Note.of(f"{why(problem)} The queues are the other source's.") for problem in problems)]


def _queue(short: str, counts: QueueCounts | None, policy: Policy, problem: str) -> Line:
    label = f"Queue {short}"
    if counts is None:
        return Line(level=Level.UNKNOWN, label=label, value=problem)
    readings = (("queue_waiting", counts.ready, "waiting"), ("queue_failed", counts.failed, "failed"))
    levels, said = [], []
    for metric, value, word in readings:
        severity = None if value is None else policy.severity(metric, {"queue": short}, value)
        levels.append(Level.UNKNOWN if value is None else Level(severity or Level.OK))
        number = "unknown" if value is None else f"{value:,}"
        more = " or more" if word == "failed" and (value or 0) >= FAILED_KEPT else ""
        said.append(f"{number}{more} {word}{f' ({severity})' if severity else ''}")
    return Line(level=_worst_of(levels), label=label, value=", ".join(said))


async def _metrics(api: NovaPulseApi) -> list[Part]:
    metrics = parse_metrics(await api.metrics())
    return [_metric(metrics, "queue_size"), _metric(metrics, "http_request_errors_total")]


def _metric(metrics: Metrics, name: str) -> Line:
    """Without a sample a metric says nothing: neither zero nor well."""
    total = metrics.total(name)
    if total is not None:
        return Line(level=Level.OK, label=name, value=f"{total:,.0f} in all, by the replica that answered")
    reason = "declared, but nothing feeds it: no sample" if metrics.is_declared(name) else "not among the metrics"
    return Line(level=Level.UNKNOWN, label=name, value=reason)
