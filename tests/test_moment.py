from datetime import UTC, datetime

import pytest

from bot.moment import read_moment

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW),
        ("2026-12-24T09:00", datetime(2026, 12, 24, 8, tzinfo=UTC)),
        ("2026-12-24 09:00", datetime(2026, 12, 24, 8, tzinfo=UTC)),
        ("2026-12-24T09:00Z", datetime(2026, 12, 24, 9, tzinfo=UTC)),
        ("2026-12-24", datetime(2026, 12, 23, 23, tzinfo=UTC)),
        ("18:00", datetime(2026, 7, 1, 16, tzinfo=UTC)),
        ("9:30", datetime(2026, 7, 2, 7, 30, tzinfo=UTC)),
        ("8h", datetime(2026, 7, 1, 17, tzinfo=UTC)),
        ("+1w", datetime(2026, 7, 8, 9, tzinfo=UTC)),
    ],
)
def test_what_people_write(text: str, moment: datetime) -> None:
    assert read_moment(text, "Europe/Berlin", NOW) == moment


@pytest.mark.parametrize("text", ["", "tomorrow", "25:00", "2026-13-01", "2026-12-24T99:00", "999999999999w", "8"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_moment(text, "Europe/Berlin", NOW)
