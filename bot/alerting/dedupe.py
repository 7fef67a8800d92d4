"""What is new about each incident: the last stage before notification, one small decision after another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from bot.alert import Alert
from bot.alert_rule import AlertRule, Flapping
from bot.alerting.evaluate import Finding
from bot.alerting.group import Group
from bot.stores.incidents import Incident

# A moving value is shown at most this often: a tick's 30 s, less what a tick may come early.
EDIT_EVERY: Final = timedelta(seconds=29)

Kind = Literal["opened", "worsened", "unmuted", "joined", "repeated", "changed", "moved", "resolved", "quiet"]
# What is to be heard, and not only to be seen.
LOUD: Final[frozenset[Kind]] = frozenset({"opened", "worsened", "unmuted", "joined", "repeated"})


@dataclass(frozen=True)
class News:
    """What happened to one incident in this tick.

    ``finding`` stands for it, None where nothing watches it any longer; ``members`` are all that share its card and
    fire. ``alert`` is what its card shows now; the incident's own is what the card showed last. ``ahead`` says where
    its trend leads, ``had_card`` whether it had a card of its own before this is said,
    ``shares_page`` whether PagerDuty is told of it together with others, ``was_muted`` what muted it up to this tick.
    """

    kind: Kind
    incident: Incident
    finding: Finding | None
    members: tuple[Finding, ...] = ()
    alert: Alert | None = None
    ahead: str = ""
    had_card: bool = False
    shares_page: bool = False
    was_muted: str = ""


def dedupe(
    groups: Iterable[Group],
    firing: Mapping[str, Incident],
    now: datetime,
    *,
    flapping: Flapping,
    openings: Mapping[str, int],
) -> list[News]:
    """Compare what fires with the incidents that are open, and say for each what is new about it.

    ``openings`` is how often each was opened lately, by fingerprint.
    """
    found = {each.key: each for each in groups}
    news = []
    for key, each in found.items():
        incident = firing.get(key)
        if each.firing:
            is_flapping = openings.get(key, 0) + 1 >= flapping.openings
            news.append(_opened(each, now, is_flapping) if incident is None else _continued(each, incident, now))
    for key, incident in firing.items():
        if key not in found or not found[key].firing:
            news.append(_over(found.get(key), incident, now, flapping))
    return news


def _opened(group: Group, now: datetime, is_flapping: bool) -> News:
    alert, muted = _alert(group), group.muted
    incident = Incident(
        # Two incidents of one alert cannot open at the same second: between them lies a tick that resolved the first.
        id=f"{group.key}-{int(now.timestamp())}",
        fingerprint=group.key,
        alert=alert,
        severity=alert.severity,
        state="firing",
        peak=group.lead.state.value,
        opened_at=now,
        members=tuple(sorted(group.audible)),
        muted=muted,
        # What is muted before anybody heard of it is on record, and heard of when it is muted no longer.
        rung_at=None if muted else now,
        flapping=is_flapping,
    )
    return News("quiet" if muted else "opened", incident, group.lead, group.firing, alert)


def _alert(group: Group) -> Alert:
    """Return what the card is about: the worst of the group, since when the first of it began."""
    alert, since = group.lead.alert, group.since
    return alert if alert.since == since else alert.model_copy(update={"since": since})


def _continued(group: Group, before: Incident, now: datetime) -> News:
    alert, muted = _alert(group), group.muted
    kind = _kind(group, before, now)
    is_same = before.alert.labels == alert.labels
    peak = _worse(group.lead.rule, before.peak, alert.value) if is_same else alert.value
    # Who has left and joins again is to be heard again; who has joined is heard only with a ring.
    members = group.audible if kind in LOUD else group.audible & set(before.members)
    # What is muted no longer while it is within its limit is yet to ring.
    rung_at = None if before.muted and not muted else before.rung_at
    incident = replace(
        before,
        severity=alert.severity,
        peak=peak,
        muted=muted,
        calm_since=group.calm_since,
        members=tuple(sorted(members)),
        rung_at=now if kind in LOUD else rung_at,
    )
    if _has_worsened(alert, before):
        # Whoever has it in hand has a warning in hand.
        incident = replace(incident, acknowledged_by="", acknowledged_at=None)
    return News(kind, incident, group.lead, group.firing, alert, was_muted="" if muted else before.muted)


def _kind(group: Group, before: Incident, now: datetime) -> Kind:
    """Say what is new about an incident that goes on, the most urgent thing first; within its limit nothing rings."""
    alert, may_ring = group.lead.alert, not group.muted and group.calm_since is None
    if _is_unheard(before):
        return "opened" if may_ring else "quiet"
    if may_ring and (before.muted or before.rung_at is None):
        return "unmuted"
    if may_ring and _has_worsened(alert, before):
        return "worsened"
    if may_ring and (loud := _of_time(group, before, now)):
        return loud
    if _is_to_be_said(group, before) or before.calm_since != group.calm_since:
        return "changed"
    # Without a card of its own (it came in a digest) only what a person would notice makes one.
    is_time = before.notified_at is not None and now - before.notified_at >= EDIT_EVERY
    moved = (alert.value, alert.summary) != (before.alert.value, before.alert.summary)
    return "moved" if moved and is_time else "quiet"


def _of_time(group: Group, before: Incident, now: datetime) -> Kind | None:
    """Say what rings because its time has come: who joined the group, or the repetition."""
    silent_for = now - (before.rung_at or before.opened_at)
    if before.members and group.audible - set(before.members) and silent_for >= group.rules.group_interval:
        return "joined"
    every = group.rules.repeat_interval
    if before.acknowledged_at is None and every and silent_for >= every:
        return "repeated"
    return None


def _over(group: Group | None, before: Incident, now: datetime, flapping: Flapping) -> News:
    """End an incident; one that is on and off again stays open until it has been calm for a while."""
    calm_since = before.calm_since or now
    if before.flapping and group is not None and now - calm_since < flapping.calm:
        kind: Kind = "changed" if before.calm_since is None else "quiet"
        now_is = {"severity": before.severity, "state": "firing", "since": before.alert.since}
        alert = group.lead.alert.model_copy(update=now_is)
        return News(kind, replace(before, calm_since=calm_since), group.lead, alert=alert)
    value = group.lead.alert.value if group else None
    alert = before.alert.model_copy(update={"state": "resolved", "value": value})
    ended = replace(before, alert=alert, state="resolved", resolved_at=now)
    return News("quiet" if _is_unheard(before) else "resolved", ended, group.lead if group else None)


def _is_unheard(incident: Incident) -> bool:
    """Whether it has been muted since it began, so that nobody was told of it."""
    return incident.rung_at is None and incident.notified_at is None


def _has_worsened(alert: Alert, before: Incident) -> bool:
    return alert.severity == "critical" != before.severity


def _is_to_be_said(group: Group, before: Incident) -> bool:
    """Whether the card is to be brought up to date at once, whatever the value does."""
    alert, since = group.lead.alert, before.notified_at
    is_new_acknowledgement = bool(since and before.acknowledged_at and before.acknowledged_at > since)
    differs = (alert.severity, group.muted) != (before.severity, before.muted)
    others = set(before.members) != group.audible and not group.muted
    return differs or others or is_new_acknowledgement or (alert.value is None) != (before.alert.value is None)


def _worse(rule: AlertRule, first: float | None, second: float | None) -> float | None:
    known = [value for value in (first, second) if value is not None]
    if not known:
        return None
    return min(known) if rule.below else max(known)
