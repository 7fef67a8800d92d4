"""Lists of alerts in an answer: all of them, the worst first; what a message cannot hold is counted, and in a file."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from bot.alert_rule import SEVERITIES, labels_of
from bot.elapsed import elapsed
from bot.errors import UsageError
from bot.matchers import Matcher, matches
from bot.muting import firing
from bot.plain_text import one_line
from bot.policy import Policy
from bot.reply import Log, Note, Part, Table
from bot.sentence import sentence
from bot.stores.incidents import SHORT_ID, Incident, Incidents

# So many are read and kept with an answer; more are counted, and found by narrowing.
LISTED: Final = 500
# So many lines of a list are read at a glance; the others are a text whose rest becomes a file.
FEW: Final = 10
_FIRING: Final = ("alert", "severity", "age", "owner", "state", "id")
_RESOLVED: Final = ("alert", "severity", "was over", "after", "owner", "id")


def conditions(text: str) -> tuple[Matcher, ...]:
    """Read matchers with commas between them; raises UsageError."""
    try:
        return tuple(Matcher(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise UsageError(sentence(str(error)), argument="only") from None


async def narrowed(incidents: Incidents, only: tuple[Matcher, ...], policy: Policy) -> list[Incident]:
    """Return the open cards of which an alert that shares them meets the conditions.

    The critical ones stand in front, of each kind the oldest first.
    """
    rules = {rule.name: rule for rule in policy.alerts}
    meeting = {
        one.fingerprint for one in firing((await incidents.states()).values(), (), policy) if matches(only, one.labels)
    }
    found = [
        one
        async for one in incidents.each_firing()
        if meeting.intersection(one.members)
        or matches(only, labels_of(one.alert, rules.get(one.alert.labels.get("alert", ""))))
    ]
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), one.opened_at, one.id))


def firing_table(firing: Iterable[Incident], now: datetime) -> Table:
    """Show how each stands, since when, and who has it."""
    rows = [
        (
            _name(one),
            one.severity,
            elapsed(now - one.alert.since),
            one.acknowledged_by or "nobody",
            _state(one),
            one.id[:SHORT_ID],
        )
        for one in firing
    ]
    return Table(columns=_FIRING, rows=tuple(rows))


def resolved_table(over: Iterable[Incident], now: datetime) -> Table:
    """Show when each was over, after how long, and who had it."""
    rows = [
        (
            one.alert.summary,
            one.severity,
            f"{elapsed(now - (one.resolved_at or now))} ago",
            elapsed(max((one.resolved_at or now) - one.alert.since, timedelta())),
            one.acknowledged_by or "nobody",
            one.id[:SHORT_ID],
        )
        for one in over
    ]
    return Table(columns=_RESOLVED, rows=tuple(rows))


def left_out(number: int, shown: int, narrow: str) -> list[Part]:
    """Say how many of them no list holds, and how to come to them; nothing where all are there."""
    return [Note.of(f"and {number - shown:,} more: {narrow}")] if number > shown else []


def every_line(lines: Sequence[str], name: str) -> list[Part]:
    """Show a short list line by line, a long one as a text; what of that is cut is counted, and whole in the file."""
    if len(lines) <= FEW:
        return [Note.of(line) for line in lines]
    return [Log(text="\n".join(map(one_line, lines)), name=name)]


def _name(incident: Incident) -> str:
    others = len(incident.members) - 1
    return f"{incident.alert.summary}, and {others:,} more" if others > 0 else incident.alert.summary


def _state(incident: Incident) -> str:
    """Say how it stands; what is on and off may be within its limit at this moment."""
    if incident.calm_since is not None:
        return "calm, on and off"
    standing = "unknown" if incident.alert.value is None else "muted" if incident.muted else "firing"
    return f"{standing}, on and off" if incident.flapping else standing
