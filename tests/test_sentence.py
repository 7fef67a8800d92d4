"""The end of a sentence."""

import pytest

from bot.sentence import sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("connection refused", "connection refused."),
        ("no answer within 5 s.", "no answer within 5 s."),
        ("no answer within 5 s. ", "no answer within 5 s."),
        ("is it on?", "is it on?"),
        ("Job has re\u2026", "Job has re\u2026"),
    ],
)
def test_a_sentence_ends_once(words: str, said: str) -> None:
    assert sentence(words) == said
