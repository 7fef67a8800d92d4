"""Taking typed text apart, and writing it so that it is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dispatch.words import Word, quoted, unescape, words
from bot.errors import UsageError
from bot.nearest import shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<@U123|ann.lee>", "U123"),
        ("<@U123>", "U123"),
        ("<#C1|ops>", "C1"),
        ("<!channel>", "@channel"),
        ("<!subteam^S1|@ops>", "@ops"),
        ("<http://nova.example|nova.example>", "nova.example"),
        ("<https://a.example/x?y=1&amp;z=2>", "https://a.example/x?y=1&z=2"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        ("<http://evil.example|click here>", "http://evil.example"),
        ("1 < 2 > 0", "1 < 2 > 0"),
        ("a\u0000b\u202ec\ud800d", "abcd"),
    ],
)
def test_what_slack_wrote_is_undone(text: str, expected: str) -> None:
    assert unescape(text) == expected


def test_words_know_which_of_them_were_quoted() -> None:
    assert words('a "b c" --d -- --e') == [
        Word("a"),
        Word("b c", literal=True),
        Word("--d"),
        Word("--e", literal=True),
    ]


@given(st.text(max_size=80).map(unescape))
def test_what_is_quoted_is_one_word_again(text: str) -> None:
    assert [word.text for word in words(quoted(text))] == [text]


@given(st.text(alphabet="<>@#!|&;ltgamp \"'=-\\u201c\u201d\u2019\u2014ab", max_size=80))
def test_any_text_is_words_or_an_open_quote(text: str) -> None:
    said = ""
    try:
        words(text)
    except UsageError as error:
        said = error.message
    assert said == "" or said.startswith("A quote is opened and never closed")


def test_a_word_said_back_is_short_and_without_secrets() -> None:
    assert shown("x") == "“x”"
    assert len(shown("x" * 100_000)) < 80
    assert "hunter2" not in shown("redis://:hunter2@host:6379")
