"""What Slack takes in one message, and a checker that says what it would refuse.

Source: Slack's Block Kit reference. Lengths are counted in UTF-16 units, the larger of the two ways to count, so that
a message that fits here fits there.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

Block = dict[str, Any]

BLOCKS: Final = 50
MESSAGE: Final = 13_000
SECTION: Final = 3_000
FIELDS: Final = 10
FIELD: Final = 2_000
HEADER: Final = 150
CONTEXT_ELEMENTS: Final = 10
CONTEXT: Final = 2_000
BUTTONS: Final = 25
LABEL: Final = 75
VALUE: Final = 2_000
IDENTIFIER: Final = 255
FALLBACK: Final = 3_000

# The address of a message, as Slack itself gives it.
LINK: Final = re.compile(r"https?://[\w.:-]+/archives/[A-Z0-9]+/p\d+(?:\?[\w=&;.%-]*)?", re.ASCII)
# What the policy says is the runbook's; that it is the runbook stands in the words that are clicked.
RUNBOOK: Final = re.compile(r"https?://[\w.:-]+(?:/[\w./%#?=&;,+~@:!-]*)?", re.ASCII)
RUNBOOK_WORDS: Final = "Runbook: "
# What may stand between angle brackets: a person, a moment, a message, or the runbook. Everything else in them would be
# a broadcast or a link to anywhere.
_SPAN: Final = re.compile(
    rf"<@[UW][A-Z0-9]+>|<!date\^\d+\^[^<>|]*\|[^<>]*>|<{LINK.pattern}\|[^<>|]*>"
    rf"|<{RUNBOOK.pattern}\|{RUNBOOK_WORDS}[^<>|]*>"
)
_UNFIT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_ALLOWED: Final = {"header", "section", "context", "actions", "divider"}


def length(text: str) -> int:
    """Return the length of a text in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def weight(block: Block) -> int:
    """Return how much of a message's limit a block uses: the length of all its texts and values."""
    return sum(length(text) for text in _strings(block))


def problems(blocks: list[Block]) -> list[str]:
    """Return what Slack would refuse about the blocks of a message, and what outside text could do in them."""
    found = [f"{len(blocks)} blocks"] if not 0 < len(blocks) <= BLOCKS else []
    total = sum(weight(block) for block in blocks)
    if total > MESSAGE:
        found.append(f"{total} characters in all")
    names = [block["block_id"] for block in blocks if "block_id" in block]
    if len(names) != len(set(names)):
        found.append("a block_id stands twice")
    for block in blocks:
        found += [f"{block.get('type')}: {problem}" for problem in _block_problems(block)]
    return found


def _block_problems(block: Block) -> Iterator[str]:
    if block.get("type") not in _ALLOWED:
        yield "not a classic block"
    if not 0 < len(block.get("block_id", "x")) <= IDENTIFIER:
        yield "block_id"
    check = {"header": _header, "section": _section, "context": _context, "actions": _actions}.get(block["type"])
    if check:
        yield from check(block)


def _header(block: Block) -> Iterator[str]:
    if block["text"]["type"] != "plain_text":
        yield "a header is plain text"
    yield from _text(block["text"], HEADER)


def _section(block: Block) -> Iterator[str]:
    if "text" not in block and not block.get("fields"):
        yield "neither text nor fields"
    if "text" in block:
        yield from _text(block["text"], SECTION)
    if len(block.get("fields", ())) > FIELDS:
        yield "too many fields"
    for field in block.get("fields", ()):
        yield from _text(field, FIELD)


def _context(block: Block) -> Iterator[str]:
    if not 0 < len(block["elements"]) <= CONTEXT_ELEMENTS:
        yield "number of elements"
    for element in block["elements"]:
        yield from _text(element, CONTEXT)


def _actions(block: Block) -> Iterator[str]:
    elements = block["elements"]
    if not 0 < len(elements) <= BUTTONS:
        yield "number of buttons"
    if len({element["action_id"] for element in elements}) != len(elements):
        yield "an action_id stands twice"
    for element in elements:
        yield from _text(element["text"], LABEL)
        if length(element["value"]) > VALUE:
            yield "a value is too long"
        if not 0 < len(element["action_id"]) <= IDENTIFIER:
            yield "action_id"


def _text(text: Block, limit: int) -> Iterator[str]:
    content = text["text"]
    if not content.strip():
        yield "an empty text"
    if length(content) > limit:
        yield f"{length(content)} characters where {limit} are allowed"
    if unfit := _UNFIT.search(content):
        yield f"the character {unfit.group()!r}"
    if text["type"] == "mrkdwn":
        if not text.get("verbatim"):
            yield "bare addresses would become links"
        if "<" in _SPAN.sub("", content) or ">" in _SPAN.sub("", content):
            yield "an unescaped angle bracket"


def _strings(node: object, name: str = "") -> Iterator[str]:
    if isinstance(node, str):
        if name in ("text", "value"):
            yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _strings(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)
