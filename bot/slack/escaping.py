"""Makes outside text harmless in Slack: no mention, no link, no broken frame, no character that hides another.

Slack has no way to escape a backtick or an asterisk, so where one would end a frame its look-alike stands.
"""

import re
from typing import Final

from bot.plain_text import ELLIPSIS, one_line
from bot.slack import limits

_FENCE: Final = re.compile(r"`{3,}")
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_GRAVE: Final = "\u02cb"
_STAR: Final = "\u2217"


def escape(text: str) -> str:
    """Return plain text as mrkdwn that shows it and does nothing else."""
    return text.translate(_ENTITIES)


def cut(text: str, limit: int) -> str:
    """Shorten plain text to at most ``limit`` UTF-16 units, the ellipsis included."""
    if limits.length(text) <= limit:
        return text
    return take(text, limit - 1)[0].rstrip() + ELLIPSIS


def take(text: str, limit: int, *, escaped: bool = False) -> tuple[str, str]:
    """Split plain text into the longest beginning that fits (once escaped, where asked for) and the rest."""
    used = 0
    for index, character in enumerate(text):
        used += len(character.translate(_ENTITIES)) if escaped else 1
        used += character > "\uffff"
        if used > limit:
            return text[:index], text[index:]
    return text, ""


def take_lines(text: str, limit: int) -> tuple[str, str]:
    """As ``take`` for mrkdwn, at the end of a line where that keeps at least half of it."""
    head, rest = take(text, limit, escaped=True)
    end = head.rfind("\n") if rest else -1
    if end > len(head) // 2:
        return head[:end], text[end + 1 :]
    return head, rest


def inline(text: str, limit: int = 500) -> str:
    """Return outside text as one line of mrkdwn of at most ``limit`` UTF-16 units."""
    return _shortened(one_line(text), limit)


def bold(text: str, limit: int = 500) -> str:
    """Return outside text as bold mrkdwn; empty where there is nothing to see."""
    inner = _shortened(one_line(text).replace("*", _STAR), limit - 2)
    return f"*{inner}*" if inner else ""


def code(text: str, limit: int = 500) -> str:
    """Return outside text as inline code; empty where there is nothing to see."""
    inner = _shortened(one_line(text).replace("`", _GRAVE), limit - 2)
    return f"`{inner}`" if inner else ""


def _shortened(text: str, limit: int) -> str:
    whole = escape(text)
    if limits.length(whole) <= limit:
        return whole
    return escape(take(text, limit - 1, escaped=True)[0].rstrip()) + ELLIPSIS


def unfenced(text: str) -> str:
    """Return plain text that cannot end the code block it will stand in."""
    return _FENCE.sub(lambda found: _GRAVE * len(found.group()), text)


def fenced(text: str) -> str:
    """Return plain text, already without fences, as a code block."""
    return f"```\n{escape(text)}\n```"
