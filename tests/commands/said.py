"""What a reply says, as text to look into."""

from collections.abc import Iterator
from typing import Any

from bot.reply import Line, Reply


def said(reply: Reply) -> str:
    """Return every text of a reply, one a line."""
    return "\n".join(_texts(reply.model_dump(mode="json")))


def line(reply: Reply, label: str) -> Line:
    """Return the one line with this label."""
    (found,) = [part for part in reply.parts if isinstance(part, Line) and part.label == label]
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("kind", "level"):
                yield from _texts(inner)
    elif isinstance(value, list):
        joined = [part if isinstance(part, str) else None for part in value]
        if value and None not in joined:
            yield " | ".join(value)
        else:
            for inner in value:
                yield from _texts(inner)
