from typing import Any

import pytest

from bot.alert_rule import AlertRule
from bot.alerting.card import thin


def rule(**changes: Any) -> AlertRule:
    values = {"name": "a", "metric": "queue_waiting", "warning": 1, "summary": "A"}
    return AlertRule.model_validate(values | changes)


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
