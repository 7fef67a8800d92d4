"""Words that nobody knows: said back harmless and short, and what was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from bot.masking import cut, mask

SHOWN: Final = 60  # characters of a wrong word that are said back
_COMPARED: Final = 80
_CUTOFF: Final = 0.5


def shown(text: str) -> str:
    """Return a wrong word as it may be said back: masked, in quotes, cut with a note of its length."""
    return f"“{cut(mask(text), SHOWN)}”"


def nearest(word: str, among: Iterable[str]) -> str:
    """Return what looks most like ``word``, or the empty string; case and hyphens at the beginning do not count."""
    plain = {name.lstrip("-").casefold(): name for name in among}
    wanted = word.lstrip("-").replace("_", "-").casefold()[:_COMPARED]
    return next((plain[name] for name in get_close_matches(wanted, plain, n=1, cutoff=_CUTOFF)), "")
