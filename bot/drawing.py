"""Tables and trends in a fixed-width face."""

import itertools
import math
import re
import unicodedata
from typing import Final

from bot.plain_text import ELLIPSIS, one_line
from bot.reply import Chart, Table

_COLUMN: Final = 40
_NUMBER: Final = re.compile(r"[-+\u2212]?[\d.,\u202f ]*\d[\d.,]*\+?\s?(?:%|ms|s|min|h|d|B|[KMGT]i?B|/s|/min)?")
_BARS: Final = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_GAP: Final = "\u00b7"
_POINTS: Final = 60
_EMPTY: Final = frozenset({"", "-", "\u2013", "\u2014", "?", "n/a", "unknown"})


def width(text: str) -> int:
    """Return how many cells a text takes in a fixed-width face."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def table_lines(table: Table, *, longest: int | None = _COLUMN) -> list[str]:
    """Return a table's lines, the column names and a rule first; columns of numbers stand at the right.

    A cell is cut where it takes more than ``longest`` cells of the face; with None none is.
    """
    names, *rows = [[cell if longest is None else _cut(cell, longest) for cell in row] for row in whole_rows(table)]
    count = len(names)
    numeric = [_is_numeric([row[column] for row in rows]) for column in range(count)]
    widths = [max(width(row[column]) for row in [names, *rows]) for column in range(count)]
    drawn = [_line(row, widths, numeric) for row in [names, *rows]]
    return [drawn[0], "\u2500" * min(width(drawn[0].ljust(sum(widths) + 2 * (count - 1))), 120), *drawn[1:]]


def whole_rows(table: Table) -> list[list[str]]:
    """Return the column names and the rows, each cell in one line, all of the same length."""
    rows = [[one_line(cell) for cell in row] for row in (table.columns, *table.rows)]
    count = max(map(len, rows))
    return [row + [""] * (count - len(row)) for row in rows]


def _cut(text: str, longest: int) -> str:
    if width(text) <= longest:
        return text
    while width(text) > longest - 1:
        text = text[: -max(1, (width(text) - longest + 1) // 2)]
    return text + ELLIPSIS


def _is_numeric(cells: list[str]) -> bool:
    values = [cell for cell in cells if cell.casefold() not in _EMPTY]
    return bool(values) and all(_NUMBER.fullmatch(cell) for cell in values)


def _line(row: list[str], widths: list[int], numeric: list[bool]) -> str:
    cells = []
    for cell, wide, right in zip(row, widths, numeric, strict=True):
        space = " " * (wide - width(cell))
        cells.append(space + cell if right else cell + space)
    return "  ".join(cells).rstrip()


def sparkline(values: tuple[float | None, ...]) -> str:
    """Return one bar a value, a dot where there is none; long trends keep each stretch's peak."""
    points = _squeezed([value if value is not None and math.isfinite(value) else None for value in values])
    known = [point for point in points if point is not None]
    if not known:
        return _GAP * len(points)
    low, high = min(known), max(known)
    return "".join(_GAP if point is None else _bar(point, low, high) for point in points)


def _bar(value: float, low: float, high: float) -> str:
    share = value / 2 - low / 2
    span = high / 2 - low / 2  # halved, so that the largest floats do not overflow
    return _BARS[0] if span == 0 else _BARS[min(len(_BARS) - 1, int(share / span * len(_BARS)))]


def _squeezed(values: list[float | None]) -> list[float | None]:
    if len(values) <= _POINTS:
        return values
    edges = [len(values) * index // _POINTS for index in range(_POINTS + 1)]
    stretches = [values[start:end] for start, end in itertools.pairwise(edges)]
    return [max((value for value in stretch if value is not None), default=None) for stretch in stretches]


def chart_words(chart: Chart) -> str:
    """Return what a trend's bars cannot say: the lowest, the highest and the last value, and how many are missing."""
    known = [value for value in chart.values if value is not None and math.isfinite(value)]
    if not known:
        return "no values"
    last = chart.values[-1]
    now = number(last) if last is not None and math.isfinite(last) else "unknown"
    words = f"min {number(min(known))} \u00b7 max {number(max(known))} \u00b7 last {now}"
    gaps = len(chart.values) - len(known)
    return f"{words} \u00b7 {gaps} missing" if gaps else words


def number(value: float) -> str:
    """Return a number as people read it: 1,431 or 0.25."""
    if value == int(value) and abs(value) < 1e15:  # noqa: PLR2004 - beyond that a float is not exact
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 0.01 and abs(value) < 1e15 else f"{value:.2g}"  # noqa: PLR2004
