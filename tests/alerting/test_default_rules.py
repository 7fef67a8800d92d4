"""Every rule that comes with the bot fires when its time is over, clears where it says, and unknown changes nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot import catalog
from bot.alert import Alert, Severity
from bot.alert_rule import AlertRule
from bot.alerting.evaluate import AlertState, Finding, evaluate
from bot.alerting.stages import inhibit
from bot.policy_file import PolicyFile
from bot.schedule import Observation

START = datetime(2026, 7, 1, 9, tzinfo=UTC)
TICK = timedelta(seconds=30)
POLICY = PolicyFile(Path(__file__).parents[2] / "policy.toml", catalog.load()).current
RULES = {rule.name: rule for rule in POLICY.alerts}
LABELS = {"queue": "report", "system": "cluster", "pod": "p", "app": "a", "backup": "redis", "source": "metrics"}

# Rule, severity, the last harmless value, the first that is beyond, one at which it clears, and after how many seconds.
CASES = [
    ("email-queue", "warning", 500, 501, 400, 30),
    ("email-queue", "critical", 1000, 1001, 400, 30),
    ("queue-depth", "warning", 1000, 1001, 800, 30),
    ("queue-depth", "critical", 2000, 2001, 800, 30),
    ("failed-jobs", "warning", 100, 101, 80, 30),
    ("failed-jobs", "critical", 500, 501, 80, 30),
    ("redis-down", "critical", 1, 0, 1, 30),
    ("mongodb-down", "critical", 1, 0, 1, 30),
    ("api-down", "critical", 1, 0, 1, 30),
    ("queue-missing", "warning", 1, 0, 1, 0),
    ("not-readable", "warning", 1, 0, 1, 600),
    ("no-workers", "critical", 1, 0, 1, 120),
    ("oldest-job", "warning", 900, 901, 600, 120),
    ("oldest-job", "critical", 3600, 3601, 600, 120),
    ("queue-stalled", "warning", 300, 301, 60, 30),
    ("queue-stalled", "critical", 900, 901, 60, 30),
    ("api-errors", "warning", 1, 1.1, 1, 600),
    ("api-errors", "critical", 5, 5.1, 1, 300),
    ("api-slow", "warning", 2000, 2001, 1500, 600),
    ("api-slow", "critical", 5000, 5001, 1500, 300),
    ("api-metrics-silent", "warning", 1, 0, 1, 600),
    ("high-memory", "warning", 85, 86, 80, 300),
    ("high-cpu", "warning", 80, 81, 70, 600),
    ("webhook-failures", "warning", 20, 21, 10, 300),
    ("webhook-failures", "critical", 50, 51, 10, 300),
    ("backup-old", "warning", 3600, 3601, 3600, 1800),
    ("backup-old", "critical", 90_000, 90_001, 3600, 1800),
    ("backup-failed", "warning", 1, 0, 1, 0),
    ("backup-unknown", "warning", 1, 0, 1, 1800),
]


ABOUT_QUEUES = {rule.name for rule in POLICY.alerts if rule.metric.startswith("queue_")}
OUTAGES = ("redis-down", "api-down", "mongodb-down", "not-readable", "no-workers")


class Play:
    """One rule over time, its state carried from tick to tick as the database carries it."""

    def __init__(self, rule: AlertRule) -> None:
        self.rule = rule
        self.now = START
        self.labels = {**LABELS, **rule.match}
        self.states: dict[str, AlertState] = {}

    def tick(self, value: float | None) -> str:
        seen = Observation(metric=self.rule.metric, labels=self.labels, value=value, at=self.now, reason="why")
        findings = evaluate((self.rule,), [seen], self.states, self.now)
        self.states = {found.alert.fingerprint: found.state for found in findings if found.state.is_active}
        self.now += TICK
        if not findings:
            return "resolved"
        (found,) = findings
        return found.alert.severity if found.alert.state == "firing" else found.alert.state

    def until(self, value: float | None, outcome: str) -> float:
        """Feed a value until the rule says this; return after how many seconds it did, within two hours."""
        first = self.now
        for _ in range(240):
            if self.tick(value) == outcome:
                return (self.now - TICK - first).total_seconds()
        raise AssertionError(outcome)


def test_every_rule_that_comes_with_the_bot_is_tried() -> None:
    tried = {(name, severity) for name, severity, *_ in CASES}
    there = {
        (rule.name, severity)
        for rule in POLICY.alerts
        for severity in ("warning", "critical")
        if rule.threshold(severity) is not None
    }
    assert there - tried == {("rule-unknown", "warning")}


@pytest.mark.parametrize(("name", "severity", "harmless", "beyond", "clear", "seconds"), CASES)
def test_a_default_rule_fires_in_its_time_and_clears(
    name: str, severity: str, harmless: float, beyond: float, clear: float, seconds: float
) -> None:
    play = Play(RULES[name])
    assert play.tick(harmless) != severity
    assert play.until(beyond, severity) == seconds
    # Unknown neither ends it nor starts it anew.
    assert [play.tick(None) for _ in range(3)] == [severity] * 3
    kept = play.rule.keep_firing.total_seconds()
    assert play.until(clear, "resolved") == kept
    assert {play.tick(None) for _ in range(3)} == {"resolved"}


def test_what_the_runbook_calls_a_warning_wakes_nobody_and_so_does_one_failed_backup() -> None:
    assert [RULES[name].critical for name in ("high-memory", "high-cpu", "backup-failed")] == [None] * 3


def test_a_second_daily_backup_that_is_missing_is_critical_and_one_alone_never_is() -> None:
    play, day = Play(RULES["backup-old"]), 24 * 3600
    # The first is missing up to the moment at which the next should be there, and for as long as that takes.
    assert play.until(day + 3000, "warning") == 1800
    assert {play.tick(day + 3600) for _ in range(100)} == {"warning"}
    assert play.until(day + 3601, "critical") == 1800


@pytest.mark.parametrize("name", [rule.name for rule in POLICY.alerts if rule.clear is not None])
def test_between_clear_and_its_threshold_a_rule_goes_on_firing(name: str) -> None:
    rule = RULES[name]
    assert rule.clear is not None
    assert rule.warning is not None
    play = Play(rule)
    play.until(rule.warning + 1, "warning")
    assert {play.tick((rule.clear + rule.warning) / 2) for _ in range(60)} == {"warning"}
    assert play.tick(rule.clear) == ("warning" if rule.keep_firing else "resolved")


def test_a_rule_that_cannot_be_read_is_an_alert_after_a_while_once_and_ends_with_the_reading() -> None:
    rules = (RULES["api-slow"], RULES["rule-unknown"])
    states: dict[str, AlertState] = {}
    said = []
    for tick in range(64):
        now = START + tick * TICK
        value = None if tick < 62 else 100
        seen = Observation(metric="api_p95_ms", labels={}, value=value, at=now, reason="connection refused")
        found = evaluate(rules, [seen], states, now)
        # Another schedule's tick looks at something else and leaves everything as it is.
        states = {one.alert.fingerprint: one.state for one in found if one.state.is_active}
        other = Observation(metric="system_up", labels={"system": "redis"}, value=1, at=now)
        kept = {one.alert.fingerprint: one.state for one in evaluate(rules, [other], states, now)}
        assert kept == states
        said.append([one.alert.summary for one in found if one.alert.state == "firing"])
    assert said[:60] == [[]] * 60
    assert said[60] == said[61] == ["The alert rule api-slow could not be read for 30 min: connection refused"]
    assert said[62:] == [[], []]


@pytest.mark.parametrize(
    ("source", "targets"),
    [
        ("redis-down", ABOUT_QUEUES - {"no-workers"} | {"rule-unknown"}),
        ("api-down", {"api-errors", "api-slow", "api-metrics-silent", "rule-unknown"}),
        ("mongodb-down", {"rule-unknown"}),
        # Critical, so that it mutes every warning about its queue as well; email is another one.
        ("no-workers", ABOUT_QUEUES - {"no-workers", "email-queue"}),
        ("high-memory", set()),
    ],
)
def test_by_default_an_outage_mutes_what_it_explains_and_nothing_else(source: str, targets: set[str]) -> None:
    others = [_firing(name) for name in RULES if name not in (*OUTAGES, source)]
    muted = {one.rule.name for one in inhibit([*others, _firing(source)], POLICY.inhibitions) if one.muted}
    assert muted == targets


def _firing(name: str) -> Finding:
    """A rule as it fires, about the one queue, system or pod of these tests."""
    rule = RULES[name]
    room = rule.metric.partition("_")[0]
    about = {"queue": {"queue": "report"}, "system": {"system": "cluster"}, "pod": {"pod": "p"}}.get(room, {})
    severity: Severity = "critical" if rule.warning is None else "warning"
    alert = Alert(
        labels={"alert": name} | about | rule.match,
        severity=severity,
        state="firing",
        summary=name,
        value=0,
        since=START,
    )
    return Finding(alert, rule, AlertState(rule=name, labels=alert.labels, value=0))


def test_what_nobody_expects_to_read_is_no_alert() -> None:
    seen = Observation(metric="api_p95_ms", labels={}, value=None, at=START, reason="not configured", is_expected=False)
    found = evaluate((RULES["api-slow"], RULES["rule-unknown"]), [seen], {}, START)
    assert found == []


def test_a_rule_one_of_whose_things_can_be_read_can_be_read() -> None:
    readings = [
        Observation(metric="queue_workers", labels={"queue": name}, value=value, at=START)
        for name, value in (("email", None), ("report", 2.0))
    ]
    found = evaluate((RULES["no-workers"], RULES["rule-unknown"]), readings, {}, START)
    assert found == []


@pytest.mark.parametrize(
    ("rule", "severity", "every"),
    [
        ("api-metrics-silent", "warning", timedelta(0)),
        ("rule-unknown", "warning", timedelta(0)),
        ("backup-unknown", "warning", timedelta(0)),
        ("queue-missing", "warning", timedelta(hours=4)),
        ("api-down", "critical", timedelta(hours=4)),
    ],
)
def test_what_nobody_can_find_out_is_said_once_and_the_rest_again(rule: str, severity: str, every: timedelta) -> None:
    assert POLICY.notified({"alert": rule, "severity": severity}).repeat_interval == every
