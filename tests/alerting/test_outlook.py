"""When a warning will be critical: only by a clear trend of enough readings, never by what is unknown."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bot.alert_rule import AlertRule
from bot.alerting.outlook import outlook, seconds_to
from bot.stores.samples import Sample

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
RULE = AlertRule(name="r", metric="queue_waiting", warning=500, critical=1000, summary="s")


def samples(values: Sequence[float | None], every: int = 30) -> list[Sample]:
    """Return readings of which the last is from now."""
    first = NOW - timedelta(seconds=every) * (len(values) - 1)
    return [Sample("s", first + timedelta(seconds=every) * number, value) for number, value in enumerate(values)]


def test_a_steady_rise_says_when() -> None:
    seen = samples([500 + 10 * number for number in range(7)])
    assert seconds_to(1000, seen, NOW) == pytest.approx(1320)
    assert outlook(RULE, "warning", seen, NOW) == "Will be critical in about 22 min at this rate"
    assert outlook(RULE, "critical", seen, NOW) == ""


def test_one_jump_and_one_gap_do_not_move_it() -> None:
    assert seconds_to(1000, samples([500, 510, 520, 900, 540, None, 560]), NOW) == pytest.approx(1320)


def test_a_fall_says_when_something_is_too_low() -> None:
    assert seconds_to(0, samples([70, 60, 50, 40, 30]), NOW) == pytest.approx(90)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [600],
        [500, 510, 520, 530],  # too few
        [500, 510, 520, 530, 540, None],  # the last is not known
        [None] * 8,
        [600] * 8,  # level
        [700, 690, 680, 670, 660, 650],  # away from it
        [500, 700, 480, 720, 510, 730, 500, 740],  # up and down
        [600.0, 600.1, 600.2, 600.3, 600.4, 600.5],  # in a day
        [1100, 1110, 1120, 1130, 1140],  # beyond already
    ],
)
def test_without_a_clear_trend_nothing_is_said(values: list[float | None]) -> None:
    assert seconds_to(1000, samples(values), NOW) is None


def test_readings_of_a_few_seconds_or_of_long_ago_are_no_trend() -> None:
    assert seconds_to(1000, samples([500, 510, 520, 530, 540], every=2), NOW) is None
    old = samples([500, 510, 520, 530, 540, 550])
    assert seconds_to(1000, old, NOW + timedelta(hours=1)) is None
