"""From Slack's text format to the part of it that local-slack shows.

Slack unescapes ``&lt;``, sets code blocks in a fixed-width face and shows moments in the reader's zone. local-slack
shows all of these as they are typed, so on their way to it they become what its page can show; the bot sends what
Slack wants.
"""

import json
import re
from typing import Any

_MOMENT = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")
_BLOCK = re.compile(r"```\n?(.*?)\n?```", re.DOTALL)
# Look-alikes: with the real ones local-slack would make a mention of what was escaped on purpose.
_ENTITIES = {"&lt;": "\u2039", "&gt;": "\u203a", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))
_NO_BREAK = "\u00a0"


def translated(body: bytes) -> bytes:
    """Return the JSON body of a Web API call with its mrkdwn as local-slack shows it; anything else as it is."""
    try:
        return json.dumps(_walk(json.loads(body))).encode()
    except ValueError:
        return body


def shown(mrkdwn: str) -> str:
    """Return mrkdwn as local-slack shows it: moments as their fallback, code blocks as lines of code."""
    text = _MOMENT.sub(r"\1", mrkdwn)
    text = _BLOCK.sub(lambda block: _code(block[1]), text)
    return _ENTITY.sub(lambda entity: _ENTITIES[entity[0]], text)


def _code(block: str) -> str:
    lines = block.replace("`", "\u02cb").split("\n")
    widest = max(map(len, lines)) or 1
    return "\n".join(f"`{line.ljust(widest).replace(' ', _NO_BREAK)}`" for line in lines)


def _walk(node: Any) -> Any:
    if isinstance(node, list):
        return [_walk(item) for item in node]
    if not isinstance(node, dict):
        return node
    walked = {name: _walk(value) for name, value in node.items()}
    is_message = "channel" in node or "response_type" in node
    if isinstance(node.get("text"), str) and (node.get("type") == "mrkdwn" or is_message):
        walked["text"] = shown(node["text"])
    return walked
