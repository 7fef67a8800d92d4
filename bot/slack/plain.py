"""A message's blocks as text alone, for when Slack refuses the blocks."""

from collections.abc import Iterator
from typing import Final

from bot.slack import limits
from bot.slack.escaping import escape
from bot.slack.limits import Block

_LIMIT: Final = 3_900
_CUT: Final = "\n\u2026 (cut)"


def as_text(blocks: list[Block]) -> str:
    """Return the blocks' text as mrkdwn, whole blocks only, as far as one message's text goes."""
    text = ""
    for block in blocks:
        drawn = "\n".join(_lines(block))
        if limits.length(text) + limits.length(drawn) > _LIMIT:
            return text + _CUT
        text += drawn + "\n"
    return text.strip()


def _lines(block: Block) -> Iterator[str]:
    if block["type"] == "header":
        yield f"*{escape(block['text']['text'])}*"
    elif block["type"] == "actions":
        labels = " \u00b7 ".join(escape(element["text"]["text"]) for element in block["elements"])
        yield f"_(buttons that cannot be shown: {labels})_"
    else:
        texts: list[Block] = [block["text"]] if "text" in block else block.get("fields") or block.get("elements") or []
        yield from (text["text"] for text in texts)
