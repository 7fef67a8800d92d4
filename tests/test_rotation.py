"""A rotation: every moment is somebody's turn, and hand-over is at the same local time in summer and winter."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.rotation import Rotation


def local(*parts: int) -> datetime:
    """Return a time without a zone, as the policy's file has it."""
    return datetime(*parts)  # type: ignore[arg-type,unused-ignore] # noqa: DTZ001


BERLIN = ZoneInfo("Europe/Berlin")
WEEKLY: dict[str, Any] = {
    "people": ["U1", "U2", "U3"],
    "starts": local(2026, 1, 5, 9),
    "every": "1w",
    "zone": "Europe/Berlin",
}


def rotation(**more: Any) -> Rotation:
    return Rotation.model_validate(WEEKLY | more)


@pytest.mark.parametrize(
    ("local", "who", "until"),
    [
        (local(2026, 1, 5, 9), "U1", local(2026, 1, 12, 9)),
        (local(2026, 1, 12, 8, 59, 59), "U1", local(2026, 1, 12, 9)),
        (local(2026, 1, 12, 9), "U2", local(2026, 1, 19, 9)),
        (local(2026, 1, 26, 9), "U1", local(2026, 2, 2, 9)),
        # The clock is put forward on March 29 and back on October 25: nine in the morning stays nine in the morning.
        (local(2026, 3, 30, 8, 59), "U3", local(2026, 3, 30, 9)),
        (local(2026, 3, 30, 9), "U1", local(2026, 4, 6, 9)),
        (local(2026, 10, 26, 8, 59), "U3", local(2026, 10, 26, 9)),
    ],
)
def test_the_week_ends_at_the_same_local_time(local: datetime, who: str, until: datetime) -> None:
    found = rotation().turn(local.replace(tzinfo=BERLIN))
    assert found == (who, until.replace(tzinfo=BERLIN).astimezone(UTC))


def test_a_hand_over_that_the_clock_leaves_out_or_has_twice() -> None:
    gap = rotation(starts=local(2026, 3, 22, 2, 30))
    assert gap.turn(datetime(2026, 3, 29, 1, 29, tzinfo=UTC)) == ("U1", datetime(2026, 3, 29, 1, 30, tzinfo=UTC))
    assert gap.turn(datetime(2026, 3, 29, 1, 30, tzinfo=UTC)) == ("U2", datetime(2026, 4, 5, 0, 30, tzinfo=UTC))
    fold = rotation(starts=local(2026, 10, 18, 2, 30))
    assert fold.turn(datetime(2026, 10, 25, 0, 29, tzinfo=UTC)) == ("U1", datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert fold.turn(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == ("U2", datetime(2026, 11, 1, 1, 30, tzinfo=UTC))


@given(
    at=st.datetimes(local(2026, 1, 6), local(2035, 1, 1), timezones=st.just(UTC)),
    starts=st.datetimes(local(2025, 1, 1), local(2026, 1, 5)),
    every=st.sampled_from(["10s", "1m", "1h", "7h", "12h", "1d", "1w", "9d"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_every_moment_is_in_one_turn_and_the_next_begins_where_it_ends(
    at: datetime, starts: datetime, every: str, zone: str
) -> None:
    made = rotation(starts=starts, every=every, zone=zone)
    found = made.turn(at)
    assert found is not None
    who, until = found
    assert until > at
    assert made.turn(until - timedelta(microseconds=1)) == found
    after = made.turn(until)
    assert after is not None
    assert after[1] > until
    # In an hour that the clock leaves out the turn of an hour has no length, and is nobody's.
    assert after[0] != who or every == "1h"


def test_it_holds_from_its_beginning_to_its_end() -> None:
    made = rotation(**{"from": local(2026, 1, 7), "to": local(2026, 1, 14)})
    assert made.turn(datetime(2026, 1, 6, 22, 59, tzinfo=UTC)) is None
    assert made.turn(datetime(2026, 1, 6, 23, tzinfo=UTC)) == ("U1", datetime(2026, 1, 12, 8, tzinfo=UTC))
    assert made.turn(datetime(2026, 1, 13, 9, tzinfo=UTC)) == ("U2", datetime(2026, 1, 13, 23, tzinfo=UTC))
    assert made.turn(datetime(2026, 1, 13, 23, tzinfo=UTC)) is None


def test_rotations_overlap_only_at_one_level_and_one_time() -> None:
    first = rotation(to=local(2026, 2, 2, 9))
    assert not first.overlaps(rotation(starts=local(2026, 2, 2, 9)))
    assert first.overlaps(rotation(starts=local(2026, 2, 2, 8, 59)))
    assert not first.overlaps(rotation(level=2))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"every": "0s"}, "every has to be longer than 0 s"),
        ({"every": "weekly"}, "a duration is a number and a unit"),
        ({"zone": "Berlin"}, "'Berlin' is not a time zone"),
        ({"to": local(2026, 1, 5, 9)}, "has to end"),
        ({"people": []}, "at least 1 item"),
        ({"starts": datetime(2026, 1, 5, 9, tzinfo=UTC)}, "not have timezone info"),
    ],
)
def test_a_wrong_one_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        rotation(**wrong)
