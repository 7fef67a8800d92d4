"""From a reply to the blocks of a Slack message, within Slack's limits whatever the reply holds.

The title says what, the sign before it how bad; both can be read without colour. What does not fit is cut with a note,
and buttons are the last thing to go.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, NamedTuple

from bot.drawing import chart_words, sparkline, table_lines
from bot.plain_text import one_line, plain
from bot.reply import FAILED, Buttons, Chart, Fields, Level, Line, Log, Note, Part, Reply, Table, Text
from bot.slack import limits
from bot.slack.escaping import bold, cut, escape, fenced, inline, take_lines, unfenced
from bot.slack.limits import Block
from bot.slack.spans import paragraphs

SIGNS: Final = {
    Level.OK: "\u2705",
    Level.INFO: "\u2022",
    Level.WARNING: "\u26a0\ufe0f",
    Level.CRITICAL: "\U0001f534",
    Level.UNKNOWN: "\u2754",
}
_WORDS: Final = {Level.WARNING: "WARNING", Level.CRITICAL: "CRITICAL", Level.UNKNOWN: "UNKNOWN"}
_NOTHING: Final = "\u2014"
_FRAMED: Final = 2_800
_SECTIONS_A_TEXT: Final = 3
_ROWS_OF_BUTTONS: Final = 5
_A_ROW: Final = 5
_RESERVE: Final = 300  # for the note that says what was left out
_STYLED: Final = ("primary", "danger")


@dataclass(frozen=True)
class File:
    """What was too long for the message, whole."""

    name: str
    text: str


class Rendered(NamedTuple):
    """A message for Slack: its blocks, the line for notifications (mrkdwn), and the files that belong to it."""

    blocks: list[Block]
    text: str
    files: tuple[File, ...] = ()


def render(reply: Reply, *, marker: str = "", files: bool = False) -> Rendered:
    """Render a reply. ``marker`` becomes the first block's id; with ``files`` the cut parts are handed out as files."""
    drafts = [{"type": "header", "text": {"type": "plain_text", "text": _title(reply), "emoji": True}}]
    kept: list[File] = []
    for kind, group in groupby(reply.parts, key=lambda part: part.kind):
        parts = list(group)
        if kind in ("table", "log"):
            for part in parts:
                drafts += _framed(part, kept, files=files)
        else:
            drafts += _DRAWN[kind](parts)
    blocks = _within(_numbered(drafts))
    if marker:
        blocks[0]["block_id"] = marker
    return Rendered(blocks, _fallback(reply), tuple(kept))


def _title(reply: Reply) -> str:
    title = one_line(reply.title) or one_line(reply.summary) or "(no title)"
    sign = "" if reply.level is Level.INFO else SIGNS[reply.level] + " "
    word = _WORDS.get(reply.level, "")
    known = not word or word in title.upper() or title.startswith(FAILED)
    return cut(f"{sign}{title}" if known else f"{sign}{word} \u00b7 {title}", limits.HEADER)


def _fallback(reply: Reply) -> str:
    return inline(reply.summary, limits.FALLBACK) or inline(_title(reply), limits.FALLBACK)


def section(text: str) -> Block:
    """Return a section of this mrkdwn; bare addresses and names in it stay text."""
    return {"type": "section", "text": _mrkdwn(text)}


def context(text: str) -> Block:
    """Return a small grey line of this mrkdwn."""
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _texts(parts: list[Text]) -> Iterator[Block]:
    for part in parts:
        yield from map(section, paragraphs(part.spans, limits.SECTION, _SECTIONS_A_TEXT))


def _notes(parts: list[Note]) -> Iterator[Block]:
    for part in parts:
        yield from map(context, paragraphs(part.spans, limits.CONTEXT, 1))


def _lines(parts: list[Line]) -> Iterator[Block]:
    lines = [f"{SIGNS[part.level]} {bold(part.label)} {inline(part.value, 1500)}".rstrip() for part in parts]
    return map(section, packed(lines, limits.SECTION))


def packed(lines: list[str], limit: int) -> Iterator[str]:
    """Join lines with newlines into as few texts of at most ``limit`` UTF-16 units as possible."""
    text = ""
    for line in lines:
        if text and limits.length(text) + 1 + limits.length(line) > limit:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text


def _fields(parts: list[Fields]) -> Iterator[Block]:
    for part in parts:
        drawn = [_mrkdwn(f"{bold(name) or _NOTHING}\n{inline(value, 1200) or _NOTHING}") for name, value in part.pairs]
        for start in range(0, len(drawn), limits.FIELDS):
            yield {"type": "section", "fields": drawn[start : start + limits.FIELDS]}


def _charts(parts: list[Chart]) -> Iterator[Block]:
    for part in parts:
        bars = f"`{sparkline(part.values)}` " if part.values else ""
        yield section(f"{bold(part.label)} {bars}{escape(chart_words(part))}".strip())


def _buttons(parts: list[Buttons]) -> Iterator[Block]:
    fitting = [button for part in parts for button in part.buttons if _carries(button.value)]
    rows = [fitting[start : start + _A_ROW] for start in range(0, len(fitting), _A_ROW)]
    for row in rows[:_ROWS_OF_BUTTONS]:
        yield {"type": "actions", "elements": [_button(b.action, b.label, b.value, b.style) for b in row]}
    left = sum(len(part.buttons) for part in parts) - sum(len(row) for row in rows[:_ROWS_OF_BUTTONS])
    if left:
        yield context(f"\u2026 {left} more buttons do not fit; use the commands instead")


def _carries(value: str) -> bool:
    """Say whether a button can hold this value as it is: a cut or masked one would do something else."""
    return limits.length(value) <= limits.VALUE and plain(value) == value


def _button(action: str, label: str, value: str, style: str) -> Block:
    text = {"type": "plain_text", "text": cut(one_line(label), limits.LABEL) or "\u2026", "emoji": True}
    drawn: Block = {"type": "button", "action_id": action, "text": text, "value": value}
    return drawn | {"style": style} if style in _STYLED else drawn


def _framed(part: Part, kept: list[File], *, files: bool) -> Iterator[Block]:
    """Yield a table or a log as one code block, and a note about what of it is not shown."""
    if isinstance(part, Table):
        lines, name = table_lines(part), "table.txt"
        text, unit = unfenced("\n".join(lines)), "rows"
    elif isinstance(part, Log):
        text, unit, name = unfenced(plain(part.text)).strip("\n"), "lines", part.name
    shown, rest = take_lines(text, _FRAMED)
    yield section(fenced(shown) if shown.strip() else "_(empty)_")
    if rest:
        more = f"{rest.count(chr(10)) + 1:,} more {unit}" if shown and text[len(shown)] == "\n" else "the rest is cut"
        yield context(f"\u2026 {more}" + ("; full output as a file in the thread" if files else ""))
        if files:
            kept.append(File(one_line(name).replace("/", "_")[:100] or "output.txt", text))


def _numbered(drafts: list[Block]) -> list[Block]:
    """Give every button an id of its own: its action and its number in the message."""
    number = 0
    for block in drafts:
        for element in block.get("elements", ()) if block["type"] == "actions" else ():
            element["action_id"] = f"{element['action_id']}:{number}"
            number += 1
    return drafts


def _within(drafts: list[Block]) -> list[Block]:
    """Leave out, with a note, what does not fit into one message; the title and the buttons stay."""
    if len(drafts) <= limits.BLOCKS and sum(map(limits.weight, drafts)) <= limits.MESSAGE:
        return drafts
    essential = _essential(drafts)
    room = (
        limits.MESSAGE - _RESERVE - sum(limits.weight(b) for b, stays in zip(drafts, essential, strict=True) if stays)
    )
    places = limits.BLOCKS - 1 - sum(essential)
    kept: list[Block] = []
    left = 0
    for block, stays in zip(drafts, essential, strict=True):
        fits = not left and places > 0 and limits.weight(block) <= room
        if stays or fits:
            kept.append(block)
        else:
            left += 1
        if fits and not stays:
            room, places = room - limits.weight(block), places - 1
    return [*kept, context(f"\u2026 {left} more parts do not fit into one message")]


def _essential(drafts: list[Block]) -> list[bool]:
    """Say for each block whether it stays: the title and the first buttons, up to half of a message."""
    room, places = limits.MESSAGE // 2, limits.BLOCKS // 2
    found = []
    for block in drafts:
        stays = block["type"] in ("header", "actions") and limits.weight(block) <= room and places > 0
        if stays:
            room, places = room - limits.weight(block), places - 1
        found.append(stays)
    return found


_DRAWN: Final[dict[str, Callable[[Any], Iterator[Block]]]] = {
    "text": _texts,
    "note": _notes,
    "line": _lines,
    "fields": _fields,
    "chart": _charts,
    "buttons": _buttons,
}
