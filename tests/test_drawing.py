import math

from hypothesis import given
from hypothesis import strategies as st

from bot.drawing import chart_words, number, sparkline, table_lines, width
from bot.reply import Chart, Table

VALUES = st.lists(st.one_of(st.none(), st.floats()), max_size=300).map(tuple)
CELLS = st.lists(st.lists(st.text(max_size=60), max_size=4).map(tuple), max_size=10).map(tuple)


@given(VALUES)
def test_any_trend_is_drawn_with_at_most_sixty_marks(values: tuple[float | None, ...]) -> None:
    assert len(sparkline(values)) == min(len(values), 60)
    assert chart_words(Chart(label="x", values=values))


def test_a_long_trend_keeps_its_peak() -> None:
    values = tuple([0.0] * 100 + [9.0] + [0.0] * 100)
    assert "\u2588" in sparkline(values)


def test_a_gap_is_no_zero() -> None:
    assert sparkline((0.0, None, math.nan, 7.0)) == "\u2581\u00b7\u00b7\u2588"


@given(CELLS, CELLS)
def test_any_table_is_drawn(columns: tuple[tuple[str, ...], ...], rows: tuple[tuple[str, ...], ...]) -> None:
    names = columns[0] if columns else ()
    assert len(table_lines(Table(columns=names, rows=rows))) == len(rows) + 2


def test_units_and_unknown_cells_do_not_keep_numbers_from_the_right() -> None:
    lines = table_lines(Table(columns=("age",), rows=(("12 s",), ("unknown",), ("1,204 ms",))))
    assert next(line for line in lines if "s" in line) == "    12 s"


def test_wide_characters_take_two_cells() -> None:
    assert (width("\u6f22"), width("e\u0301"), width("a")) == (2, 1, 1)


def test_numbers_read_as_people_write_them() -> None:
    assert [number(value) for value in (1431.0, 0.25, 1e20, 0.0001)] == ["1,431", "0.25", "1e+20", "0.0001"]
