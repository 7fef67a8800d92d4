"""Whom to call next about what nobody has acknowledged: worked out from what was called before, and nothing else."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from bot.oncall import Escalation
from bot.policy import Policy
from bot.rota import Rota
from bot.stores.escalations import Call
from bot.stores.incidents import Incident

_IN_VAIN: Final = "Called, and not acknowledged: "
_BEFORE: Final = "Called before that: "

UnderWay = Mapping[str, list[Call]]


def is_unanswered(incident: Incident) -> bool:
    """Whether it is open, may ring, and nobody has it in hand: a round of calls about it is not over."""
    return incident.state == "firing" and not incident.muted and incident.acknowledged_at is None


def wants_somebody(incident: Incident) -> bool:
    """Whether somebody may be called about it in this moment: it is unanswered, critical, and not within its limit."""
    return is_unanswered(incident) and incident.severity == "critical" and incident.calm_since is None


def escalate(
    incidents: Iterable[Incident], under_way: UnderWay, rota: Rota, rules: Escalation, now: datetime
) -> list[Call]:
    """Return the calls that are due, in their order.

    Level 1 is called at once, each further level at its time since the round began. What falls due while the incident
    is within its limit, or a warning only, is called as soon as that has passed: such a time counts. After a level
    where nobody is known the next one is called at once. At last the highest level where somebody is known is called
    again and again.
    """
    due: list[Call] = []
    for incident in incidents:
        if wants_somebody(incident):
            made = list(under_way.get(incident.id, ()))
            while (level := _next(made, rota, rules, now)) is not None:
                began, number = (made[0].began_at, made[-1].number + 1) if made else (now, 1)
                people = rota.on_call(level, now).people
                made.append(Call(incident.id, began, number, level, now, people))
                due.append(made[-1])
    return due


def _next(made: list[Call], rota: Rota, rules: Escalation, now: datetime) -> int | None:
    """Return the level to call now, or None."""
    if not made:
        return 1
    ahead = following(made, rota, rules, now)
    return ahead[0] if ahead and ahead[1] <= now else None


def following(made: list[Call], rota: Rota, rules: Escalation, now: datetime) -> tuple[int, datetime] | None:
    """Return the level that is called after these calls of one round, and when; None where none is.

    A round that began further up, as a page's may, waits between two levels as long as one that came there by itself.
    """
    first, last = made[0], max(made, key=lambda call: call.level)
    if last.level <= len(rules.after):
        earlier = rules.after[first.level - 2] if first.level > 1 else timedelta(0)
        due = first.at + rules.after[last.level - 1] - earlier
        return last.level + 1, due if last.people else last.at
    if not rules.repeat:
        return None
    known = (level for level in range(last.level, 0, -1) if rota.on_call(level, now).people)
    level = next(known, None)
    return None if level is None else (level, made[-1].at + rules.repeat)


def called(calls: Iterable[Call], policy: Policy) -> str:
    """Say how far an incident's escalation has come; nothing while only level 1 was called, which the card mentions."""
    latest = {call.level: call for call in calls}
    if all(level == 1 and call.people for level, call in latest.items()):
        return ""
    return f"{_IN_VAIN}{'; '.join(_said(latest[level], policy) for level in sorted(latest))}"


def as_it_is(incident: Incident) -> str:
    """Say who was called about an incident; what was called in vain until somebody took it is the past."""
    return incident.called.replace(_IN_VAIN, _BEFORE, 1) if incident.acknowledged_at else incident.called


def _said(call: Call, policy: Policy) -> str:
    if not call.people:
        return f"level {call.level} skipped, nobody is known to be on call"
    names = ", ".join(policy.name(person) for person in call.people)
    return f"level {call.level} ({names}) at {call.at:%H:%M} UTC"
