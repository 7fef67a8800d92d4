from typing import Any

import pytest

from bot.alert_rule import AlertRule
from bot.alerting.card import shown, thin


def rule(**changes: Any) -> AlertRule:
    values = {"name": "a", "metric": "queue_waiting", "warning": 1, "summary": "A"}
    return AlertRule.model_validate(values | changes)


@pytest.mark.parametrize(
    ("value", "changes", "expected"),
    [
        (1431, {"unit": "jobs"}, "1,431 jobs"),
        (1431, {}, "1,431"),
        (0.25, {"unit": "%"}, "0.2 %"),
        (440, {"unit": "s"}, "7 min 20 s"),
        (0, {"metric": "system_up"}, "failing"),
        (1, {"metric": "system_up"}, "working"),
        (0, {"metric": "queue_readable"}, "not readable"),
        (999, {"metric": "queue_failed", "unit": "jobs"}, "999 jobs"),
        (1000, {"metric": "queue_failed", "unit": "jobs"}, "1,000 or more jobs"),
        (5000, {"metric": "queue_failed", "unit": "jobs"}, "5,000 jobs"),
        (1000, {"unit": "jobs"}, "1,000 jobs"),
    ],
)
def test_a_value_is_said_with_its_unit(value: float, changes: dict[str, Any], expected: str) -> None:
    assert shown(value, rule(**changes)) == expected


@pytest.mark.parametrize(("below", "usual", "outage"), [(True, 1.0, 0.0), (False, 0.0, 900.0)])
def test_a_short_outage_is_not_lost_from_a_long_trend(below: bool, usual: float, outage: float) -> None:
    values: list[float | None] = [usual] * 454
    values[200:203] = [outage, None, outage]
    assert outage in thin(values, rule(below=below))


@pytest.mark.parametrize("length", [0, 1, 59, 60, 61, 119, 600, 3001])
def test_a_trend_keeps_its_newest_value_and_at_most_60(length: int) -> None:
    values: list[float | None] = [float(number) for number in range(length)]
    kept = thin(values, rule())
    assert len(kept) <= 60
    assert kept[-1:] == values[-1:]
