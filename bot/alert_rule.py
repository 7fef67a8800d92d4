"""What the policy says of alerts: the rules, and which alerts explain which others."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bot.alert import Alert, Severity
from bot.duration import Duration, read_duration
from bot.matchers import WrittenMatcher

# Stands in ``group_by`` for all labels, as in Alertmanager.
EVERY_LABEL: Final = "..."
SEVERITIES: Final[tuple[Severity, ...]] = ("warning", "critical")
# What a value can be counted in; a time in seconds is shown as people say it. Empty is a bare number.
Unit = Literal["", "jobs", "%", "s", "ms", "replicas", "workers", "rules"]
# Counted by the evaluation itself for every rule: 0 while nothing of what the rule is about can be read.
RULE_READABLE: Final = "rule_readable"


class _Section(BaseModel):
    # A threshold that is no number, or beyond every number, is never passed.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)


class AlertRule(_Section):
    """One threshold. ``metric`` and ``match`` pick observations; the higher severity that holds is the one that fires.

    It clears below ``clear`` (or at/under the lowest threshold where that is left out). ``below`` turns the
    comparison around, for things that must not fall under a value. ``resolved`` is what ``summary`` turns into at its
    end; in both, ``{queue}`` and the like stand for a label. ``labels`` are the alert's besides those it observed.
    ``for`` is one length of time for both severities, or one for each: ``{ warning = "10m", critical = "5m" }``.
    ``unit`` is one of ``Unit``, ``section`` names the runbook's section, and ``runbook`` is a link to it.
    """

    name: str
    metric: str
    labels: dict[str, str] = Field(default_factory=dict)
    match: dict[str, str] = Field(default_factory=dict)
    unless: dict[str, str] = Field(default_factory=dict)
    warning: float | None = None
    critical: float | None = None
    clear: float | None = None
    below: bool = False
    hold: dict[Severity, Duration] = Field(default_factory=dict, alias="for")
    keep_firing: Duration = timedelta(0)
    summary: str
    resolved: str = ""
    unit: Unit = ""
    section: str = ""
    runbook: str = ""
    next_steps: tuple[str, ...] = ()

    @field_validator("hold", mode="before")
    @classmethod
    def _one_for_all(cls, value: object) -> object:
        if isinstance(value, dict):
            return value
        read_duration(value)
        return dict.fromkeys(SEVERITIES, value)

    @field_validator("unit", mode="before")
    @classmethod
    def _known_unit(cls, value: object) -> object:
        if value not in get_args(Unit):
            message = f"{value!r} is no unit; there are {', '.join(unit for unit in get_args(Unit) if unit)}"
            raise ValueError(message)
        return value

    @field_validator("runbook")
    @classmethod
    def _a_link(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
            message = f"{value!r} is no link: it begins with https:// (a section's name goes under section)"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _thresholds(self) -> "AlertRule":
        if self.warning is None and self.critical is None:
            message = "a rule needs warning, critical or both"
            raise ValueError(message)
        thresholds = [value for value in (self.warning, self.critical) if value is not None]
        if self.below and min(thresholds) <= 0:
            message = "nothing that is counted is below 0, so a rule with below needs more than that"
            raise ValueError(message)
        # From harmless to worst, whichever way the rule looks.
        order = [value for value in (self.clear, self.warning, self.critical) if value is not None]
        if order != sorted(order, reverse=self.below):
            message = "clear, warning and critical have to stand in this order"
            raise ValueError(message)
        return self

    def threshold(self, severity: Severity) -> float | None:
        """Return the value beyond which this severity fires, or None."""
        return self.warning if severity == "warning" else self.critical

    def hold_of(self, severity: Severity) -> timedelta:
        """Return how long a value has to be beyond this severity's threshold before it fires."""
        return self.hold.get(severity, timedelta(0))

    @property
    def first_threshold(self) -> float:
        """The value beyond which the lowest of its severities fires, and whatever is beyond another is beyond it."""
        return next(value for each in SEVERITIES if (value := self.threshold(each)) is not None)

    @property
    def first_hold(self) -> timedelta:
        """How long the quickest of its severities waits before it fires."""
        return min(self.hold_of(each) for each in SEVERITIES if self.threshold(each) is not None)

    def covers(self, metric: str, labels: Mapping[str, str]) -> bool:
        """Say whether the rule is about this observation."""
        if not self.match and not self.unless:
            return metric == self.metric
        matches = all(labels.get(name) == value for name, value in self.match.items())
        excepted = bool(self.unless) and all(labels.get(name) == value for name, value in self.unless.items())
        return metric == self.metric and matches and not excepted

    def severity_of(self, value: float) -> Severity | None:
        """Return the worst severity whose threshold the value is beyond, or None."""
        for severity in reversed(SEVERITIES):
            threshold = self.threshold(severity)
            if threshold is not None and (value < threshold if self.below else value > threshold):
                return severity
        return None


class Notifications(_Section):
    """How alerts are notified, in Alertmanager's words.

    Alerts with the same values of the labels in ``group_by`` share a card; ``...`` stands for every label, so that each
    has its own. Who joins a card rings at most every ``group_interval``, and what goes on firing and nobody has
    acknowledged rings again every ``repeat_interval``; 0s is never.
    """

    group_by: tuple[str, ...] = (EVERY_LABEL,)
    group_interval: Duration = timedelta(minutes=5)
    repeat_interval: Duration = timedelta(hours=4)

    @field_validator("group_by")
    @classmethod
    def _every_or_some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if EVERY_LABEL in value and len(value) > 1:
            message = f"{EVERY_LABEL} is every label: nothing can stand beside it"
            raise ValueError(message)
        return value


class Flapping(_Section):
    """What is on and off: opened as often as ``openings`` within that time, it stays open until it is ``calm``."""

    openings: int = Field(default=3, ge=2)
    within: Duration = timedelta(minutes=30)
    calm: Duration = timedelta(minutes=10)


class Inhibition(_Section):
    """While an alert that ``source`` matches fires, those that ``target`` matches are muted.

    Only where both have the same values of the labels in ``equal``; a label that neither has is the same. An alert
    that both match is not muted by its like. As Alertmanager's ``inhibit_rules``.
    """

    source: tuple[WrittenMatcher, ...] = Field(min_length=1)
    target: tuple[WrittenMatcher, ...] = Field(min_length=1)
    equal: tuple[str, ...] = ()


def labels_of(alert: Alert, rule: AlertRule | None) -> dict[str, str]:
    """Return what matchers look at: what the alert observed, the rule's own labels, and ``severity``."""
    return {**(rule.labels if rule else {}), **alert.labels, "severity": alert.severity}
