"""When two errors say the same: their text without what differs from one time to the next."""

import re
from typing import Final

from bot.masking import cut, mask

MESSAGE_LIMIT: Final = 200
SAMPLE_LIMIT: Final = 1_000
# So much of a message decides which group it is in.
KEY_LENGTH: Final = 500
_KNOWN: Final = 2_000

_VARYING: Final = re.compile(
    r"(?P<url>[a-z][a-z0-9+.-]{1,20}+://[^\s\"'<>]++)"
    r"|(?P<email>(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,64}+\.[\w.-]{1,100}+)"
    r"|(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?[\d.]{0,10}+(?:Z|[+-]\d\d:?\d\d)?)"
    r"|(?P<id>(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])"
    r"|(?<!\w)(?:0x[0-9a-f]++|(?=[a-f]{0,64}\d)[0-9a-f]{8,128}+)(?!\w))"
    r"|(?P<address>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w.]))"
    r"|(?P<n>\d++(?:[.,:]\d++)*+)",
    re.IGNORECASE,
)


def group_key(message: str) -> str:
    """Return what two errors that say the same have in common; it is not for showing."""
    return normalised(mask(message[:KEY_LENGTH]))


def normalised(text: str) -> str:
    """Return a text on one line without what differs from one time to the next; it is not masked by this."""
    return _VARYING.sub(_placeholder, " ".join(text.split()))


class GroupKeys:
    """Finds the keys of many errors.

    What is the same before it is masked is so afterwards, and masking takes most of the time: so the keys that were
    found are remembered, up to a limit.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, message: str) -> str:
        """Return ``group_key`` of an error, or that of one which says the same."""
        plain = normalised(message[:KEY_LENGTH])
        key = self._known.get(plain)
        if key is None:
            key = group_key(message)
            if len(self._known) < _KNOWN:
                self._known[plain] = key
        return key


def group_message(message: str) -> str:
    """Return what an error says apart from ids and numbers, masked and in one short line."""
    return cut(normalised(mask(message)), MESSAGE_LIMIT)


def sample_of(message: str) -> str:
    """Return an error as it was written, masked and cut."""
    return cut(mask(message), SAMPLE_LIMIT)


def _placeholder(found: re.Match[str]) -> str:
    return f"<{found.lastgroup}>"
