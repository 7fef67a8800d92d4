"""What has to be remembered of an alert between two ticks, and how it is found again by what is observed."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from bot.alert import Severity, fingerprint
from bot.alert_rule import SEVERITIES, AlertRule


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


class Names:
    """The fingerprints of what is remembered or shown; of ten thousand quiet things none is worked out."""

    def __init__(self, states: Mapping[str, AlertState], shown: AbstractSet[str]) -> None:
        # What a card is open about is nearly always remembered; where it is not, nothing but its fingerprint is known.
        self._all = not shown <= states.keys()
        self._known: dict[str, dict[tuple[tuple[str, str], ...], str]] = {}
        for name, state in states.items():
            self._known.setdefault(state.rule, {})[_sorted(state.labels)] = name

    def any_of(self, rule: AlertRule) -> bool:
        """Whether anything of this rule may be known."""
        return self._all or rule.name in self._known

    def of(self, rule: AlertRule, labels: dict[str, str]) -> str:
        """Return the fingerprint of these labels, or an empty text where nothing is known of them."""
        if self._all:
            return fingerprint(labels)
        known = self._known.get(rule.name)
        return known.get(_sorted(labels), "") if known else ""


def _sorted(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def by_rule(states: Mapping[str, AlertState]) -> dict[str, list[AlertState]]:
    """Sort what is remembered by the rule that it is about."""
    found: dict[str, list[AlertState]] = {}
    for state in states.values():
        found.setdefault(state.rule, []).append(state)
    return found
