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
from bot.stores.incidents import Incidents
from bot.stores.plans import Plans
from bot.stores.runs import Runs, StoredRun
from bot.stores.silences import Silences

LONGEST: Final = timedelta(days=7)
# The newest of what was found; more than this nobody reads, and Slack would not take it.
SHOWN: Final = 40
_IN_ONE_PART: Final = 10


@dataclass(frozen=True)
class _Entry:
    at: datetime
    kind: str
    what: str
    by: str = ""


@dataclass(frozen=True)
class _Kept:
    """The newest of what one place keeps, and how many there are in all."""

    newest: list[_Entry]
    number: int


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
    kept = [_of_system(of_system), of_bot, *await _of_alerts(moment, incidents), await _over(moment, now, silences)]
    newest = sorted((entry for one in kept for entry in one.newest), key=lambda entry: entry.at)[-SHOWN:]
    number = sum(one.number for one in kept)
    hidden = number - len(newest)
    parts: list[Part] = [Line(level=Level.UNKNOWN, label="Not seen", value=one) for one in of_system.problems]
    if hidden > 0:
        parts.append(Note.of(f"{hidden:,} older ones are left out; ask for a shorter time to see the beginning of it."))
    return say(_title(number, elapsed(now - moment), of_system), *parts, *_shown(newest), level=_level(of_system))


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


def _of_system(changes: SystemChanges) -> _Kept:
    found = [_Entry(one.at, one.kind, one.what, one.by) for one in changes.found]
    return _Kept(found, len(found))


async def _of_bot(moment: datetime, runs: Runs, plans: Plans) -> _Kept:
    found, number = await runs.since(moment, limit=SHOWN)
    return _Kept([await _ran(run, plans) for run in found], number)


async def _ran(run: StoredRun, plans: Plans) -> _Entry:
    plan = await plans.get(run.id)
    title = plan.plan.title if plan else run.target
    ended = run.status if run.status != "succeeded" else "done"
    return _Entry(run.started_at, "bot", f"{title}: {ended}", plan.requester.name if plan else "")


async def _of_alerts(moment: datetime, incidents: Incidents) -> tuple[_Kept, _Kept]:
    opened, number = await incidents.opened_since(moment, limit=SHOWN)
    began = [_Entry(one.opened_at, "alert", f"{one.alert.summary} ({one.severity}) began") for one in opened]
    resolved, ended = await incidents.resolved_since(moment, limit=SHOWN)
    over = [
        _Entry(one.resolved_at, "alert", f"{one.alert.summary} was resolved") for one in resolved if one.resolved_at
    ]
    return _Kept(began, number), _Kept(over, ended)


async def _over(moment: datetime, now: datetime, silences: Silences) -> _Kept:
    found, number = await silences.ended_since(moment, now, limit=SHOWN)
    return _Kept([_Entry(one.at, "silence", f"the silence of {one.words} ended", one.by) for one in found], number)


def _shown(entries: list[_Entry]) -> list[Part]:
    parts = range(0, len(entries), _IN_ONE_PART)
    return [_part(entries[start : start + _IN_ONE_PART]) for start in parts]


def _part(entries: list[_Entry]) -> Text:
    spans = []
    for number, entry in enumerate(entries):
        by = f", by {entry.by}" if entry.by else ""
        spans += ["\n" if number else "", When(at=entry.at), " ", Bold(text=entry.kind), f" {mask(entry.what)}{by}"]
    return Text.of(*[span for span in spans if span != ""])
