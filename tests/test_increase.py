"""What counters rose by: never less than what happened after a restart, and never a step backwards."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from bot.increase import increase, risen
from bot.stores.samples import Sample

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
STEPS = st.lists(st.integers(0, 1000), min_size=2, max_size=20)


def samples(values: Sequence[float | None]) -> list[Sample]:
    return [Sample("s", NOW + number * timedelta(seconds=30), value) for number, value in enumerate(values)]


@given(STEPS)
def test_without_a_restart_it_is_the_difference(steps: list[int]) -> None:
    counter = list(accumulate(steps))
    assert increase(samples(counter)) == counter[-1] - counter[0]


@given(STEPS, STEPS)
def test_a_restart_counts_what_came_before_and_what_came_after(before: list[int], after: list[int]) -> None:
    first, second = list(accumulate(before)), list(accumulate(after))
    rose = increase(samples([*first, *second]))
    assert rose is not None
    if second[0] < first[-1]:
        assert rose == first[-1] - first[0] + second[-1]
    assert 0 <= rose <= sum(before) + sum(after)


@given(st.lists(st.one_of(st.none(), st.integers(0, 1000)), max_size=20))
def test_whatever_is_read_it_never_falls_and_the_unknown_is_left_out(values: list[int | None]) -> None:
    rose = increase(samples(values))
    known = [value for value in values if value is not None]
    assert (rose is None) == (len(known) < 2)
    assert rose == increase(samples(known))
    assert rose is None or rose >= 0


def test_each_process_rises_by_itself_and_only_within_the_window() -> None:
    series = {
        "w/a/requests": samples([0, 100, 160]),
        "w/b/requests": samples([900, 5, 7]),
        "w/a/errors": samples([1, 1]),
    }
    assert risen(series, "requests", NOW) == 160 + 7
    assert risen(series, "requests", NOW + timedelta(seconds=30)) == 60 + 2
    assert risen(series, "errors", NOW) == 0
    assert risen(series, "le=0.1", NOW) is None
    assert risen(series, "requests", NOW + timedelta(seconds=60)) is None
