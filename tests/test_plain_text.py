from hypothesis import given
from hypothesis import strategies as st

from bot.plain_text import one_line, plain, shortened


def test_colours_controls_and_direction_marks_are_gone() -> None:
    assert plain("\x1b[31merror\x1b[39m\x07 a\u202eb\r\nc\td") == "error\ufffd a\ufffdb\nc    d"


def test_a_secret_that_a_colour_cuts_in_two_is_masked() -> None:
    assert "hunter2" not in plain("mongodb://root:\x1b[1mhunter2@db/admin")


def test_one_line_is_one_line() -> None:
    assert one_line(" a\n\n b\u2028c ") == "a b c"


@given(st.text())
def test_nothing_unfit_is_left(text: str) -> None:
    cleaned = plain(text)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert all(character == "\n" or character >= " " for character in cleaned)


def test_what_is_too_long_is_cut_where_it_can_be_seen() -> None:
    assert shortened(" a\nb ", 3) == "a b"
    assert shortened("abcdef", 4) == "abc\u2026"
