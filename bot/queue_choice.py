"""Which queues somebody means: a short name, several with commas between them, or all."""

from collections.abc import Sequence
from typing import Final

from bot.errors import Incomplete, NotFound
from bot.nearest import nearest, shown

ALL: Final = "all"


def chosen_queues(text: str, known: Sequence[str], usage: str) -> tuple[str, ...]:
    """Return the short names that are meant, each once; raises UsageError with the nearest."""
    words = [word.strip().casefold() for word in text.split(",") if word.strip()]
    names = {name.casefold(): name for name in known}
    if words == [ALL] and ALL not in names:
        return tuple(known)
    if not words:
        raise Incomplete(f"Say which queue: {', '.join(known)}, or {ALL}.", usage=usage, argument="queue")
    for word in words:
        if word not in names:
            message = f"There is no queue {shown(word)}; there are {', '.join(known)}, or {ALL}."
            raise NotFound(message, usage=usage, nearest=nearest(word, (*known, ALL)), argument="queue")
    return tuple(dict.fromkeys(names[word] for word in words))
