"""``/queue-stats``: how the queues stand, by the API with Redis as the check."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from bot.attempt import attempt, together, why
from bot.clients.api import NovaPulseApi
from bot.clients.failed_cap import is_at_cap
from bot.clients.queue_layout import MissingQueue, QueueCounts, QueueSnapshot, standstill
from bot.clients.queues import Queues
from bot.command import command
from bot.errors import BotError, NotFound
from bot.forecast import Rates, Sample, duration, forecast, rates_of
from bot.nearest import nearest, shown
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Chart, Level, Line, Note, Part, Reply, Table, Text, say, worst
from bot.stores.history import down_since, histories
from bot.stores.samples import Samples, series_of

RATES_OVER: Final = timedelta(minutes=5)
TREND_OVER: Final = timedelta(minutes=30)
_TREND_POINTS: Final = 30
# Both sources are read within milliseconds of each other; a difference beyond this is no coincidence.
_TOLERATED: Final = 25
_TOLERATED_PART: Final = 0.1
_COLUMNS: Final = {
    "Waiting": "waiting",
    "Active": "active",
    "Delayed": "delayed",
    "Failed": "failed",
    "Done": "completed",
    "Paused": "paused",
}
# The sources' names in the samples.
_SYSTEMS: Final = {"NovaPulse API": "api", "Redis": "redis"}


@dataclass(frozen=True)
class _Queue:
    """One queue as both sources see it; ``counts`` are the API's where it answered, None where nobody knows."""

    short: str
    counts: QueueCounts | None
    redis: QueueSnapshot | None
    problem: str
    past: list[Sample]


@command(
    "/queue-stats",
    permission="queues:read",
    section="Daily Operations",
    runbook=(
        "curl https://api.novapulse.com/api/v1/queue/stats",
        "curl https://api.novapulse.com/api/v1/queue/stats | jq",
        "watch -n 5 'curl -s https://api.novapulse.com/api/v1/queue/stats | jq'",
        *(f"redis-cli LLEN nova:{name}:waiting" for name in ("email", "webhook", "workflow", "report")),
    ),
    examples=("/queue-stats", "/queue-stats email"),
)
async def queue_stats(
    queue: Annotated[str, Field(description="One queue only, by its short name such as email")] = "",
    *,
    api: NovaPulseApi,
    queues: Queues,
    samples: Samples,
    policy: PolicyFile,
    now: datetime,
) -> Reply:
    """Show how many jobs wait, run and failed in each queue, how fast they move, and when each will be empty."""
    by_api, by_redis = await together(attempt(api.queue_stats()), attempt(queues.snapshot()))
    counted = {} if isinstance(by_api, BotError) else by_api
    seen = {} if isinstance(by_redis, BotError) else by_redis
    names = _chosen(queue, [*queues.shorts, *(name for name in counted if name not in queues.shorts)])
    sources = {"NovaPulse API": by_api, "Redis": by_redis}
    problems = await _problems(sources, samples, now)
    if len(problems) == len(sources):
        reasons = (Line(level=Level.UNKNOWN, label=name, value=problem) for name, problem in problems.items())
        return say("The queues could not be read: how they stand is unknown", *reasons, level=Level.UNKNOWN)
    past, trends = await together(histories(samples, names, now - RATES_OVER), _trends(samples, names, now))
    found = [
        _queue(name, counted.get(name), seen.get(name), [*past[name], *_present(seen.get(name), now)]) for name in names
    ]
    reply = _reply(found, policy.current, now)
    return reply.model_copy(update={"parts": (*reply.parts, *trends, *_source_notes(found, problems))})


async def _problems(sources: Mapping[str, object], samples: Samples, now: datetime) -> dict[str, str]:
    """Say why a source could not be read and, where its system is down, since when."""
    failed = {name: source for name, source in sources.items() if isinstance(source, BotError)}
    since = await down_since(samples, (_SYSTEMS[name] for name in failed), now)
    downs = {name: f" Down{said}." for name in failed if (said := since[_SYSTEMS[name]])}
    return {name: why(error) + downs.get(name, "") for name, error in failed.items()}


def _chosen(queue: str, known: list[str]) -> list[str]:
    if not queue:
        return known
    spelt = {name.casefold(): name for name in known}
    if found := spelt.get(queue.casefold()):
        return [found]
    message = f"There is no queue {shown(queue)}; there are {', '.join(known)}."
    raise NotFound(message, usage=queue_stats.usage, nearest=nearest(queue, known), argument="queue")


def _queue(
    short: str, counted: QueueCounts | None, seen: QueueSnapshot | MissingQueue | None, past: list[Sample]
) -> _Queue:
    redis = seen if isinstance(seen, QueueSnapshot) else None
    problem = seen.sentence() if isinstance(seen, MissingQueue) else ""
    return _Queue(short, counted or (redis.counts if redis else None), redis, problem, past)


def _present(seen: QueueSnapshot | MissingQueue | None, now: datetime) -> list[Sample]:
    if not isinstance(seen, QueueSnapshot):
        return []
    counts = seen.counts
    return [Sample(now, counts.ready, counts.unfinished, seen.jobs_added, seen.workers, seen.is_paused)]


def _reply(found: list[_Queue], policy: Policy, now: datetime) -> Reply:
    lines = [_line(queue, policy, now) for queue in found]
    level = worst(line.level for line in lines)
    limits = worst(mark for queue in found for mark, _ in _marks(queue, policy))
    checks = [Line(level=Level.WARNING, label=q.short, value=words) for q in found if (words := _disagreement(q))]
    titles = {
        Level.OK: "The queues are within their limits",
        Level.UNKNOWN: "Some queues could not be read",
        Level.WARNING: "A queue is over its warning limit" if limits is level else "Jobs wait and nobody works on them",
        Level.CRITICAL: "A queue is over its critical limit",
    }
    return say(titles[level], *lines, _table(found), *checks, level=level)


def _marks(queue: _Queue, policy: Policy) -> list[tuple[Level, str]]:
    """Say how many jobs wait and failed, and where a limit is passed."""
    if queue.counts is None:
        return []
    return [
        _mark(policy, "queue_waiting", queue.short, queue.counts.ready, "waiting"),
        _mark(policy, "queue_failed", queue.short, queue.counts.failed, "failed"),
    ]


def _line(queue: _Queue, policy: Policy, now: datetime) -> Line:
    if queue.counts is None:
        value = queue.problem or f"{queue.short}: the source that answered does not know it"
        return Line(level=Level.UNKNOWN, label=queue.short, value=f"unknown. {value}")
    marks = _marks(queue, policy)
    if stands := standstill(queue.counts, queue.redis):
        marks.append((Level.WARNING, stands))
    if queue.problem:
        marks.append((Level.UNKNOWN, queue.problem))
    said = [words for _, words in marks]
    if queue.redis and queue.redis.oldest_waiting_at:
        age = max(0.0, (now - queue.redis.oldest_waiting_at).total_seconds())
        said.append(f"the oldest has waited {duration(age)}")
    said += _movement(queue)
    return Line(level=worst(level for level, _ in marks), label=queue.short, value=" · ".join(said))


def _mark(policy: Policy, metric: str, short: str, value: int | None, word: str) -> tuple[Level, str]:
    """Say a number and, where a rule's threshold is passed, which."""
    if value is None:
        return Level.UNKNOWN, f"{word} unknown"
    number = f"{value:,} or more {word}" if word == "failed" and is_at_cap(value) else f"{value:,} {word}"
    labels = {"queue": short}
    passed = [
        (severity, rule.threshold(severity))
        for rule in policy.alerts
        if rule.covers(metric, labels) and (severity := rule.severity_of(value))
    ]
    if not passed:
        return Level.OK, number
    severity, threshold = min(passed)  # critical stands before warning in the alphabet
    return Level(severity), f"{number} ({severity}: over {threshold:,.0f})"


def _movement(queue: _Queue) -> list[str]:
    """Say the rates and the forecast, which need Redis."""
    if queue.redis is None:
        return ["no forecast without Redis"]
    rates = rates_of(queue.past)
    workers = queue.redis.workers
    connected = [] if workers is None else [f"{workers} {'worker' if workers == 1 else 'workers'}"]
    return [*connected, *([_rates(rates)] if rates else []), forecast(queue.past).sentence()]


def _rates(rates: Rates) -> str:
    into, out = (("?" if rate is None else f"{rate * 60:,.0f}") for rate in (rates.into, rates.out))
    return f"in {into} and out {out} a minute"


def _table(found: list[_Queue]) -> Table:
    rows = tuple((queue.short, *(_cell(queue.counts, attribute) for attribute in _COLUMNS.values())) for queue in found)
    return Table(columns=("Queue", *_COLUMNS), rows=rows)


def _cell(counts: QueueCounts | None, attribute: str) -> str:
    value = getattr(counts, attribute) if counts else None
    return "?" if value is None else f"{value:,}"


def _disagreement(queue: _Queue) -> str:
    """Say where the API and Redis differ by more than two readings of a busy queue can."""
    if queue.redis is None or queue.counts is None or queue.counts is queue.redis.counts:
        return ""
    api, redis = queue.counts.ready, queue.redis.counts.ready
    if api is None or redis is None or abs(api - redis) <= max(_TOLERATED, _TOLERATED_PART * max(api, redis)):
        return ""
    return f"the API counts {api:,} waiting, Redis {redis:,}: they may not look at the same queue"


async def _trends(samples: Samples, names: list[str], now: datetime) -> list[Part]:
    """Draw what waited in the last half hour, where anything did."""
    series = {series_of("queue_waiting", {"queue": name}): name for name in names}
    charts: list[Part] = []
    for key, found in (await samples.several(series, now - TREND_OVER)).items():
        step = -(-len(found) // _TREND_POINTS) or 1
        thinned = found[::-1][::step][::-1]
        values = tuple(sample.value for sample in thinned)
        if len(values) > 1 and any(values):
            span = duration((now - thinned[0].at).total_seconds()).removeprefix("about ")
            charts.append(Chart(label=f"{series[key]}, waiting, last {span}", values=values))
    return charts


def _source_notes(found: list[_Queue], problems: dict[str, str]) -> list[Part]:
    """Say which source could not be read, and whose numbers each queue's are."""
    said = [Text.of(f"{problem} These are the other source's numbers.") for problem in problems.values()]
    counted = [queue for queue in found if queue.counts is not None]
    by_source = {_source(one): [q.short for q in counted if _source(q) == _source(one)] for one in counted}
    whose = "; ".join(
        source if len(by_source) == 1 else f"{source}: {', '.join(shorts)}" for source, shorts in by_source.items()
    )
    return [*said, *([Note.of(f"Numbers {whose}.")] if whose else [])]


def _source(queue: _Queue) -> str:
    if queue.redis is None:
        return "by the NovaPulse API alone"
    return "by Redis alone" if queue.counts is queue.redis.counts else "by the NovaPulse API, checked against Redis"
