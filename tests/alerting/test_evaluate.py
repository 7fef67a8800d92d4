from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.alert_rule import AlertRule
from bot.alerting.evaluate import AlertState, Finding, evaluate, summary
from bot.schedule import Observation

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
TICK = timedelta(seconds=30)
EMAIL = {"queue": "email"}


def rule(**changes: Any) -> AlertRule:
    values = {"name": "email-queue", "metric": "queue_waiting", "match": EMAIL, "summary": "Email queue: jobs waiting"}
    return AlertRule.model_validate(values | {"warning": 500, "critical": 1000} | changes)


def seen(value: float | None, at: datetime = NOW, **changes: Any) -> Observation:
    values: dict[str, Any] = {"metric": "queue_waiting", "labels": EMAIL, "value": value, "at": at}
    return Observation(**values | changes)


def play(one: AlertRule, values: list[float | None]) -> list[Finding]:
    """Feed one value a tick, carrying the state through its stored form; what is found in none is left out."""
    return [found for found in played(one, values) if found is not None]


def played(one: AlertRule, values: list[float | None]) -> list[Finding | None]:
    """Do the same, and return None for each tick that found nothing."""
    states: dict[str, AlertState] = {}
    findings: list[Finding | None] = []
    for number, value in enumerate(values):
        now = NOW + number * TICK
        found = evaluate((one,), [seen(value, now, reason="" if value is not None else "no answer")], states, now)
        if not found:
            states = {}
            findings.append(None)
            continue
        (finding,) = found
        stored = finding.state.model_dump_json()
        states = {finding.alert.fingerprint: AlertState.model_validate_json(stored)} if finding.state.is_active else {}
        findings.append(finding)
    return findings


def letters(findings: list[Finding | None]) -> str:
    """W and C fire, p is pending, - is quiet."""
    words = {"pending": "p", "resolved": "-"}
    return "".join(words.get(one.alert.state, one.alert.severity[0].upper()) if one else "-" for one in findings)


@pytest.mark.parametrize(
    ("changes", "values", "expected"),
    [
        # Exactly at a threshold is not beyond it.
        ({}, [499, 500, 501, 1000, 1001], "--WWC"),
        ({}, [1001, 501, 500], "CW-"),
        # `for`: beyond it for the whole time, and one tick below starts anew.
        ({"for": "60s"}, [501, 501, 501], "ppW"),
        ({"for": "60s"}, [501, 501, 400, 501, 501, 501], "pp-ppW"),
        ({"for": "30s"}, [1001, 1001, 501], "pCW"),
        # A higher severity needs its own time beyond its own threshold.
        ({"for": "30s"}, [501, 501, 1001, 1001], "pWWC"),
        # Each severity may have a time of its own.
        ({"for": {"warning": "60s", "critical": "30s"}}, [1001, 1001, 501, 501], "pCWW"),
        ({"for": {"critical": "60s"}}, [501, 1001, 1001, 1001], "WWWC"),
        # Between clear and the threshold it stays; at clear it ends.
        ({"clear": 400}, [501, 450, 401, 400], "WWW-"),
        ({"clear": 400}, [450], "-"),
        ({"clear": 400}, [501, 1001, 900, 450, 399, 450], "WCWW--"),
        # keep_firing: clear for the whole time, and a flap starts it anew.
        ({"keep_firing": "60s"}, [501, 100, 100, 100], "WWW-"),
        ({"keep_firing": "60s"}, [501, 100, 501, 100, 100, 100], "WWWWW-"),
        ({"keep_firing": "30s"}, [501, 100, 501, 100, 501], "WWWWW"),
        ({"keep_firing": "30s", "clear": 400}, [501, 400, 450, 400, 400], "WWWW-"),
        ({"keep_firing": "30s"}, [1001, 600, 600, 100, 100], "CCWW-"),
        # Unknown changes nothing, and counts as neither beyond nor clear.
        ({}, [501, None, None, 501, 100], "WWWW-"),
        ({"for": "60s"}, [501, None, None, 501], "pppW"),
        ({}, [None, None, 501], "--W"),
        ({"keep_firing": "60s"}, [501, 100, None, 100], "WWW-"),
        # One severity only, and the other way round.
        ({"warning": None}, [600, 1001, 1000], "-C-"),
        ({"critical": None}, [1001], "W"),
        ({"below": True, "warning": 2, "critical": 1}, [2, 1, 0, 2], "-WC-"),
        ({"below": True, "warning": None, "critical": 1, "clear": 3}, [0, 2, 3], "CC-"),
    ],
)
def test_what_fires_when(changes: dict[str, Any], values: list[float | None], expected: str) -> None:
    assert letters(played(rule(**changes), values)) == expected


def test_since_is_when_the_first_threshold_was_passed() -> None:
    found = play(rule(**{"for": "30s"}), [501, 501, 1001, 1001])
    assert [finding.alert.since for finding in found] == [NOW] * 4


def test_an_alert_that_cannot_be_read_says_since_when_and_why_and_keeps_its_last_value() -> None:
    found = play(rule(), [600, None, None, 700])
    assert [finding.alert.value for finding in found] == [600, None, None, 700]
    assert [finding.state.unknown_since for finding in found] == [None, NOW + TICK, NOW + TICK, None]
    assert (found[2].state.value, found[2].state.detail) == (600, "no answer")


def test_a_rule_is_about_what_it_matches_and_nothing_else() -> None:
    others = rule(name="queue-depth", match={}, unless=EMAIL, summary="Queue: jobs waiting")
    observations = [seen(2000), seen(2000, labels={"queue": "report"}), seen(2000, metric="queue_failed")]
    found = evaluate((rule(), others), observations, {}, NOW)
    assert [finding.alert.labels for finding in found] == [
        {"alert": "email-queue", "queue": "email"},
        {"alert": "queue-depth", "queue": "report"},
    ]
    assert [finding.alert.summary for finding in found] == ["Email queue: jobs waiting", "Queue: jobs waiting (report)"]


def test_the_fingerprint_lives_through_the_severities() -> None:
    found = play(rule(), [501, 1001])
    assert found[0].alert.fingerprint == found[1].alert.fingerprint


def test_what_is_and_was_quiet_is_no_finding() -> None:
    assert evaluate((rule(),), [seen(500), seen(None, reason="no answer")], {}, NOW) == []


def test_what_another_schedule_observes_stays_as_it_is() -> None:
    (before,) = evaluate((rule(),), [seen(600)], {}, NOW)
    states = {before.alert.fingerprint: before.state}
    (after,) = evaluate((rule(),), [seen(1, metric="system_up")], states, NOW + TICK)
    assert after.alert == before.alert


def test_what_is_no_longer_observed_or_has_no_rule_is_left_out() -> None:
    (before,) = evaluate((rule(),), [seen(600)], {}, NOW)
    states = {before.alert.fingerprint: before.state}
    assert evaluate((), [seen(600)], states, NOW) == []
    assert evaluate((rule(),), [seen(600, labels={"queue": "report"})], states, NOW) == []


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("Queue {queue} is long", EMAIL, "Queue email is long"),
        ("Queue is long", {"alert": "a", "queue": "report"}, "Queue is long (report)"),
        ("Email queue", {"alert": "a", "queue": "email"}, "Email queue"),
    ],
)
def test_the_summary_names_what_it_is_about(text: str, labels: dict[str, str], expected: str) -> None:
    one = rule(summary=text, match=EMAIL if text == "Email queue" else {})
    assert summary(one, AlertState(rule=one.name, labels=labels)) == expected


def test_what_the_observation_says_counts_more_than_the_rule() -> None:
    one = rule(**{"for": "10m"})
    (found,) = evaluate((one,), [seen(600, summary="Redis could not be read for {for}: WRONGPASS")], {}, NOW)
    assert found.alert.summary == "Redis could not be read for 10 min: WRONGPASS"
    states = {found.alert.fingerprint: found.state}
    (unknown,) = evaluate((one,), [seen(None, NOW + TICK)], states, NOW + TICK)
    assert unknown.alert.summary == found.alert.summary
