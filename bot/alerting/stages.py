"""The stages between evaluation and notification that are one small decision each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from bot.alert import Alert
from bot.alert_rule import AlertRule, Inhibition
from bot.alerting.evaluate import Finding
from bot.matchers import matches
from bot.silence import Silence
from bot.stores.incidents import Incident

# A moving value is shown at most this often: a tick's 30 s, less what a tick may come early.
EDIT_EVERY: Final = timedelta(seconds=29)

# What mutes others, by its equal labels and by whether it is itself what the inhibition is aimed at.
_Sources = dict[tuple[tuple[str, ...], bool], Finding]
Kind = Literal["opened", "worsened", "unmuted", "changed", "moved", "resolved", "quiet"]


@dataclass(frozen=True)
class News:
    """What happened to one incident in this tick; ``finding`` is None where nothing watches it any longer."""

    kind: Kind
    incident: Incident
    finding: Finding | None


def inhibit(findings: list[Finding], inhibitions: Iterable[Inhibition]) -> list[Finding]:
    """Mute what another alert that fires explains."""
    muted: dict[str, str] = {}
    for inhibition in inhibitions:
        sources = _sources(findings, inhibition)
        for finding in findings if sources else ():
            source = _source_of(finding, inhibition, sources)
            if source is not None:
                muted.setdefault(finding.alert.fingerprint, f'explained by "{source.alert.summary}"')
    return [replace(one, muted=muted.get(one.alert.fingerprint, one.muted)) for one in findings]


def _source_of(finding: Finding, inhibition: Inhibition, sources: _Sources) -> Finding | None:
    """Return what mutes it; what is source and target at once is muted by nothing of its own kind."""
    if not matches(inhibition.target, finding.labels):
        return None
    equal = _equal(inhibition, finding)
    plain = sources.get((equal, False))
    return plain or (None if matches(inhibition.source, finding.labels) else sources.get((equal, True)))


def _sources(findings: list[Finding], inhibition: Inhibition) -> _Sources:
    firing = (one for one in findings if one.alert.state == "firing" and matches(inhibition.source, one.labels))
    return {(_equal(inhibition, one), matches(inhibition.target, one.labels)): one for one in firing}


def _equal(inhibition: Inhibition, finding: Finding) -> tuple[str, ...]:
    return tuple(finding.labels.get(name, "") for name in inhibition.equal)


def silence(findings: list[Finding], silences: Sequence[Silence]) -> list[Finding]:
    """Mute what somebody has silenced; ``silences`` are those in force."""
    return [one if one.muted else replace(one, muted=_silenced(one, silences)) for one in findings]


def _silenced(finding: Finding, silences: Sequence[Silence]) -> str:
    covering = (one for one in silences if one.covers(finding.labels, finding.alert.since))
    return next((one.sentence() for one in covering), "")


def over(silences: Sequence[Silence], findings: list[Finding]) -> list[Silence]:
    """Return the silences whose alerts are resolved, of those that were to last until then."""
    firing = [one for one in findings if one.alert.state == "firing"]
    waiting = (one for one in silences if one.until_resolved)
    return [one for one in waiting if not any(one.covers(alert.labels, alert.alert.since) for alert in firing)]


def group(findings: list[Finding], now: datetime) -> list[list[Finding]]:  # noqa: ARG001 - every stage is told the time
    """Put together what is to share a card; each alert has its own for now."""
    return [[finding] for finding in findings]


def dedupe(groups: list[list[Finding]], firing: Mapping[str, Incident], now: datetime) -> list[News]:
    """Compare what fires with the incidents that are open, and say for each what is new about it."""
    found = {finding.alert.fingerprint: finding for together in groups for finding in together}
    news = []
    for name, finding in found.items():
        incident = firing.get(name)
        # What is muted before it was ever shown is shown when it is muted no longer.
        if finding.alert.state == "firing" and (incident is not None or not finding.muted):
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
    alert, muted = finding.alert, finding.muted
    peak = _worse(finding.rule, before.peak, alert.value)
    incident = replace(before, severity=alert.severity, peak=peak, muted=muted)
    if before.muted and not muted:
        return News("unmuted", incident, finding)
    if alert.severity == "critical" != before.severity:
        # Whoever has it in hand has a warning in hand.
        incident = replace(incident, acknowledged_by="", acknowledged_at=None)
        return News("changed" if muted else "worsened", incident, finding)
    if _is_to_be_said(alert, before, muted):
        return News("changed", incident, finding)
    # Without a card of its own (it came in a digest) only what a person would notice makes one.
    is_time = before.notified_at is not None and now - before.notified_at >= EDIT_EVERY
    moved = (alert.value, alert.summary) != (before.alert.value, before.alert.summary)
    return News("moved" if moved and is_time else "quiet", incident, finding)


def _resolved(finding: Finding | None, before: Incident, now: datetime) -> News:
    value = finding.alert.value if finding else None
    alert = before.alert.model_copy(update={"state": "resolved", "value": value})
    return News("resolved", replace(before, alert=alert, state="resolved", resolved_at=now), finding)


def _is_to_be_said(alert: Alert, before: Incident, muted: str) -> bool:
    """Whether the card is to be brought up to date at once, whatever the value does."""
    since = before.notified_at
    is_new_acknowledgement = bool(since and before.acknowledged_at and before.acknowledged_at > since)
    differs = (alert.severity, muted) != (before.severity, before.muted)
    return differs or is_new_acknowledgement or _became_unknown_or_known(alert, before.alert)


def _became_unknown_or_known(now: Alert, before: Alert) -> bool:
    return (now.value is None) != (before.value is None)


def _worse(rule: AlertRule, first: float | None, second: float | None) -> float | None:
    known = [value for value in (first, second) if value is not None]
    if not known:
        return None
    return min(known) if rule.below else max(known)
