"""A curve that keeps what is promised is told from one that does not."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.tick_counts import Counted
from benchmarks.tick_promises import Curve, broken, growth, verdict

ONE = Counted(observed=0.1, judged=0.05, cpu=0.1, redis_cpu=0.02, grown=10.0, silence=0.02, turn=0.03)
LINEAR: Curve = {
    queues: {"nothing changed": replace(ONE, cpu=ONE.cpu * times, redis_cpu=ONE.redis_cpu * times, grown=10.0 * times)}
    for queues, times in ((1_250, 1), (2_500, 2), (5_000, 4), (10_000, 8))
}


def with_last(**values: Any) -> Curve:
    return {**LINEAR, 10_000: {"nothing changed": replace(LINEAR[10_000]["nothing changed"], **values)}}


def test_a_linear_curve_is_kept_and_each_doubling_is_told() -> None:
    assert broken(LINEAR) == []
    assert verdict(LINEAR).endswith("growth near linear: kept")
    assert list(growth(LINEAR))[-1] == "  5,000 to 10,000 queues (2x): nothing changed 2.0x, memory 2.0x"
    assert len(list(growth(LINEAR))) == 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"observed": 2.0}, "nothing changed: 2.05 s"),
        ({"grown": 200.0}, "210 MB"),
        ({"cpu": 1.5}, "nothing changed: 8x the queues cost 13.8x"),
        ({"silence": 1.6}, "nothing changed: others waited for 1.60 s"),
        ({"turn": 1.7}, "nothing changed: others waited for 1.70 s"),
    ],
)
def test_what_is_not_kept_is_named(values: dict[str, float], said: str) -> None:
    curve = with_last(**values)
    assert broken(curve) == [said]
    assert verdict(curve).endswith(f"NOT KEPT ({said})")
