"""Words from several places put together: each is a sentence of its own, and none ends twice."""

from typing import Final

_ENDS: Final = (".", "!", "?", "\u2026")


def sentence(words: str) -> str:
    """End the words as a sentence, unless they have an end of their own."""
    said = words.rstrip()
    return said if said.endswith(_ENDS) else f"{said}."
