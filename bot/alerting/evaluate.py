"""What each rule says about each observation, worked out from the last tick's state and nothing else.

Each severity of a rule is a small machine of its own: beyond its threshold for ``for`` it fires, and it goes on firing
until the value has been clear for ``keep_firing``. The highest severity that fires is the alert's. A value that could
not be read changes none of them.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from bot.alert import Alert, Severity
from bot.alert_rule import RULE_READABLE, SEVERITIES, AlertRule, labels_of
from bot.alert_state import AlertState, Machine, filled, summary
from bot.alerting.alert_state import Names, by_rule
from bot.schedule import FOR, Observation

__all__ = ["AlertState", "Finding", "Machine", "advance", "evaluate", "filled", "summary"]


@dataclass(frozen=True)
class Finding:
    """One rule about one thing at one tick: the alert to show, the rule, and the state to remember.

    ``muted`` says why it rings nobody, empty where it may; ``silence`` is the id of the silence that says so.
    """

    alert: Alert
    rule: AlertRule
    state: AlertState
    muted: str = ""
    silence: str = ""

    @cached_property
    def labels(self) -> dict[str, str]:
        """What matchers look at: the rule's own labels too, and the severity."""
        return labels_of(self.alert, self.rule)

    @cached_property
    def fingerprint(self) -> str:
        """The alert's."""
        return self.alert.fingerprint


def evaluate(
    rules: tuple[AlertRule, ...],
    observations: list[Observation],
    states: Mapping[str, AlertState],
    now: datetime,
    shown: AbstractSet[str] = frozenset(),
) -> list[Finding]:
    """Apply every rule to every observation it matches.

    Alerts whose metric was not observed at all in this tick stay as they are; those of rules that are gone, or of
    things that are no longer observed while others of their kind are, are left out, and so is whatever is and was
    quiet: of ten thousand queues that is nearly all. ``shown`` are the fingerprints of those that a card is open
    about, which are found whether they are quiet or not. What every rule can read is observed here too, as
    ``rule_readable``.
    """
    by_metric = _by_metric(observations)
    by_metric[RULE_READABLE] = [one for rule in rules if (one := _readable(rule, by_metric, now))]
    observed = {rule.name for rule in rules if by_metric.get(rule.metric)}
    remembered, names = by_rule(states), Names(states, shown)
    findings = []
    for rule in rules:
        for observation, is_beyond in _noteworthy(rule, by_metric, all_of_it=names.any_of(rule)):
            labels = {"alert": rule.name, **observation.labels}
            name = names.of(rule, labels)
            before = states.get(name)
            if is_beyond or before is not None or name in shown:
                start = before or AlertState(rule=rule.name, labels=labels)
                findings.append(_finding(rule, advance(rule, start, observation), now))
        findings += [
            _finding(rule, state, now)
            for state in remembered.get(rule.name, ())
            if _is_unobserved(rule, state, rules, observed)
        ]
    return findings


def _noteworthy(
    rule: AlertRule, by_metric: Mapping[str, list[Observation]], *, all_of_it: bool
) -> Iterator[tuple[Observation, bool]]:
    """Yield what a rule is about and whether it is beyond a threshold; of what is not only where ``all_of_it``."""
    lowest, is_below = rule.first_threshold, rule.below
    for one in by_metric.get(rule.metric, ()):
        value = one.value
        is_beyond = value is not None and (value < lowest if is_below else value > lowest)
        if (is_beyond or all_of_it) and rule.covers(one.metric, one.labels):
            yield one, is_beyond


def _by_metric(observations: list[Observation]) -> dict[str, list[Observation]]:
    found: dict[str, list[Observation]] = {}
    for observation in observations:
        found.setdefault(observation.metric, []).append(observation)
    return found


def _is_unobserved(
    rule: AlertRule, state: AlertState, rules: tuple[AlertRule, ...], observed: AbstractSet[str]
) -> bool:
    """Whether nothing in this tick looked at what the alert is about."""
    if rule.metric != RULE_READABLE:
        return rule.name not in observed
    about = state.labels.get("rule")
    return about not in observed and any(one.name == about for one in rules)


def _readable(rule: AlertRule, by_metric: Mapping[str, list[Observation]], now: datetime) -> Observation | None:
    """Observe whether anything of what a rule is about could be read; None where nobody looked, or nobody can.

    What is not configured is no failure to read.
    """
    if rule.metric == RULE_READABLE:
        return None
    labels, unread = {"rule": rule.name}, None
    for one in by_metric.get(rule.metric, ()):
        if rule.covers(one.metric, one.labels):
            if one.value is not None:
                return Observation(metric=RULE_READABLE, labels=labels, value=1.0, at=now)
            unread = unread or (one if one.is_expected else None)
    if unread is None:
        return None
    words = f"The alert rule {rule.name} could not be read for {FOR}: {unread.reason or 'no reason given'}"
    return Observation(metric=RULE_READABLE, labels=labels, value=0.0, at=now, reason=unread.reason, summary=words)


def advance(rule: AlertRule, state: AlertState, observation: Observation) -> AlertState:
    """Move an alert's state by one observation."""
    value, now = observation.value, observation.at
    if value is None:
        unknown = {"unknown_since": state.unknown_since or now, "detail": observation.reason}
        return state.model_copy(update=unknown)
    machines = {
        severity: _step(rule, severity, state.machines.get(severity, Machine()), (value, now))
        for severity in SEVERITIES
        if rule.threshold(severity) is not None
    }
    known = {"machines": machines, "value": value, "unknown_since": None}
    said = {"detail": observation.reason, "summary": observation.summary}
    return state.model_copy(update=known | said)


def _step(rule: AlertRule, severity: Severity, before: Machine, reading: tuple[float, datetime]) -> Machine:
    value, now = reading
    if _is_beyond(rule, rule.threshold(severity), value):
        since = before.since or now
        return Machine(since=since, firing=before.firing or now - since >= rule.hold_of(severity))
    if not before.firing:
        return Machine()
    if not _is_clear(rule, severity, value):
        return before.model_copy(update={"clear_since": None})
    clear_since = before.clear_since or now
    if now - clear_since < rule.keep_firing:
        return before.model_copy(update={"clear_since": clear_since})
    return Machine()


def _is_beyond(rule: AlertRule, threshold: float | None, value: float) -> bool:
    """Exactly at the threshold is not beyond it: "> 500" fires at 501."""
    if threshold is None:
        return False
    return value < threshold if rule.below else value > threshold


def _is_clear(rule: AlertRule, severity: Severity, value: float) -> bool:
    """The rule's own clear threshold is the lowest severity's; a higher one clears at its own threshold."""
    lowest = next(name for name in SEVERITIES if rule.threshold(name) is not None)
    if rule.clear is None or severity != lowest:
        return True
    return value >= rule.clear if rule.below else value <= rule.clear


def _finding(rule: AlertRule, state: AlertState, now: datetime) -> Finding:
    severity = state.severity
    standing: Literal["pending", "firing", "resolved"] = "pending" if state.is_active else "resolved"
    alert = Alert(
        labels=state.labels,
        severity=severity or "warning",
        state="firing" if severity else standing,
        summary=summary(rule, state),
        value=None if state.unknown_since else state.value,
        unit=rule.unit,
        since=state.since or now,
    )
    return Finding(alert, rule, state)
