"""The stages between evaluation and notification that are one small decision each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from bot.alert import Alert
from bot.alerting.evaluate import Finding
from bot.policy import AlertRule
from bot.stores.incidents import Incident

# A moving value is shown at most this often: a tick's 30 s, less what a tick may come early.
EDIT_EVERY: Final = timedelta(seconds=29)

Kind = Literal["opened", "worsened", "changed", "moved", "resolved", "quiet"]


@dataclass(frozen=True)
class News:
    """What happened to one incident in this tick; ``finding`` is None where nothing watches it any longer."""

    kind: Kind
    incident: Incident
    finding: Finding | None


def inhibit(findings: list[Finding], now: datetime) -> list[Finding]:  # noqa: ARG001 - every stage is told the time
    """Leave out what another alert explains; there is no such rule yet, so everything passes."""
    # What is left out here must still be told from what is over: see dedupe, which resolves what it does not find.
    return findings


def silence(findings: list[Finding], now: datetime) -> list[Finding]:  # noqa: ARG001 - every stage is told the time
    """Leave out what somebody silenced; nothing can be silenced yet, so everything passes."""
    return findings


def group(findings: list[Finding], now: datetime) -> list[list[Finding]]:  # noqa: ARG001 - every stage is told the time
    """Put together what is to share a card; each alert has its own for now."""
    return [[finding] for finding in findings]


def dedupe(groups: list[list[Finding]], firing: Mapping[str, Incident], now: datetime) -> list[News]:
    """Compare what fires with the incidents that are open, and say for each what is new about it."""
    found = {finding.alert.fingerprint: finding for together in groups for finding in together}
    news = []
    for name, finding in found.items():
        if finding.alert.state == "firing":
            incident = firing.get(name)
            news.append(_opened(finding, now) if incident is None else _continued(finding, incident, now))
    for name, incident in firing.items():
        finding_now = found.get(name)
        if finding_now is None or finding_now.alert.state != "firing":
            news.append(_resolved(finding_now, incident, now))
    return news


def _opened(finding: Finding, now: datetime) -> News:
    alert = finding.alert
    incident = Incident(
        # Two incidents of one alert cannot open at the same second: between them lies a tick that resolved the first.
        id=f"{alert.fingerprint}-{int(now.timestamp())}",
        fingerprint=alert.fingerprint,
        alert=alert,
        severity=alert.severity,
        state="firing",
        peak=finding.state.value,
        opened_at=now,
    )
    return News("opened", incident, finding)


def _continued(finding: Finding, before: Incident, now: datetime) -> News:
    alert = finding.alert
    incident = replace(before, severity=alert.severity, peak=_worse(finding.rule, before.peak, alert.value))
    if alert.severity == "critical" != before.severity:
        return News("worsened", incident, finding)
    if alert.severity != before.severity or _became_unknown_or_known(alert, before.alert):
        return News("changed", incident, finding)
    # Without a card of its own (it came in a digest) only what a person would notice makes one.
    is_time = before.notified_at is not None and now - before.notified_at >= EDIT_EVERY
    moved = (alert.value, alert.summary) != (before.alert.value, before.alert.summary)
    return News("moved" if moved and is_time else "quiet", incident, finding)


def _resolved(finding: Finding | None, before: Incident, now: datetime) -> News:
    value = finding.alert.value if finding else None
    alert = before.alert.model_copy(update={"state": "resolved", "value": value})
    return News("resolved", replace(before, alert=alert, state="resolved", resolved_at=now), finding)


def _became_unknown_or_known(now: Alert, before: Alert) -> bool:
    return (now.value is None) != (before.value is None)


def _worse(rule: AlertRule, first: float | None, second: float | None) -> float | None:
    known = [value for value in (first, second) if value is not None]
    if not known:
        return None
    return min(known) if rule.below else max(known)
