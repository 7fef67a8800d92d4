"""What a plan changes, as its card shows it: a table while it is narrow, else each change in lines of its own."""

from collections.abc import Iterator
from typing import Final

from bot.drawing import table_lines, width
from bot.plan import Change, Plan
from bot.reply import Bold, Code, Part, Span, Table, Text

# Slack breaks a wider line wherever it likes, and a longer cell is cut: what is approved has to be read whole.
_WIDEST: Final = 72
_CELL: Final = 40


def change_list(plan: Plan) -> Iterator[Part]:
    """Yield the changes; none is cut."""
    if not plan.changes:
        return
    rows = tuple((change.what, change.before, "→", change.after) for change in plan.changes)
    table = Table(columns=("What", "Before", "", "After"), rows=rows)
    is_narrow = max(map(width, table_lines(table))) <= _WIDEST
    if is_narrow and all(width(cell) <= _CELL for row in rows for cell in row):
        yield table
    else:
        yield Text(spans=tuple(span for change in plan.changes for span in _lines(change)))


def _lines(change: Change) -> Iterator[Span]:
    yield Bold(text=change.what)
    yield "\n"
    yield Code(text=change.before) if change.before else "nothing"
    yield "\n→ "
    yield Code(text=change.after) if change.after else "nothing"
    yield "\n"
