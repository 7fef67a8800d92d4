"""Why a page or a mail did not arrive, sorted by what can be done about it."""

from typing import Final, Literal

Kind = Literal["limited", "temporary", "doubtful", "refused"]
_RETRY_AFTER: Final = 1.0
_LONGEST: Final = 3600.0


class NotDelivered(Exception):
    """``doubtful``: it may have arrived all the same; ``refused``: somebody has to mend it; ``retry_after``: seconds.

    ``limited`` and ``temporary`` say that it surely did not arrive.
    """

    def __init__(self, kind: Kind, error: str, retry_after: float = 0.0) -> None:
        super().__init__(error)
        self.kind = kind
        self.error = error
        self.retry_after = retry_after


def retry_after(text: str) -> float:
    """Return the seconds that a Retry-After header asks for, at most an hour; a second where it has no number."""
    try:
        return min(max(_RETRY_AFTER, float(text)), _LONGEST)
    except ValueError:
        return _RETRY_AFTER
