from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.errors import InvalidPolicy
from bot.policy import MONTHS, WEEKDAYS, ScheduleRule
from bot.scheduler.due import due_times


def last(now: str, zone: str = "UTC", **rule: Any) -> str | None:
    """Return the last due time as the wall clock of the zone shows it."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = due_times(ScheduleRule.model_validate(rule), zone).last(at)
    return found.astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M:%S %Z") if found else None


@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        ("0 8 * * *", "2026-07-01T08:00:00", "Wed 2026-07-01 08:00:00 UTC"),
        ("0 8 * * *", "2026-07-01T07:59:59.999", "Tue 2026-06-30 08:00:00 UTC"),
        ("* * * * *", "2026-07-01T08:00:30", "Wed 2026-07-01 08:00:00 UTC"),
        ("*/15 9-17 * * *", "2026-07-01T20:00:00", "Wed 2026-07-01 17:45:00 UTC"),
        # Sunday is 0 and 7, Monday 1, as cron says and unlike the scheduler's own library.
        ("0 8 * * 0", "2026-07-01T09:00:00", "Sun 2026-06-28 08:00:00 UTC"),
        ("0 8 * * 7", "2026-07-01T09:00:00", "Sun 2026-06-28 08:00:00 UTC"),
        ("0 8 * * 1-5", "2026-07-05T09:00:00", "Fri 2026-07-03 08:00:00 UTC"),
        ("0 8 * * mon-fri", "2026-07-05T09:00:00", "Fri 2026-07-03 08:00:00 UTC"),
        ("0 8 * * FRI-MON", "2026-07-01T09:00:00", "Mon 2026-06-29 08:00:00 UTC"),
        ("0 8 * * 0-7", "2026-07-01T09:00:00", "Wed 2026-07-01 08:00:00 UTC"),
        ("0 8 * * */2", "2026-07-01T09:00:00", "Tue 2026-06-30 08:00:00 UTC"),
        ("0 8 * * 3/2", "2026-07-06T09:00:00", "Fri 2026-07-03 08:00:00 UTC"),
        ("0 8 * * 6,2", "2026-07-01T09:00:00", "Tue 2026-06-30 08:00:00 UTC"),
        # A day of the month and a day of the week: either.
        ("0 8 1 * fri", "2026-07-02T09:00:00", "Wed 2026-07-01 08:00:00 UTC"),
        ("0 8 1 * fri", "2026-07-04T09:00:00", "Fri 2026-07-03 08:00:00 UTC"),
        ("0 8 29 2 *", "2026-07-01T09:00:00", "Thu 2024-02-29 08:00:00 UTC"),
        ("0 8 1 jan *", "2026-07-01T09:00:00", "Thu 2026-01-01 08:00:00 UTC"),
        ("0 8 1 jan-6/2 *", "2026-07-01T09:00:00", "Fri 2026-05-01 08:00:00 UTC"),
        ("0 8 1 MAR,nov *", "2026-07-01T09:00:00", "Sun 2026-03-01 08:00:00 UTC"),
        ("0 8 31 2 *", "2026-07-01T09:00:00", None),
    ],
)
def test_a_cron_line_was_last_due(cron: str, now: str, expected: str | None) -> None:
    assert last(now, cron=cron) == expected


@pytest.mark.parametrize(
    ("cron", "now", "expected"),
    [
        # 08:00 stays 08:00 on the wall when the clock changes.
        ("0 8 * * *", "2026-03-28T07:30", "Sat 2026-03-28 08:00:00 CET"),
        ("0 8 * * *", "2026-03-29T06:30", "Sun 2026-03-29 08:00:00 CEST"),
        ("0 8 * * *", "2026-10-25T07:30", "Sun 2026-10-25 08:00:00 CET"),
        # 02:30 does not exist on 29 March: it is due when it would have been.
        ("30 2 * * *", "2026-03-29T01:29", "Sat 2026-03-28 02:30:00 CET"),
        ("30 2 * * *", "2026-03-29T01:30", "Sun 2026-03-29 03:30:00 CEST"),
        # 02:30 is there twice on 25 October: it is due the first time only.
        ("30 2 * * *", "2026-10-25T00:30", "Sun 2026-10-25 02:30:00 CEST"),
        ("30 2 * * *", "2026-10-25T12:00", "Sun 2026-10-25 02:30:00 CEST"),
        ("30 * * * *", "2026-10-25T01:40", "Sun 2026-10-25 02:30:00 CET"),
    ],
)
def test_a_cron_line_when_the_clock_changes(cron: str, now: str, expected: str) -> None:
    assert last(now, "Europe/Berlin", cron=cron) == expected


@pytest.mark.parametrize(
    ("every", "now", "expected"),
    [
        ("30s", "2026-07-01T08:00:00", "08:00:00"),
        ("30s", "2026-07-01T08:00:29.999", "08:00:00"),
        ("7s", "2026-07-01T08:00:00", "07:59:57"),
        ("1d", "2026-07-01T08:00:00", "00:00:00"),
    ],
)
def test_every_so_often_is_counted_from_the_epoch(every: str, now: str, expected: str) -> None:
    found = last(now, every=every)
    assert found is not None
    assert expected in found


def test_the_timer_wakes_at_the_due_times() -> None:
    now = datetime(2026, 10, 24, 22, tzinfo=UTC)
    for rule in ({"every": "7s"}, {"cron": "0 8 1 * fri"}):
        due = due_times(ScheduleRule.model_validate(rule), "Europe/Berlin")
        wake = due.trigger.get_next_fire_time(None, now)
        assert due.last(wake) == wake
        assert due.last(wake - timedelta(microseconds=1)) != wake


def test_a_line_that_means_nothing_is_refused() -> None:
    rule = ScheduleRule.model_construct(cron="0 8 mon * *", every=None)
    with pytest.raises(InvalidPolicy, match="0 8 mon"):
        due_times(rule, "UTC")


NUMBER = st.integers(0, 61).map(str)
END = st.one_of(NUMBER, st.sampled_from([*MONTHS, *WEEKDAYS]))
PART = st.one_of(
    st.just("*"),
    END,
    st.tuples(END, END).map("-".join),
    st.tuples(st.one_of(st.just("*"), END, st.tuples(END, END).map("-".join)), NUMBER).map("/".join),
)
FIELD = st.lists(PART, min_size=1, max_size=2).map(",".join)


@pytest.mark.parametrize("place", range(5))
@given(field=FIELD)
@settings(max_examples=150)
def test_what_the_policy_lets_in_can_be_read(place: int, field: str) -> None:
    """A reload has replaced the policy when its times are read: nothing may be refused only then."""
    fields = ["0", "8", "*", "*", "*"]
    fields[place] = field
    try:
        rule = ScheduleRule.model_validate({"cron": " ".join(fields)})
    except ValidationError:
        return
    due_times(rule, "UTC")
