"""The value of an alert, as people say it."""

from typing import Any

import pytest

from bot.alert_rule import AlertRule
from bot.alerting.values import shown


@pytest.mark.parametrize(
    ("value", "changes", "expected"),
    [
        (1431, {"unit": "jobs"}, "1,431 jobs"),
        (1431, {}, "1,431"),
        (0.25, {"unit": "%"}, "0.2 %"),
        (440, {"unit": "s"}, "7 min 20 s"),
        (0, {"metric": "system_up"}, "failing"),
        (1, {"metric": "system_up"}, "working"),
        (0, {"metric": "backup_ok"}, "a failed run"),
        (1, {"metric": "backup_ok"}, "a good run"),
        (0, {"metric": "queue_readable"}, "not readable"),
        (999, {"metric": "queue_failed", "unit": "jobs"}, "999 jobs"),
        (1000, {"metric": "queue_failed", "unit": "jobs"}, "1,000 or more jobs"),
        (5000, {"metric": "queue_failed", "unit": "jobs"}, "5,000 jobs"),
        (1000, {"unit": "jobs"}, "1,000 jobs"),
    ],
)
def test_a_value_is_said_with_its_unit(value: float, changes: dict[str, Any], expected: str) -> None:
    assert (
        shown(
            value,
            AlertRule.model_validate({"name": "a", "metric": "queue_waiting", "warning": 1, "summary": "A"} | changes),
        )
        == expected
    )
