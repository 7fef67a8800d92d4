from datetime import UTC, datetime, timedelta

import pytest

from bot.alert import Alert
from bot.alert_list import FEW, conditions, every_line, firing_table, left_out, resolved_table
from bot.errors import UsageError
from bot.reply import Log, Note
from bot.stores.incidents import Incident

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
ALERT = {"labels": {"alert": "a"}, "severity": "warning", "state": "firing", "value": 1.0, "summary": "A", "since": NOW}


def incident(**changes: object) -> Incident:
    values = {"id": "3fa91c02-1", "fingerprint": "3fa91c02", "alert": Alert.model_validate(ALERT), "peak": 1.0}
    state = {"severity": "warning", "state": "firing", "opened_at": NOW}
    return Incident(**{**values, **state, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "firing"),
        ({"muted": "silenced"}, "muted"),
        ({"members": ("3fa91c02",)}, "firing"),
        ({"flapping": True}, "firing, on and off"),
        ({"flapping": True, "calm_since": NOW}, "calm, on and off"),
    ],
)
def test_a_row_says_how_it_stands_since_when_and_who_has_it(changes: dict[str, object], state: str) -> None:
    table = firing_table([incident(**changes)], NOW + timedelta(minutes=3))
    assert table.rows == (("A", "warning", "3 min", "nobody", state, "3fa91c02"),)


def test_what_is_over_says_when_and_after_how_long() -> None:
    over = incident(state="resolved", resolved_at=NOW + timedelta(minutes=5), acknowledged_by="Ann")
    assert resolved_table([over], NOW + timedelta(hours=1)).rows == (
        ("A", "warning", "55 min ago", "5 min", "Ann", "3fa91c02"),
    )


def test_a_short_list_is_lines_and_a_long_one_is_a_text_with_all_of_them() -> None:
    lines = [f"line {number}" for number in range(FEW)]
    assert every_line(lines, "x.txt") == [Note.of(line) for line in lines]
    assert every_line([*lines, "two\nin one"], "x.txt") == [Log(text="\n".join([*lines, "two in one"]), name="x.txt")]


def test_what_no_list_holds_is_counted() -> None:
    assert left_out(3, 3, "narrow it") == []
    assert left_out(1500, 500, "narrow it") == [Note.of("and 1,000 more: narrow it")]


def test_conditions_are_read_and_what_is_none_is_said() -> None:
    assert list(map(str, conditions("a=b,c=~d.*"))) == ["a=b", "c=~d.*"]
    assert conditions("") == ()
    with pytest.raises(UsageError, match="is no matcher"):
        conditions("a")
