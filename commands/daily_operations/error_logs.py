"""``/error-logs``: what went wrong, by the logs of every pod, grouped by what was said."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from bot.clients.cluster_state import PodLog
from bot.clients.platform import Platform
from bot.clients.platform_words import Words
from bot.command import command
from bot.duration import Duration
from bot.elapsed import elapsed
from bot.errors import UsageError
from bot.log_entries import Entry, ErrorGroup, Errors
from bot.log_search import LogSearch
from bot.nearest import shown
from bot.outages import Outages
from bot.reply import Level, Line, Log, Note, Part, Reply, Table, say
from bot.stores.samples import Samples

LINES: Final = 50_000
LONGEST: Final = timedelta(days=7)
SHOWN: Final = 10
_DURATION: Final = TypeAdapter[timedelta](Duration)
_LEVELS: Final = {"error": ("error", "fatal"), "warn": ("error", "fatal", "warn"), "all": ()}
_WORDS: Final = {"error": "error", "warn": "error or warning", "all": "entry"}
_PLURALS: Final = {"error": "errors", "warn": "errors and warnings", "all": "entries"}
_Level = Literal["error", "warn", "all"]


@command(
    "/error-logs",
    permission="logs:read",
    section="Daily Operations",
    runbook=(
        "kubectl logs -f deployment/novapulse-api -n novapulse --tail=100 | grep ERROR",
        "kubectl logs -f deployment/novapulse-worker -n novapulse",
        "kubectl logs -f deployment/novapulse-api -n novapulse | grep -i memory",
    ),
    examples=("/error-logs", "/error-logs worker --since 4h", "/error-logs api --pattern memory --level all"),
)
async def error_logs(  # noqa: PLR0913 - a declaration
    deployment: Annotated[Literal["api", "worker"], Field(description="Whose log")] = "api",
    since: Annotated[str, Field(description="How far back, such as 15m, 4h or 2d")] = "1h",
    pattern: Annotated[str, Field(description="Only entries with this in them, in any case; a|b is either")] = "",
    lines: Annotated[int, Field(ge=1, le=200_000, description="The newest lines of each pod, at most")] = LINES,
    level: Annotated[_Level, Field(description="From which level on")] = "error",
    *,
    cluster: Platform,
    samples: Samples,
    now: datetime,
) -> Reply:
    """Show the errors in the logs of all pods, grouped by what they say, with how often and when.

    Answers of 4xx, which NovaPulse logs as errors too, are counted apart. What does not fit into the message comes as
    a file.
    """
    age = _age(since)
    search = LogSearch(_wanted(level, pattern))
    reading = cluster.hand_over_logs(
        deployment, search.feed_of, tail_lines=lines, since_seconds=int(age.total_seconds())
    )
    logs = await Outages(samples, now).read(reading)
    found = await search.found()
    unread = [log for log in logs if log.data is None]
    title = f"{cluster.name(deployment)}: {_count(found, level)} in the last {elapsed(age)}"
    if len(unread) == len(logs) and not found.total:
        title = f"The logs of {cluster.name(deployment)} could not be read"
    parts = (*_groups(found, deployment), *_read(logs, search, lines, cluster.words), *_notes(found, pattern))
    return say(title, *parts, level=_worst(found, logs, unread))


def _age(since: str) -> timedelta:
    try:
        age = _DURATION.validate_python(since.lower())
    except (ValidationError, OverflowError):
        age = timedelta(0)
    if not timedelta(0) < age <= LONGEST:
        message = f"since is a number and a unit, such as 15m, 4h or 2d, at most {LONGEST.days}d; not {shown(since)}."
        raise UsageError(message, argument="since")
    return age


def _wanted(level: _Level, pattern: str) -> Callable[[Entry], bool]:
    levels = _LEVELS[level]
    words = [word.strip().casefold() for word in pattern.split("|") if word.strip()]

    def wanted(entry: Entry) -> bool:
        if levels and entry.level not in levels:
            return False
        message = entry.message.casefold() if words else ""
        return not words or any(word in message for word in words)

    return wanted


def _count(found: Errors, level: _Level) -> str:
    if not found.total:
        return f"no {_WORDS[level]}"
    if found.total == 1:
        return f"1 {_WORDS[level]}"
    kinds = len(found.groups)
    more = "more than " if found.ungrouped else ""
    return f"{found.total:,} {_PLURALS[level]} of {more}{kinds} kind{'' if kinds == 1 else 's'}"


def _worst(found: Errors, logs: list[PodLog], unread: list[PodLog]) -> Level:
    if any(group.level in _LEVELS["warn"] for group in found.groups):
        return Level.WARNING
    return Level.UNKNOWN if unread or not logs else Level.OK


def _groups(found: Errors, deployment: str) -> Iterator[Part]:
    if not found.groups:
        return
    rows = tuple(
        (f"{group.count:,}", str(group.status or "-"), _moment(group.first), _moment(group.last), group.message)
        for group in found.groups[:SHOWN]
    )
    yield Table(columns=("Times", "Status", "First, UTC", "Last, UTC", "What"), rows=rows)
    yield Log(text="\n\n".join(map(_whole, found.groups)), name=f"error-logs-{deployment}.txt")


def _whole(group: ErrorGroup) -> str:
    status = f", HTTP {group.status}" if group.status else ""
    times = f"{group.count:,} time{'' if group.count == 1 else 's'}"
    head = f"{times}{status}, first {_moment(group.first)}, last {_moment(group.last)}: {group.message}"
    return f"{head}\n{group.sample}"


def _moment(at: datetime | None) -> str:
    return "no time" if at is None else f"{at:%m-%d %H:%M:%S}"


def _read(logs: list[PodLog], search: LogSearch, lines: int, words: Words) -> Iterator[Part]:
    for log in logs:
        if log.data is None:
            before = search.lines.get(log.pod, 0)
            partly = f"; {before:,} lines of it are counted above" if before else ""
            yield Line(level=Level.UNKNOWN, label=log.pod, value=f"{log.problem}{partly}")
    whole = [log for log in logs if log.data is not None]
    total = sum(search.lines[log.pod] for log in whole)
    said = f"Read: {total:,} lines of {len(whole)} of {words.pods(len(logs))}"
    left_out = [log.pod for log in whole if log.cut or search.lines[log.pod] >= lines]
    yield Note.of(f"{said}; there may be more in {', '.join(left_out)}: see --lines" if left_out else said)


def _notes(found: Errors, pattern: str) -> Iterator[Part]:
    if found.noise:
        each = ", ".join(f"{count:,} of {status}" for status, count in found.noise_by_status)
        yield Note.of(f"Not counted above: {found.noise:,} answers of 4xx, which are logged as errors too ({each})")
    if found.ungrouped:
        yield Note.of(f"{found.ungrouped:,} more were of still other kinds and are not shown")
    if pattern:
        yield Note.of(f"Only what has “{pattern}” in it")
