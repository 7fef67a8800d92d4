import pytest

from bot.dispatch.operations import said


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("restarted", "restarted"),
        ({"message": "12 jobs cleaned", "changed": False}, "12 jobs cleaned"),
        ({"changed": False, "before": 5, "after": 5}, "was so already"),
        ({"changed": True, "before": 2, "after": 5}, "2 → 5"),
        ({"count": 3}, ""),
        (None, ""),
        (7, ""),
    ],
)
def test_a_result_is_said_in_words(result: object, words: str) -> None:
    assert said(result) == words
