from datetime import UTC, datetime
from typing import Any

import pytest

from bot.alert import Alert
from bot.alert_rule import AlertRule
from bot.alerting.alert_line import line
from bot.reply import Level

RULE = {"name": "a", "metric": "queue_waiting", "warning": 1000, "critical": 2000, "summary": "A", "unit": "jobs"}


@pytest.mark.parametrize(
    ("value", "severity", "changes", "level", "words"),
    [
        (1200, "warning", {}, Level.WARNING, "1,200 jobs, warning above 1,000"),
        (2300, "critical", {}, Level.CRITICAL, "2,300 jobs, critical above 2,000"),
        (1, "critical", {"below": True, "warning": 9, "critical": 2}, Level.CRITICAL, "1 jobs, critical below 2"),
        (None, "critical", {}, Level.UNKNOWN, "unknown, critical above 2,000"),
    ],
)
def test_a_line_says_the_value_and_the_limit_it_is_beyond(
    value: float | None, severity: str, changes: dict[str, Any], level: Level, words: str
) -> None:
    since = datetime(2026, 7, 1, tzinfo=UTC)
    about: dict[str, Any] = {
        "labels": {},
        "severity": severity,
        "state": "firing",
        "value": value,
        "summary": "A",
        "since": since,
    }
    shown = line(
        Alert.model_validate(about | {"labels": {}, "summary": "A"}), AlertRule.model_validate(RULE | changes), "Now"
    )
    assert (shown.level, shown.label, shown.value) == (level, "Now", words)
