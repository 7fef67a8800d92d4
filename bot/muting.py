"""What a silence mutes: the alerts that fire, one by one, also where several share a card."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import JsonValue, ValidationError

from bot.alert import Alert, Severity, fingerprint
from bot.alert_rule import EVERY_LABEL, SEVERITIES, labels_of
from bot.alert_state import AlertState, summary
from bot.matchers import Matcher
from bot.policy import Policy
from bot.silence import Silence

_NAMED: Final = 10


@dataclass(frozen=True)
class Firing:
    """An alert that fires: the labels that matchers look at, how bad it is, what it says, and since when it fires."""

    fingerprint: str
    labels: Mapping[str, str]
    severity: Severity
    summary: str
    since: datetime


@dataclass(frozen=True)
class Muted:
    """What a silence mutes when it begins."""

    alerts: tuple[Firing, ...]

    @property
    def critical(self) -> int:
        """How many of them are critical."""
        return sum(one.severity == "critical" for one in self.alerts)

    def sentence(self) -> str:
        """Say what it mutes, the worst and oldest by name and the rest as a number."""
        ordered = sorted(self.alerts, key=lambda one: (-SEVERITIES.index(one.severity), one.since, one.summary))
        names = [f"{one.severity}: {one.summary}" for one in ordered[:_NAMED]]
        names += [f"{len(ordered) - _NAMED} more"] if len(ordered) > _NAMED else []
        return f"It mutes now: {'; '.join(names)}." if names else "It mutes nothing that fires now."


def firing(states: Iterable[Mapping[str, JsonValue]], calm: Iterable[Alert], policy: Policy) -> list[Firing]:
    """Return every alert that fires by what the last tick remembered.

    ``calm`` are the leads of the cards that are on and off and off at the moment: they are open, and may be silenced.
    """
    rules = {rule.name: rule for rule in policy.alerts}
    found = []
    for state in filter(None, map(_read, states)):
        rule, severity = rules.get(state.rule), state.severity
        if rule is not None and severity is not None and state.since is not None:
            labels = {**rule.labels, **state.labels, "severity": severity}
            found.append(Firing(fingerprint(state.labels), labels, severity, summary(rule, state), state.since))
    for alert in calm:
        labels = labels_of(alert, rules.get(alert.labels.get("alert", "")))
        words = f"{alert.summary}, within its limit at this moment"
        found.append(Firing(alert.fingerprint, labels, alert.severity, words, alert.since))
    return found


def muted_by(silence: Silence, alerts: Iterable[Firing]) -> Muted:
    """Return those that the silence covers."""
    return Muted(tuple(one for one in alerts if silence.covers(one.labels, one.since)))


def matchers_of(alert: Alert, alerts: Iterable[Firing], policy: Policy) -> tuple[Matcher, ...]:
    """Return the conditions that cover the whole of a card, whose lead is ``alert``.

    Those are its labels where it has a card of its own, else the labels that the card is grouped by and the names of
    the alerts that share it.
    """
    rules = {rule.name: rule for rule in policy.alerts}
    own = labels_of(alert, rules.get(alert.labels.get("alert", "")))
    by = policy.notified(own).group_by
    if EVERY_LABEL in by:
        return tuple(_is(name, value) for name, value in alert.labels.items())
    grouped = tuple(_is(name, own.get(name, "")) for name in by)
    shares = [one.labels for one in alerts if policy.notified(one.labels).group_by == by]
    names = {own.get("alert", ""), *(one["alert"] for one in shares if all(it.matches(one) for it in grouped))}
    return grouped if "alert" in by else (*grouped, *_one_of(sorted(names), needed=not grouped))


def _is(name: str, value: str) -> Matcher:
    return Matcher(f'{name}="{value}"')


def _one_of(names: list[str], *, needed: bool) -> tuple[Matcher, ...]:
    """Return the condition that the alert is one of these; where it would be too long there is none, or any alert."""
    if len(names) == 1:
        return (_is("alert", names[0]),)
    try:
        return (Matcher(f"alert=~{'|'.join(names)}"),)
    except ValueError:
        return (Matcher("alert=~.+"),) if needed else ()


def _read(state: Mapping[str, JsonValue]) -> AlertState | None:
    try:
        return AlertState.model_validate(state)
    except ValidationError:  # of another version of the bot: the next tick starts it anew
        return None
