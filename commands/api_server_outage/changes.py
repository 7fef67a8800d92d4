"""``/changes``: what changed lately, in the order it happened: the first question of every incident."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from bot.attempt import together
from bot.clients.platform_changes import ChangeReading, SystemChanges
from bot.command import command
from bot.duration import read_duration
from bot.elapsed import elapsed
from bot.errors import UsageError
from bot.masking import mask
from bot.nearest import shown
from bot.reply import Bold, Level, Line, Note, Part, Reply, Text, When, say
from bot.stores.incidents import Incident, Incidents
from bot.stores.plans import Plans
from bot.stores.runs import Runs, StoredRun
from bot.stores.silences import EndedSilence, Silences

LONGEST: Final = timedelta(days=7)
# The newest of what was found; more than this nobody reads, and Slack would not take it.
SHOWN: Final = 40
_IN_ONE_PART: Final = 10
_RUNS: Final = 100


@dataclass(frozen=True)
class _Entry:
    at: datetime
    kind: str
    what: str
    by: str = ""


@command(
    "/changes",
    permission="deployments:read",
    section="API Server Outage",
    runbook=("Review recent deployments",),
    examples=("/changes", "/changes 4h"),
)
async def changes(  # noqa: PLR0913 - each is a place where changes are kept
    since: Annotated[str, Field(description="How far back, such as 30m, 4h or 2d")] = "1h",
    *,
    platform: ChangeReading,
    runs: Runs,
    plans: Plans,
    silences: Silences,
    incidents: Incidents,
    now: datetime,
) -> Reply:
    """Show what changed lately: releases, scale events, configuration, restarts, the bot's own runs, alerts, silences.

    Everything stands in the order it happened, the newest last. Kubernetes keeps scale events for an hour by default.
    """
    moment = now - _age(since)
    of_system, of_bot = await together(platform.since(moment), _of_bot(moment, runs, plans))
    ended = await silences.ended_since(moment, now)
    entries = [*_of_system(of_system), *of_bot, *_of_alerts(await incidents.moved(moment), moment), *map(_over, ended)]
    entries.sort(key=lambda entry: entry.at)
    hidden = len(entries) - SHOWN
    parts: list[Part] = [Line(level=Level.UNKNOWN, label="Not seen", value=one) for one in of_system.problems]
    if hidden > 0:
        parts.append(Note.of(f"{hidden:,} older ones are left out; ask for a shorter time to see the beginning of it."))
    parts += _shown(entries[-SHOWN:])
    return say(_title(len(entries), elapsed(now - moment), of_system), *parts, level=_level(of_system))


def _age(since: str) -> timedelta:
    try:
        age = read_duration(since)
    except ValueError:
        message = f"{shown(since)} is no time: it is a number and a unit, such as 30m, 4h or 2d."
        raise UsageError(message, argument="since") from None
    if not timedelta(0) < age <= LONGEST:
        raise UsageError(f"Changes can be shown for up to {elapsed(LONGEST)}.", argument="since")
    return age


def _title(number: int, age: str, of_system: SystemChanges) -> str:
    where = "" if not of_system.problems else ", as far as it could be read"
    if not number:
        return f"Nothing changed in the last {age}{where}"
    return f"{number:,} {'change' if number == 1 else 'changes'} in the last {age}{where}"


def _level(of_system: SystemChanges) -> Level:
    return Level.UNKNOWN if of_system.problems else Level.INFO


def _of_system(changes: SystemChanges) -> list[_Entry]:
    return [_Entry(one.at, one.kind, one.what, one.by) for one in changes.found]


async def _of_bot(moment: datetime, runs: Runs, plans: Plans) -> list[_Entry]:
    recent = [run for run in await runs.recent(_RUNS) if run.started_at >= moment]
    return [await _ran(run, plans) for run in recent]


async def _ran(run: StoredRun, plans: Plans) -> _Entry:
    plan = await plans.get(run.id)
    title = plan.plan.title if plan else run.target
    ended = run.status if run.status != "succeeded" else "done"
    return _Entry(run.started_at, "bot", f"{title}: {ended}", plan.requester.name if plan else "")


def _of_alerts(found: list[Incident], moment: datetime) -> list[_Entry]:
    began = [
        _Entry(one.opened_at, "alert", f"{one.alert.summary} ({one.severity}) began")
        for one in found
        if one.opened_at >= moment
    ]
    over = [
        _Entry(one.resolved_at, "alert", f"{one.alert.summary} was resolved")
        for one in found
        if one.resolved_at is not None and one.resolved_at >= moment
    ]
    return began + over


def _over(ended: EndedSilence) -> _Entry:
    return _Entry(ended.at, "silence", f"the silence of {ended.words} ended", ended.by)


def _shown(entries: list[_Entry]) -> list[Part]:
    parts = range(0, len(entries), _IN_ONE_PART)
    return [_part(entries[start : start + _IN_ONE_PART]) for start in parts]


def _part(entries: list[_Entry]) -> Text:
    spans = []
    for number, entry in enumerate(entries):
        by = f", by {entry.by}" if entry.by else ""
        spans += ["\n" if number else "", When(at=entry.at), " ", Bold(text=entry.kind), f" {mask(entry.what)}{by}"]
    return Text.of(*[span for span in spans if span != ""])
