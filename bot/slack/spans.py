"""The spans of a paragraph as mrkdwn, cut into texts of a given size."""

import re
from collections.abc import Iterator
from datetime import UTC
from typing import Final

from bot.plain_text import ELLIPSIS, plain
from bot.reply import Bold, Code, Link, Person, Span, When
from bot.slack import limits
from bot.slack.escaping import bold, code, escape, inline, take_lines

_CUT: Final = f"\n{ELLIPSIS} (cut)"
_SLACK_USER: Final = re.compile(r"[UW][A-Z0-9]{2,30}")


def paragraphs(spans: tuple[Span, ...], limit: int, most: int) -> list[str]:
    """Return the spans as mrkdwn in at most ``most`` texts of ``limit`` UTF-16 units; a cut is said in the last one."""
    room = limit - len(_CUT)
    found: list[str] = []
    text = ""
    for piece in _pieces(spans, room - 1):
        if limits.length(text) + limits.length(piece) > room:
            found.append(text)
            text = ""
        text += piece
    found = [text.strip("\n") for text in [*found, text] if text.strip()]
    return found if len(found) <= most else [*found[: most - 1], found[most - 1] + _CUT]


def _pieces(spans: tuple[Span, ...], limit: int) -> Iterator[str]:
    for span in spans:
        if isinstance(span, str):
            rest = plain(span)
            while rest:
                head, rest = take_lines(rest, limit)
                yield escape(head) + ("\n" if rest else "")
        else:
            yield _marked(span)


def _marked(span: Bold | Code | Person | When | Link) -> str:
    if isinstance(span, Bold):
        return bold(span.text)
    if isinstance(span, Code):
        return code(span.text)
    if isinstance(span, Link):
        text = inline(span.text, 200)
        runbook = span.text.startswith(limits.RUNBOOK_WORDS) and limits.RUNBOOK.fullmatch(span.url)
        return f"<{span.url}|{text}>" if runbook or limits.LINK.fullmatch(span.url) else text
    if isinstance(span, When):
        fallback = span.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"<!date^{int(span.at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"
    if span.notify and _SLACK_USER.fullmatch(span.id):
        return f"<@{span.id}>"
    return inline(span.name or span.id, 200)
