"""``/error-logs``: what went wrong, by the logs of every pod, grouped by what was said."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.clients.cluster_state import PodLog, Restart
from bot.clients.platform import Platform
from bot.clients.platform_words import Words
from bot.command import command
from bot.duration import read_duration
from bot.elapsed import elapsed
from bot.ended_pods import ended, ended_since
from bot.errors import UsageError
from bot.log_entries import ErrorGroup, Errors
from bot.log_search import LogSearch, is_expression, wanted, words_of
from bot.nearest import shown
from bot.outages import Outages
from bot.reply import Level, Line, Log, Note, Part, Reply, Table, say
from bot.stores.samples import Samples

LINES: Final = 50_000
LONGEST: Final = timedelta(days=7)
SHOWN: Final = 10
_LEVELS: Final = {"error": ("error", "fatal"), "warn": ("error", "fatal", "warn"), "all": ()}
_WORDS: Final = {"error": "error", "warn": "error or warning", "all": "entry"}
_PLURALS: Final = {"error": "errors", "warn": "errors and warnings", "all": "entries"}
_Level = Literal["auto", "error", "warn", "all"]


@command(
    "/error-logs",
    permission="logs:read",
    section="Daily Operations",
    runbook=(
        "kubectl logs -f deployment/novapulse-api -n novapulse --tail=100 | grep ERROR",
        "kubectl logs -f deployment/novapulse-worker -n novapulse",
        "kubectl logs -f deployment/novapulse-api -n novapulse | grep -i memory",
    ),
    examples=("/error-logs", "/error-logs worker --since 4h", "/error-logs api --pattern memory"),
)
async def error_logs(  # noqa: PLR0913 - a declaration
    deployment: Annotated[Literal["api", "worker"], Field(description="Whose log")] = "api",
    since: Annotated[str, Field(description="How far back, such as 15m, 4h or 2d")] = "1h",
    pattern: Annotated[str, Field(description="Only entries with this in them, in any case; a|b is either")] = "",
    lines: Annotated[int, Field(ge=1, le=200_000, description="The newest lines of each pod, at most")] = LINES,
    level: Annotated[_Level, Field(description="From which level on; auto: all with a pattern, else error")] = "auto",
    *,
    cluster: Platform,
    samples: Samples,
    now: datetime,
) -> Reply:
    """Show the errors in the logs of all pods, grouped by what they say, with how often and when.

    With a pattern, entries of every level. Answers of 4xx, which NovaPulse logs as errors too, are counted apart. What
    a container wrote before its last restart is read too. What does not fit into the message comes as a file.
    """
    age, words = _age(since), words_of(pattern)
    wanted_level = level if level != "auto" else "all" if words else "error"
    search = LogSearch(wanted(_LEVELS[wanted_level], words), noise_grouped=wanted_level == "all")
    reading = cluster.hand_over_logs(
        deployment, search.feed_of, tail_lines=lines, since_seconds=int(age.total_seconds())
    )
    logs = await Outages(samples, now).read(reading)
    name = cluster.name(deployment)
    result = _Result(logs, search, await search.found(), age, now, cluster.words)
    if not result.pods:
        pod = cluster.words.pod
        unknown = Note.of(f"Whether anything went wrong before is unknown: the log of a {pod} goes with the {pod}")
        return say(
            f"{name}: 0 {pod}s run, so there is no log",
            unknown,
            *ended(logs, now - age, cluster.words),
            level=Level.UNKNOWN,
        )
    parts = (*_groups(result, deployment), *_read(result, lines), *_notes(result.found, wanted_level, words))
    return say(f"{name}: {_title(result, wanted_level)}", *parts, level=_worst(result))


@dataclass(frozen=True)
class _Result:
    """What was read, and what was found in it."""

    logs: list[PodLog]
    search: LogSearch
    found: Errors
    age: timedelta
    now: datetime
    words: Words

    @property
    def pods(self) -> list[PodLog]:
        """The present log of each pod that has one, or should have."""
        return [log for log in self.logs if not log.before_restart and not log.is_gone]

    @property
    def unread(self) -> list[PodLog]:
        """What should have been read and was not, or not to its end."""
        return [log for log in self.logs if log.is_unread and (not log.before_restart or self.is_recent(log))]

    @property
    def begins(self) -> datetime | None:
        """When the oldest pod started, where that was within the time asked for: no log reaches further back."""
        starts = [log.started_at for log in self.pods if log.started_at is not None]
        oldest = min(starts, default=None) if len(starts) == len(self.pods) else None
        return oldest if oldest is not None and oldest > self.now - self.age else None

    def is_recent(self, log: PodLog) -> bool:
        """Tell whether its pod was restarted within the time asked for, or at a time that nobody knows."""
        return log.restart is not None and (log.restart.at is None or log.restart.at >= self.now - self.age)


def _age(since: str) -> timedelta:
    try:
        age = read_duration(since.lower())
    except ValueError:
        age = timedelta(0)
    if not timedelta(0) < age <= LONGEST:
        message = f"since is a number and a unit, such as 15m, 4h or 2d, at most {LONGEST.days}d; not {shown(since)}."
        raise UsageError(message, argument="since")
    return age


def _title(result: _Result, level: str) -> str:
    found, whole = result.found, sum(log.data is not None for log in result.pods)
    if not found.total and not whole:
        return "the logs could not be read"
    where = "" if whole == len(result.pods) or found.total else f" in {whole} of {result.words.pods(len(result.pods))}"
    if result.begins is not None and not found.total:
        return f"no {_WORDS[level]}{where} since the {result.words.pod}s started at {_moment(result.begins)}"
    return f"{_count(found, level)}{where} in the last {elapsed(result.age)}"


def _count(found: Errors, level: str) -> str:
    if not found.total:
        return f"no {_WORDS[level]}"
    if found.total == 1:
        return f"1 {_WORDS[level]}"
    kinds = len(found.groups)
    more = "more than " if found.ungrouped else ""
    return f"{found.total:,} {_PLURALS[level]} of {more}{kinds} kind{'' if kinds == 1 else 's'}"


def _worst(result: _Result) -> Level:
    bad = any(group.level in _LEVELS["warn"] and not group.is_noise for group in result.found.groups)
    if bad or any(result.is_recent(log) and log.restart and log.restart.at for log in result.pods):
        return Level.WARNING
    if ended_since(result.logs, result.now - result.age):
        return Level.WARNING
    if result.unread or any(map(result.is_recent, result.pods)):
        return Level.UNKNOWN
    return Level.INFO if result.found.total else Level.OK


def _groups(result: _Result, deployment: str) -> Iterator[Part]:
    groups = result.found.groups
    if not groups:
        return
    before = {log.name for log in result.logs if log.before_restart}
    rows = tuple(
        (f"{group.count:,}", str(group.status or "-"), _cell(group.first), _cell(group.last), where, group.message)
        for group in groups[:SHOWN]
        for where in (_where(group, before, result.words),)
    )
    yield Table(columns=("Times", "Status", "First, UTC", "Last, UTC", "Where", "What"), rows=rows)
    if len(groups) > SHOWN:
        yield Note.of(f"The first {SHOWN} of {len(groups)} kinds; all of them, with a sample of each, are below")
    yield Log(text="\n\n".join(map(_whole, groups)), name=f"error-logs-{deployment}.txt")


def _where(group: ErrorGroup, before: set[str], words: Words) -> str:
    earlier = sum(count for name, count in group.logs if name in before)
    if earlier == group.count:
        return "before a restart"
    now = words.pods(sum(name not in before for name, _ in group.logs))
    return f"{now}; {earlier:,} before a restart" if earlier else now


def _whole(group: ErrorGroup) -> str:
    status = f", HTTP {group.status}" if group.status else ""
    times = f"{group.count:,} time{'' if group.count == 1 else 's'}"
    head = f"{times}{status}, {group.level}, first {_moment(group.first)}, last {_moment(group.last)}: {group.message}"
    return f"{head}\nin {', '.join(f'{name} ({count:,})' for name, count in group.logs)}\n{group.sample}"


def _cell(at: datetime | None) -> str:
    """Return a moment for a column that says that it is UTC."""
    return "no time" if at is None else f"{at:%m-%d %H:%M:%S}"


def _moment(at: datetime | None) -> str:
    return "no time" if at is None else f"{_cell(at)} UTC"


def _read(result: _Result, lines: int) -> Iterator[Part]:
    search = result.search
    for log in result.unread:
        read = search.lines.get(log.name, 0)
        partly = f"; {read:,} lines of it are counted above" if read else ""
        yield Line(level=Level.UNKNOWN, label=log.name, value=f"{log.problem}{partly}")
    for log in filter(result.is_recent, result.pods):
        if log.restart is not None:
            level = Level.WARNING if log.restart.at else Level.UNKNOWN
            yield Line(level=level, label=f"{log.pod} restarted", value=_restarted(log.restart))
    yield from ended(result.logs, result.now - result.age, result.words)
    whole = [log for log in result.logs if log.data is not None]
    total = sum(search.lines[log.name] for log in whole)
    present, asked = len([log for log in whole if not log.before_restart]), len(result.pods)
    said = f"Read: {total:,} lines of {present} of {result.words.pods(asked)}"
    if search.oldest is not None:
        said += f", the oldest entry of {_moment(search.oldest)}"
    left_out = [log.name for log in whole if log.cut or search.lines[log.name] >= lines]
    yield Note.of(f"{said}; there may be more in {', '.join(left_out)}: see --lines" if left_out else said)
    if young := [f"{log.pod} ({_moment(log.started_at)})" for log in result.pods if _is_young(log, result)]:
        yield Note.of(f"Started since: {', '.join(young)}; what {result.words.pod}s wrote that are gone is not known")


def _is_young(log: PodLog, result: _Result) -> bool:
    return log.started_at is not None and log.started_at > result.now - result.age


def _restarted(restart: Restart) -> str:
    when = f"at {_moment(restart.at)}" if restart.at else "at a time that the cluster does not tell"
    why = f" ({restart.reason})" if restart.reason else ""
    then = "it waits to be started again" if restart.waits else "what it wrote before is looked at too"
    often = f"; restart {restart.count} of it, and only the log before the last is kept" if restart.count > 1 else ""
    return f"ended {when}{why}; {then}{often}"


def _notes(found: Errors, level: str, words: tuple[str, ...]) -> Iterator[Part]:
    having = f" that have {' or '.join(f'“{word}”' for word in words)} in them" if words else ""
    more = "" if level == "all" else "; --level all looks at every entry"
    kinds = "entries of every level" if level == "all" else _PLURALS[level]
    yield Note.of(f"Looked at: {kinds}{having}{more}")
    if any(map(is_expression, words)):
        yield Note.of("The pattern is looked for as it stands: it is no regular expression, only a|b is either")
    if found.noise:
        each = ", ".join(f"{count:,} of {status}" for status, count in found.noise_by_status)
        yield Note.of(f"Not counted above: {found.noise:,} answers of 4xx, which are logged as errors too ({each})")
    if found.ungrouped:
        yield Note.of(f"{found.ungrouped:,} more were of still other kinds and are not shown")
