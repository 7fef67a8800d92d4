"""Lists of alerts in an answer: all of them, the worst first; what a message cannot hold is counted, and in a file."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.alert import fingerprint
from bot.alert_rule import EVERY_LABEL, SEVERITIES, labels_of
from bot.elapsed import elapsed
from bot.errors import UsageError
from bot.matchers import Matcher, matches
from bot.muting import Firing, firing
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
    """Return every alert that fires and meets the conditions, each as if it had its card alone.

    The critical ones stand in front, of each kind the oldest first; what is on and off, and off now, is there too.
    """
    cards = await incidents.firing()
    alerts = firing((await incidents.states()).values(), (), policy)
    carded = [(one, card) for one in alerts if (card := cards.get(_card_of(one, policy)))]
    met = [(one, card) for one, card in carded if matches(only, one.labels)]
    found = [_alone(card, one) for one, card in met]
    rules, there = {rule.name: rule for rule in policy.alerts}, {card.id for _, card in carded}
    for card in cards.values():
        own = labels_of(card.alert, rules.get(card.alert.labels.get("alert", "")))
        found += [card] if card.id not in there and matches(only, own) else []
    return sorted(found, key=lambda one: (-SEVERITIES.index(one.severity), one.alert.since, one.id))


def _card_of(one: Firing, policy: Policy) -> str:
    by = policy.notified(one.labels).group_by
    return one.fingerprint if EVERY_LABEL in by else fingerprint({name: one.labels.get(name, "") for name in by})


def _alone(card: Incident, one: Firing) -> Incident:
    """Return one of those that share a card as if it had it alone."""
    now_is = {"summary": one.summary, "severity": one.severity, "since": one.since}
    members = () if len(card.members) > 1 else card.members
    return replace(card, alert=card.alert.model_copy(update=now_is), severity=one.severity, members=members)


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
