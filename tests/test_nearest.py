"""Words that nobody knows."""

import pytest

from bot.nearest import nearest, shown


@pytest.mark.parametrize(
    ("word", "among", "found"),
    [
        ("emial", ("email", "webhook"), "email"),
        ("EMAIL", ("email",), "email"),
        ("yes_zero", ("--yes-zero", "--deployment"), "--yes-zero"),
        ("olag", ("Olga", "Vera"), "Olga"),
        ("zzz", ("email", "webhook"), ""),
        ("x" * 10_000, ("email",), ""),
    ],
)
def test_what_was_probably_meant(word: str, among: tuple[str, ...], found: str) -> None:
    assert nearest(word, among) == found


def test_a_wrong_word_is_said_back_short_and_masked() -> None:
    assert shown("emial") == "“emial”"
    assert shown("token=hunter2") == "“token=***”"
    long = shown("x" * 10_000)
    assert len(long) <= 62
    assert "10,000 characters in all" in long
