import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.forecast import (
    AlreadyEmpty,
    Empty,
    KeepingUp,
    Never,
    NoWorkers,
    Paused,
    Rates,
    Sample,
    Unknown,
    duration,
    forecast,
    forecast_at,
    rates_of,
)

START = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)


def sample(seconds: float, ready: int | None, **rest: int | bool | None) -> Sample:
    return Sample(START + timedelta(seconds=seconds), ready, **{"workers": 2, "is_paused": False, **rest})  # type: ignore[arg-type]


def test_rates_come_from_the_added_counter_and_what_is_unfinished() -> None:
    samples = [sample(0, 100, unfinished=110, added=1000), sample(30, 70, unfinished=80, added=1060)]
    samples.append(sample(60, 40, unfinished=50, added=1120))
    rates = rates_of(samples)
    assert rates == Rates(net=-1.0, into=2.0, out=3.0)
    assert forecast(samples) == Empty(40.0)


def test_delayed_jobs_that_become_ready_are_no_new_ones() -> None:
    samples = [sample(s, s, unfinished=60, added=500) for s in (0, 30, 60)]
    assert rates_of(samples) == Rates(net=1.0, into=0.0, out=0.0)


def test_plain_lists_have_a_net_change_only() -> None:
    samples = [Sample(START + timedelta(seconds=s), 100 - s) for s in (0, 5, 10)]
    assert rates_of(samples) == Rates(net=-1.0)
    assert forecast(samples) == Empty(90.0)


def test_only_readings_since_the_workers_changed_count() -> None:
    samples = [sample(0, 0), sample(60, 600), *(sample(70 + s, 610 - s, workers=5) for s in (0, 5, 10))]
    assert forecast(samples) == Empty(600.0)
    assert forecast(samples[:4]) == Unknown("too early to say")


def test_a_counter_that_fell_says_nothing() -> None:
    samples = [sample(0, 9, unfinished=9, added=1000), sample(30, 9, unfinished=9, added=3), sample(60, 3, added=9)]
    assert rates_of(samples) == Rates(net=-0.1)


def test_an_unknown_reading_in_between_is_skipped() -> None:
    assert forecast([sample(0, 20), sample(5, None), sample(6, 14), sample(10, 10)]) == Empty(10.0)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], Unknown("no reading yet")),
        ([sample(0, 5)], Unknown("too early to say")),
        ([sample(0, 5), sample(2, 3), sample(4, 1)], Unknown("too early to say")),
        ([sample(0, 5), sample(10, None)], Unknown("the number of waiting jobs is not known")),
        ([sample(0, 5), sample(10, 0)], AlreadyEmpty()),
        ([sample(0, 0, workers=0)], NoWorkers()),
        ([sample(0, 9, is_paused=True, workers=0)], Paused()),
        ([sample(0, 10), sample(30, 16), sample(60, 22)], Never(12.0)),
        ([sample(0, 10), sample(30, 11), sample(60, 10)], Never(0.0)),
        ([sample(s, 6, unfinished=9, added=2 * s) for s in (0, 30, 60)], KeepingUp(3.0)),
    ],
)
def test_forecasts(samples: list[Sample], expected: object) -> None:
    assert forecast(samples) == expected


@pytest.mark.parametrize(
    ("burst", "before_it_is_known"),
    [
        # Everything at once, and over several readings.
        ([0, 0, 0, 700], 2),
        ([0, 0, 350, 700], 0),
        ([0, 100, 200, 300, 400, 500, 600, 700], 0),
        ([40, 40, 700, 700], 1),
    ],
)
def test_a_burst_is_forecast_by_what_follows_it(burst: list[int], before_it_is_known: int) -> None:
    readings = burst + [700 - 30 * number for number in range(1, 5)]
    samples = [sample(30 * number, ready) for number, ready in enumerate(readings)]
    for seen in range(len(burst), len(burst) + before_it_is_known):
        assert forecast(samples[:seen]) == Unknown("too early to say")
    assert forecast(samples) == Empty(580.0)


def test_what_moves_a_little_about_a_level_has_no_turns() -> None:
    readings = (10_000, 10_040, 9_960, 10_030, 9_970, 10_000)
    assert rates_of([sample(30 * number, ready) for number, ready in enumerate(readings)]) == Rates(net=0.0)


def test_more_workers_change_the_forecast() -> None:
    rates = Rates(net=1.0, into=3.0, out=2.0)
    more = rates.scaled(2, 5)
    assert more == Rates(net=-2.0, into=3.0, out=5.0)
    assert forecast_at(600, rates) == Never(60.0)
    assert forecast_at(600, more) == Empty(300.0)
    assert rates.scaled(0, 5) is None
    assert Rates(net=1.0).scaled(2, 5) is None
    assert forecast_at(0, rates) == AlreadyEmpty()


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Empty(360), "empty in about 6 min"),
        (Empty(math.inf), "empty in more than 7 days"),
        (Never(0.2), "never at this rate"),
        (Never(1234.4), "never at this rate (grows by 1,234 a minute)"),
        (NoWorkers(), "no workers connected"),
        (Paused(), "paused, so nothing is worked on"),
        (AlreadyEmpty(), "empty"),
        (KeepingUp(3), "keeps up, a job waits about 3 s"),
        (Unknown("too early to say"), "unknown: too early to say"),
    ],
)
def test_sentences(found: Empty, sentence: str) -> None:
    assert found.sentence() == sentence


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "less than 1 s"),
        (1, "about 1 s"),
        (89, "about 89 s"),
        (90, "about 2 min"),
        (3599, "about 1 h"),
        (3900, "about 1 h 5 min"),
        (15 * 3600 + 600, "about 15 h"),
        (8 * 24 * 3600, "more than 7 days"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


NUMBERS = st.none() | st.integers(0, 10**9)
READINGS = st.lists(
    st.builds(
        Sample,
        at=st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 2)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
        ready=NUMBERS,
        unfinished=NUMBERS,
        added=NUMBERS,
        workers=st.none() | st.integers(0, 3),
        is_paused=st.none() | st.booleans(),
    )
)


@given(READINGS)
def test_any_readings_give_a_sentence(readings: list[Sample]) -> None:
    samples = sorted(readings, key=lambda reading: reading.at)
    found = forecast(samples)
    assert found.sentence()
    if samples and samples[-1].ready is None:
        assert not isinstance(found, AlreadyEmpty | Empty | KeepingUp)
