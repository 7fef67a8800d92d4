"""A table on a terminal: no id and no reason is ever cut, however narrow the window is."""

from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as Grid
from rich.text import Text as Styled

from bot.drawing import table_lines, whole_rows
from bot.reply import Table

_GAP: Final = 2
_LEAST: Final = 16  # cells that a column of sentences keeps at least


@dataclass(frozen=True)
class WholeTable:
    """A table in lines where they fit or are not wrapped (a pipe), else wrapped between words, else a block a row."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it for the width that is there."""
        lines = table_lines(self.table, longest=None)
        if options.no_wrap or max(map(cell_len, lines)) <= options.max_width:
            yield Styled("\n".join(lines), no_wrap=True, overflow="ignore")
            return
        names, *rows = whole_rows(self.table)
        least = [_least(column) for column in zip(names, *rows, strict=True)]
        fits = sum(least) + _GAP * (len(least) - 1) <= options.max_width
        yield _wrapped(names, rows) if fits else _blocks(names, rows)


def _least(cells: tuple[str, ...]) -> int:
    """Return how narrow a column may become: sentences wrap, and what is one word stays in one piece."""
    whole = max(map(cell_len, cells))
    return min(whole, max(_LEAST, _longest_word(cells))) if _is_prose(cells) else whole


def _is_prose(cells: tuple[str, ...]) -> bool:
    return any(" " in cell for cell in cells)


def _longest_word(cells: tuple[str, ...]) -> int:
    return max((cell_len(word) for cell in cells for word in cell.split()), default=0)


def _wrapped(names: list[str], rows: list[list[str]]) -> Grid:
    grid = Grid(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
    for cells in zip(names, *rows, strict=True):
        grid.add_column(no_wrap=not _is_prose(cells), min_width=_least(cells), overflow="fold")
    for row in [names, *rows]:
        grid.add_row(*map(Styled, row))
    return grid


def _blocks(names: list[str], rows: list[list[str]]) -> Grid:
    grid = Grid.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for number, row in enumerate(rows):
        if number:
            grid.add_row("", "")
        for name, cell in zip(names, row, strict=True):
            grid.add_row(Styled(name), Styled(cell))
    return grid
