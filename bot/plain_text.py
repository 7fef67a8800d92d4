"""Outside text as text and nothing else: no secret, no control character, nothing that turns the line round."""

import re
from typing import Final

from bot.masking import mask

_LINE_ENDS: Final = re.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")
# Control characters, halves of surrogate pairs, and marks that turn the direction of the text round.
_UNFIT: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;:]*[A-Za-z]")
ELLIPSIS: Final = "\u2026"


def plain(text: str) -> str:
    """Return the text with secrets masked and without anything that is not to be seen; lines end in a newline."""
    text = _LINE_ENDS.sub("\n", _COLOURS.sub("", text)).replace("\t", "    ")
    return mask(_UNFIT.sub("\ufffd", text))  # masked last: a colour inside a secret would hide it


def shortened(text: str, longest: int) -> str:
    """Return the text in one line of at most so many characters; where it is cut, that can be seen."""
    line = one_line(text)
    return line if len(line) <= longest else f"{line[: longest - 1]}{ELLIPSIS}"


def one_line(text: str) -> str:
    """Return the plain text with all white space made single spaces."""
    return " ".join(plain(text).split())
