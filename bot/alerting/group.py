"""Which alerts share a card: those that have the same values of the labels the policy groups by."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from bot.alert import fingerprint
from bot.alert_rule import EVERY_LABEL, Notifications
from bot.alerting.evaluate import Finding


@dataclass(frozen=True)
class Group:
    """Alerts that share a card, whether they fire or not; ``key`` is the incident's fingerprint."""

    key: str
    findings: tuple[Finding, ...]
    rules: Notifications

    @cached_property
    def firing(self) -> tuple[Finding, ...]:
        """Those that fire: what rings before what is muted, the critical ones before the warnings, the oldest first."""
        found = (one for one in self.findings if one.alert.state == "firing")
        return tuple(sorted(found, key=_urgency))

    @cached_property
    def lead(self) -> Finding:
        """The one that stands for the others: the first that fires, else the first."""
        return next(iter(self.firing), self.findings[0])

    @property
    def muted(self) -> str:
        """Why it rings nobody; empty where one of those that fire may ring."""
        return self.lead.muted if all(one.muted for one in self.firing) else ""

    @cached_property
    def audible(self) -> frozenset[str]:
        """The fingerprints of those that fire and may ring."""
        return frozenset(one.fingerprint for one in self.firing if not one.muted)

    @property
    def calm_since(self) -> datetime | None:
        """Since when all that is as bad as the lead is within its limit and only kept; None where that is not so."""
        lead = _rank(self.lead)
        since = [one.state.clear_since for one in self.firing if _rank(one) == lead]
        known = [moment for moment in since if moment is not None]
        return max(known) if known and len(known) == len(since) else None

    @property
    def since(self) -> datetime:
        """When the first of those that fire began."""
        return min((one.alert.since for one in self.firing), default=self.lead.alert.since)


def group(findings: Iterable[Finding], rules_of: Callable[[Mapping[str, str]], Notifications]) -> list[Group]:
    """Put together what is to share a card; ``rules_of`` says by the labels how an alert is notified."""
    found: dict[str, list[Finding]] = {}
    rules: dict[str, Notifications] = {}
    for finding in findings:
        of_this = rules_of(finding.labels)
        key = _key(finding, of_this.group_by)
        found.setdefault(key, []).append(finding)
        rules.setdefault(key, of_this)
    return [Group(key, tuple(members), rules[key]) for key, members in found.items()]


def _urgency(finding: Finding) -> tuple[bool, bool, datetime]:
    return *_rank(finding), finding.alert.since


def _rank(finding: Finding) -> tuple[bool, bool]:
    return bool(finding.muted), finding.alert.severity != "critical"


def _key(finding: Finding, by: tuple[str, ...]) -> str:
    if EVERY_LABEL in by:
        return finding.fingerprint
    return fingerprint({name: finding.labels.get(name, "") for name in by})
