from datetime import timedelta

import pytest

from bot.elapsed import elapsed


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (440, "7 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (273600, "3 d 4 h"),
    ],
)
def test_a_length_of_time_is_said_exactly(seconds: float, expected: str) -> None:
    assert elapsed(timedelta(seconds=seconds)) == expected
