"""What is remembered of an alert between two ticks, and what it says in words."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from bot.alert import Severity
from bot.alert_rule import SEVERITIES, AlertRule
from bot.elapsed import elapsed
from bot.schedule import FOR


class Machine(BaseModel):
    """One severity: beyond its threshold since when, clear since when, and whether it fires."""

    model_config = ConfigDict(frozen=True)

    since: datetime | None = None
    clear_since: datetime | None = None
    firing: bool = False


class AlertState(BaseModel):
    """What has to be remembered of one alert up to the next tick.

    ``value`` is the last one that could be read, ``summary`` what was said with it where the rule's would be too rough.
    """

    model_config = ConfigDict(frozen=True)

    rule: str
    labels: dict[str, str]
    machines: dict[Severity, Machine] = Field(default_factory=dict)
    value: float | None = None
    unknown_since: datetime | None = None
    detail: str = ""
    summary: str = ""

    @property
    def is_active(self) -> bool:
        """Whether any severity fires or is on its way to."""
        return any(machine.firing or machine.since for machine in self.machines.values())

    @property
    def clear_since(self) -> datetime | None:
        """Since when all that fires is within its limit again and only kept for a while; None where that is not so."""
        firing = [machine for machine in self.machines.values() if machine.firing]
        since = [machine.clear_since for machine in firing if machine.clear_since is not None]
        return max(since) if since and len(since) == len(firing) else None

    @property
    def severity(self) -> Severity | None:
        """The highest severity that fires, or None."""
        return next((name for name in reversed(SEVERITIES) if self.machines.get(name, Machine()).firing), None)

    @property
    def since(self) -> datetime | None:
        """When the first threshold was passed, or None."""
        return min((machine.since for machine in self.machines.values() if machine.since), default=None)


def summary(rule: AlertRule, state: AlertState) -> str:
    """Say what is wrong: in the observation's own words where it has any, else in the rule's."""
    return state.summary.replace(FOR, elapsed(rule.first_hold)) or filled(rule.summary, rule, state.labels)


def filled(words: str, rule: AlertRule, labels: Mapping[str, str]) -> str:
    """Fill the labels into a rule's words; those that neither they nor the rule's match names are put behind them."""
    text = words
    for name, value in labels.items():
        text = text.replace(f"{{{name}}}", value)
    if text != words:
        return text
    others = [value for name, value in labels.items() if name != "alert" and name not in rule.match]
    return f"{text} ({', '.join(others)})" if others else text
