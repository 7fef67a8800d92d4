"""What is news about an incident, asked of each stage directly."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.alert import Alert
from bot.alerting.evaluate import AlertState, Finding
from bot.alerting.stages import EDIT_EVERY, News, dedupe, group, inhibit, silence
from bot.policy import AlertRule
from bot.stores.incidents import Incident

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
LABELS = {"rule": "email-queue", "queue": "email"}
VALUES = {"name": "email-queue", "metric": "queue_waiting", "warning": 500, "critical": 1000, "summary": "Email queue"}
RULE = AlertRule.model_validate(VALUES)
FALLING = AlertRule.model_validate(VALUES | {"warning": 2, "critical": 1, "below": True})


def found(rule: AlertRule = RULE, **changes: Any) -> Finding:
    values = {"labels": LABELS, "severity": "warning", "state": "firing", "summary": "Email queue", "since": NOW}
    alert = Alert.model_validate(values | {"value": 600.0} | changes)
    return Finding(alert, rule, AlertState(rule=rule.name, labels=alert.labels, value=alert.value))


def told(findings: list[Finding], *firing: Incident, now: datetime = NOW) -> list[News]:
    return dedupe(group(findings, now), {incident.fingerprint: incident for incident in firing}, now)


def opened(**changes: Any) -> Incident:
    (news,) = told([found(**changes)])
    return replace(news.incident, notified_at=NOW)


def test_what_fires_for_the_first_time_opens_an_incident_that_is_named_after_alert_and_moment() -> None:
    finding = found()
    (news,) = told([finding])
    assert (news.kind, news.finding) == ("opened", finding)
    assert news.incident.id == f"{finding.alert.fingerprint}-{int(NOW.timestamp())}"
    assert (news.incident.state, news.incident.peak, news.incident.opened_at) == ("firing", 600.0, NOW)
    assert news.incident.notified_at is None


@pytest.mark.parametrize("state", ["pending", "resolved"])
def test_what_does_not_fire_and_has_no_incident_is_no_news(state: str) -> None:
    assert told([found(state=state)]) == []


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        ({}, {"severity": "critical", "value": 1200.0}, "worsened"),
        ({"severity": "critical"}, {"severity": "warning"}, "changed"),
        ({}, {"value": None}, "changed"),
        ({"value": None}, {"value": 600.0}, "changed"),
        ({"value": None}, {"value": None}, "quiet"),
        ({}, {}, "quiet"),
        # It waits until a moved value may be shown again.
        ({}, {"value": 601.0}, "quiet"),
    ],
)
def test_what_is_new_about_an_incident_that_goes_on(before: dict[str, Any], now: dict[str, Any], kind: str) -> None:
    (news,) = told([found(**now)], opened(**before))
    assert news.kind == kind
    assert news.incident.opened_at == NOW


@pytest.mark.parametrize(("seconds", "kind"), [(-1, "quiet"), (0, "moved"), (1, "moved")])
@pytest.mark.parametrize("change", [{"value": 601.0}, {"summary": "Email queue: stuck"}])
def test_a_moved_value_is_shown_when_its_time_has_come(change: dict[str, Any], seconds: int, kind: str) -> None:
    later = NOW + EDIT_EVERY + timedelta(seconds=seconds)
    (news,) = told([found(**change)], opened(), now=later)
    assert news.kind == kind


def test_a_value_that_stands_still_is_never_shown_again() -> None:
    (news,) = told([found()], opened(), now=NOW + timedelta(days=1))
    assert news.kind == "quiet"


def test_without_a_card_of_its_own_a_moved_value_makes_none() -> None:
    (news,) = told([found(value=900.0)], replace(opened(), notified_at=None), now=NOW + timedelta(days=1))
    assert news.kind == "quiet"


@pytest.mark.parametrize(
    ("rule", "values", "peak"),
    [
        (RULE, (600.0, 900.0, 700.0), 900.0),
        (FALLING, (1.0, 0.0, 1.0), 0.0),
        (RULE, (None, 700.0, None), 700.0),
        (RULE, (None, None), None),
    ],
)
def test_the_worst_value_is_kept_whichever_way_the_rule_looks(
    rule: AlertRule, values: tuple[float | None, ...], peak: float | None
) -> None:
    incident = opened(value=values[0])
    for value in values[1:]:
        (news,) = told([found(rule, value=value)], incident)
        incident = news.incident
    assert incident.peak == peak


@pytest.mark.parametrize("state", ["resolved", "pending"])
def test_what_no_longer_fires_is_resolved_with_its_last_value(state: str) -> None:
    (news,) = told([found(state=state, value=3.0)], opened(), now=NOW + timedelta(minutes=1))
    assert (news.kind, news.incident.state, news.incident.alert.state) == ("resolved", "resolved", "resolved")
    assert (news.incident.alert.value, news.incident.resolved_at) == (3.0, NOW + timedelta(minutes=1))


def test_what_nothing_watches_any_longer_is_resolved_without_a_value() -> None:
    (news,) = told([], opened())
    assert (news.kind, news.finding, news.incident.alert.value) == ("resolved", None, None)


def test_two_alerts_are_two_incidents_each_with_its_own_news() -> None:
    other = found(labels=LABELS | {"queue": "report"})
    news = told([found(severity="critical"), other], opened())
    assert [one.kind for one in news] == ["worsened", "opened"]
    assert len({one.incident.fingerprint for one in news}) == 2


def test_nothing_is_left_out_while_there_is_no_rule_for_it() -> None:
    findings = [found(), found(state="resolved")]
    assert inhibit(findings, NOW) == silence(findings, NOW) == findings
    assert group(findings, NOW) == [[finding] for finding in findings]
