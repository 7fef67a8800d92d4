"""Alertmanager's matchers, as they are written and what they match."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.matchers import Matcher, matches

EMAIL = {"alert": "email-queue", "queue": "email", "severity": "warning"}


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        ("queue=email", True),
        ('queue="email"', True),
        ("queue = email", True),
        ("queue=mail", False),
        ("queue!=report", True),
        ("queue!=email", False),
        ("queue=~email|report", True),
        ("queue=~mail", False),  # it has to match the whole value
        ("alert=~.*-queue", True),
        ("queue!~email.*", False),
        ("queue!~report", True),
        ("system=", True),  # a label that is missing is empty
        ("system!=redis", True),
        ("system=~.+", False),
    ],
)
def test_what_a_matcher_matches(text: str, is_met: bool) -> None:
    assert Matcher(text).matches(EMAIL) is is_met


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("queue=email", ""),
        ("queue=emial", "emial"),
        ("queue!=emial", "emial"),
        ("queue=", ""),
        ("queue=~em.+|report", ""),
        ("queue=~email|reprot", "reprot"),
        ("queue!~mail.*", "mail.*"),
        ("queue=~.*", ""),
    ],
)
def test_the_part_that_is_none_of_the_values_is_found(text: str, part: str) -> None:
    assert Matcher(text).impossible(("email", "report")) == part


def test_all_of_them_have_to_match() -> None:
    assert matches([Matcher("queue=email"), Matcher("severity=warning")], EMAIL)
    assert not matches([Matcher("queue=email"), Matcher("severity=critical")], EMAIL)


@pytest.mark.parametrize("text", ["", "email", "=email", "que ue=email", "queue==~(", "queue=" + "x" * 300])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no matcher|an expression is"):
        Matcher(text)


@pytest.mark.parametrize("text", ["a=~(x+)+", "a=~[a-z]", "a=~x{3}", "a=~.*.*.*.*", "a=~\\d"])
def test_an_expression_that_could_take_for_ever_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an expression is words"):
        Matcher(text)


@given(st.text(max_size=220))
def test_any_text_is_a_matcher_that_reads_as_it_is_written_or_refused(text: str) -> None:
    matcher = None
    with suppress(ValueError):
        matcher = Matcher(text)
    if matcher is not None and matcher.value and '"' not in text:
        assert Matcher(str(matcher)) == matcher
        assert isinstance(matcher.matches(EMAIL), bool)
