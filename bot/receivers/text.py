"""A reply as lines of text, for a mail and for a page's details."""

from collections.abc import Iterator
from typing import Final

from bot.drawing import chart_words, sparkline, table_lines
from bot.plain_text import one_line, plain
from bot.reply import Chart, Fields, Level, Line, Log, Note, Part, Reply, Span, Table, Text, When

_SIGNS: Final = {Level.WARNING: "WARNING", Level.CRITICAL: "CRITICAL", Level.UNKNOWN: "UNKNOWN", Level.OK: "OK"}


def headline(reply: Reply) -> str:
    """Return the one line that says what it is about, the level first."""
    sign = _SIGNS.get(reply.level, "")
    return f"[{sign}] {one_line(reply.title)}" if sign else one_line(reply.title)


def as_text(reply: Reply) -> str:
    """Return all that the reply says; its buttons are Slack's and are left out."""
    return "\n".join([headline(reply), "", *(line for part in reply.parts for line in _lines(part))]).rstrip() + "\n"


def _lines(part: Part) -> Iterator[str]:
    match part:
        case Text() | Note():
            yield from "".join(map(_span, part.spans)).splitlines()
        case Line():
            sign = _SIGNS.get(part.level, "")
            yield f"{sign + ' ' if sign else ''}{one_line(part.label)}: {one_line(part.value)}"
        case Fields():
            yield from (f"{one_line(name)}: {one_line(value)}" for name, value in part.pairs)
        case Table():
            yield from table_lines(part)
        case Log():
            yield from plain(part.text).splitlines()
        case Chart():
            yield f"{one_line(part.label)} {sparkline(part.values)} {chart_words(part)}"


def _span(span: Span) -> str:
    if isinstance(span, str):
        return plain(span)
    if isinstance(span, When):
        return f"{span.at:%Y-%m-%d %H:%M:%S} UTC"
    words = getattr(span, "text", "") or getattr(span, "name", "") or getattr(span, "id", "")
    return one_line(str(words))
