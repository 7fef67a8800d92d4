"""What the morning checklist looks at: one function a check, each reading one thing and saying what it found."""

import asyncio
import math
from collections.abc import Awaitable, Mapping
from datetime import datetime, timedelta
from typing import Final

from bot.alert import Severity
from bot.alert_rule import AlertRule
from bot.attempt import attempt, together, why
from bot.catalog import Catalog
from bot.clients.api import NovaPulseApi
from bot.clients.api_answers import Health
from bot.clients.cluster_state import PodLog, PodState, Workload
from bot.clients.failed_cap import is_at_cap
from bot.clients.metrics_text import MetricSample, parse_metrics
from bot.clients.platform import Platform
from bot.clients.platform_words import Words
from bot.clients.queue_layout import MissingQueue, QueueCounts, QueueSnapshot, standstill
from bot.clients.queues import Queues
from bot.ended_pods import ended_since, without_a_log
from bot.errors import BotError
from bot.log_entries import Errors, entries, errors_in
from bot.next_steps import next_steps
from bot.policy import Policy
from bot.reply import Button, Buttons, Level, Line, Note, Part, Table, worst
from bot.restarts import restarts_of
from bot.stores.plans import Plans

DAY: Final = timedelta(days=1)
# The newest lines of each pod's log, and never more bytes than this of all of them.
LOG_LINES: Final = 20_000
LOG_BYTES: Final = 16 * 1024 * 1024
QUEUE_SIZE: Final = "queue_size"
WAITING: Final = "queue_waiting"
HTTP_ERRORS: Final = "http_request_errors_total"
# What nothing ever measures is unknown, and no news on any morning.
NOT_MEASURED: Final = "not measured"
_SHOWN_ERRORS: Final = 3
_SHOWN_ALONE: Final = 20
_CRASHING: Final = "CrashLoopBackOff"


async def health(label: str, reading: Awaitable[Health]) -> list[Part]:
    """Say what one of the API's health answers says; a failing API names no components."""
    found = await reading
    parts = [f"{name} {'up' if up else 'down'}" for name, up in (found.components or {}).items()]
    said = ", ".join(parts) or found.message or found.status
    return [Line(level=Level.OK if found.ok else Level.CRITICAL, label=label, value=said)]


async def queue_lines(api: NovaPulseApi, queues: Queues, policy: Policy, catalog: Catalog) -> list[Part]:
    """Read the API and Redis, and mark what passes the alert rules' thresholds; their next steps are the buttons."""
    counted, seen = await together(attempt(api.queue_stats()), attempt(queues.snapshot()))
    by_api = {} if isinstance(counted, BotError) else counted
    by_redis = {} if isinstance(seen, BotError) else seen
    if not by_api and not by_redis:
        said = " ".join(why(problem) for problem in (counted, seen) if isinstance(problem, BotError))
        return [Line(level=Level.UNKNOWN, label="Queues", value=said or "neither source names a queue")]
    lines: list[Part] = []
    steps: list[Button] = []
    for short in dict.fromkeys((*queues.shorts, *by_api)):
        other = by_redis.get(short)
        counts = by_api.get(short) or (other.counts if isinstance(other, QueueSnapshot) else None)
        lines.append(_queue(short, counts, other, policy))
        steps += _steps(short, counts or QueueCounts(), policy, catalog)
    problems = [problem for problem in (counted, seen) if isinstance(problem, BotError)]
    notes = [Note.of(f"{why(problem)} The queues are the other source's.") for problem in problems]
    return [*lines, *notes, *([Buttons(buttons=tuple(steps))] if steps else [])]


def _queue(short: str, counts: QueueCounts | None, seen: QueueSnapshot | MissingQueue | None, policy: Policy) -> Line:
    label = f"Queue {short}"
    missing = seen.sentence() if isinstance(seen, MissingQueue) else ""
    if counts is None:
        return Line(level=Level.UNKNOWN, label=label, value=missing or "no source knows this queue")
    levels, said = [], []
    for metric, value in _readings(counts).items():
        word = metric.removeprefix("queue_")
        severity = None if value is None else severity_of(policy, metric, {"queue": short}, value)
        levels.append(Level.UNKNOWN if value is None else Level(severity or Level.OK))
        number = "unknown" if value is None else f"{value:,}"
        more = " or more" if word == "failed" and is_at_cap(value) else ""
        said.append(f"{number}{more} {word}{f' ({severity})' if severity else ''}")
    stands = standstill(counts, seen)
    for words, level in ((stands, Level.WARNING), (missing, Level.UNKNOWN)):
        if words:
            levels.append(level)
            said.append(words)
    return Line(level=worst([Level.OK, *levels]), label=label, value=", ".join(said))


def _readings(counts: QueueCounts) -> dict[str, int | None]:
    return {WAITING: counts.ready, "queue_failed": counts.failed}


def _steps(short: str, counts: QueueCounts, policy: Policy, catalog: Catalog) -> list[Button]:
    """Return the next steps of the alert rules that a queue passes."""
    labels = {"queue": short}
    return [
        button
        for metric, value in _readings(counts).items()
        if value is not None
        for rule in _passed(policy, metric, labels, value)
        for button in next_steps(rule.next_steps, labels, catalog)
    ]


async def metrics(api: NovaPulseApi, policy: Policy) -> list[Part]:
    """Read the two metrics of the runbook. Without a sample a metric says nothing: neither zero nor well."""
    found = parse_metrics(await api.metrics())
    sizes, errors = found.samples(QUEUE_SIZE), found.total(HTTP_ERRORS)
    parts: list[Part] = [_sizes(sizes, policy)] if sizes else []
    if errors is not None:
        # How bad that is, the number alone does not say: no line, which would have a colour.
        parts.append(Note.of(f"{HTTP_ERRORS}: {errors:,.0f} since the replica that answered started."))
    unfed = " and ".join(name for name, there in ((QUEUE_SIZE, sizes), (HTTP_ERRORS, errors is not None)) if not there)
    said = f"{NOT_MEASURED}: the API's metrics carry no samples of {unfed}"
    return [*parts, Line(level=Level.UNKNOWN, label="Metrics", value=said)] if unfed else parts


def _sizes(samples: list[MetricSample], policy: Policy) -> Line:
    """Judge the sizes that the API measures as waiting jobs are."""
    levels, said = [], []
    for sample in samples:
        is_number = math.isfinite(sample.value)
        severity = severity_of(policy, WAITING, sample.labels, sample.value) if is_number else None
        levels.append(Level(severity or Level.OK) if is_number else Level.UNKNOWN)
        size = f"{sample.value:,.0f}" if is_number else "unknown"
        said.append(f"{sample.labels.get('queue', '')} {size}{f' ({severity})' if severity else ''}".strip())
    return Line(level=worst(levels), label=QUEUE_SIZE, value=f"{', '.join(said)}, by the replica that answered")


def severity_of(policy: Policy, metric: str, labels: Mapping[str, str], value: float) -> Severity | None:
    """Return the worst severity of the policy's rules that a value is beyond, or None."""
    found = {rule.severity_of(value) for rule in _passed(policy, metric, labels, value)}
    return "critical" if "critical" in found else next(iter(found), None)


def _passed(policy: Policy, metric: str, labels: Mapping[str, str], value: float) -> list[AlertRule]:
    return [rule for rule in policy.alerts if rule.covers(metric, labels) and rule.severity_of(value)]


async def error_log(cluster: Platform, now: datetime) -> list[Part]:
    """Read the last day of every API pod's log; 4xx answers, which are logged as errors too, are counted apart."""
    logs = await cluster.logs(
        "api", tail_lines=LOG_LINES, since_seconds=int(DAY.total_seconds()), seconds=20.0, limit_bytes=LOG_BYTES
    )
    # Some megabytes take a moment to read: not in the event loop.
    errors = await asyncio.to_thread(_errors, logs)
    line = _log_line(errors, logs, now, cluster.words)
    if not errors.groups:
        return [line]
    rows = tuple(
        (f"{group.count:,}", str(group.status or "-"), group.message) for group in errors.groups[:_SHOWN_ERRORS]
    )
    return [line, Table(columns=("Times", "Status", "Error"), rows=rows)]


def _errors(logs: list[PodLog]) -> Errors:
    return errors_in(entry for log in logs if log.data is not None for entry in entries(log.data))


def _log_line(errors: Errors, logs: list[PodLog], now: datetime, words: Words) -> Line:
    unread = [f"{log.pod} ({log.problem})" for log in logs if log.is_unread]
    gone = {log.pod: log.ending for log in logs if log.is_gone and log.ending is not None}
    read = len(logs) - len(unread) - len(gone)
    said = f"{_count(errors.total, 'error')} of {_count(len(errors.groups), 'kind')}" if errors.total else "no errors"
    if errors.noise:
        said += f" and {_count(errors.noise, 'answer')} of 4xx"
    begins = _begins(logs, now)
    span = f"since {begins:%m-%d %H:%M} UTC, when the oldest {words.pod} started" if begins else "in the last day"
    said += f" {span}, {words.pods(read)} read"
    if any(_is_cut(log) for log in logs):
        said += ", some older or newer lines left out: it is more than that"
    if unread:
        said += f"; not read: {', '.join(unread)}"
    if gone:
        said += f"; {without_a_log(gone, words)}"
    lost = any(log.is_gone for log in ended_since(logs, now - DAY))
    is_whole = read and not unread and begins is None and not lost
    level = Level.OK if is_whole else Level.UNKNOWN
    return Line(level=Level.WARNING if errors.total else level, label="API error log", value=said)


def _begins(logs: list[PodLog], now: datetime) -> datetime | None:
    """Return when the oldest pod started, where that was within the day: the logs of those before are gone."""
    there = [log for log in logs if not log.is_gone]
    starts = [log.started_at for log in there if log.started_at is not None]
    oldest = min(starts, default=None) if len(starts) == len(there) else None
    return oldest if oldest is not None and oldest > now - DAY else None


def _is_cut(log: PodLog) -> bool:
    return log.cut or (log.data is not None and log.data.count(b"\n") >= LOG_LINES)


async def pods(cluster: Platform, role: Workload, now: datetime) -> list[Part]:
    """Count the pods that are ready and how often they were restarted; one that was in the last day is not well."""
    deployment, found = await together(cluster.deployment(role), cluster.pods(role))
    present = [pod for pod in found if pod.is_present]
    ready = sum(pod.ready for pod in present)
    waiting = sorted({pod.waiting for pod in present if pod.waiting})
    restarted = sum(_restarted_lately(pod, now) for pod in present)
    lately = [f"{cluster.words.pods(restarted)} restarted in the last day"] if restarted else []
    said = ", ".join([f"{ready} of {deployment.replicas} ready", _restarts(present, now), *lately, *waiting])
    is_unwell = ready < deployment.replicas or bool(waiting) or bool(restarted)
    level = Level.CRITICAL if ready == 0 or _CRASHING in waiting else Level.WARNING if is_unwell else Level.OK
    return [
        Line(level=level, label=f"{role.capitalize() if role == 'worker' else 'API'} {cluster.words.pod}s", value=said)
    ]


def _restarted_lately(pod: PodState, now: datetime) -> bool:
    """Say whether it was in the last day, as far as the cluster tells when; a pod is not older than its restarts."""
    at = pod.last_restart_at or pod.started_at
    return pod.restarts > 0 and (at is None or at > now - DAY)


def _restarts(present: list[PodState], now: datetime) -> str:
    return f"{_count(sum(pod.restarts for pod in present), 'restart')}{restarts_of(present, now)}"


async def ping(label: str, reading: Awaitable[float]) -> list[Part]:
    """Say how fast a system answers."""
    return [Line(level=Level.OK, label=label, value=f"answers in {await reading:.0f} ms")]


async def break_glass(plans: Plans, now: datetime) -> list[Part]:
    """List what somebody did alone in the last day."""
    used = await plans.break_glass_since(now - DAY, limit=_SHOWN_ALONE + 1)
    if not used:
        return [Line(level=Level.OK, label="Break-glass", value="not used in the last day")]
    lines: list[Part] = [
        Line(
            level=Level.WARNING,
            label="Break-glass",
            value=f"{plan.command} by {vote.actor.name} alone, {vote.at:%H:%M} UTC: {vote.reason}",
        )
        for plan, vote in used[:_SHOWN_ALONE]
    ]
    more = [Note.of(f"Only the first {_SHOWN_ALONE} of the last day: /audit and /runs have all of them.")]
    return lines + (more if len(used) > _SHOWN_ALONE else [])


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
