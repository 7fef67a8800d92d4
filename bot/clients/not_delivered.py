"""Why a page or a mail did not arrive, sorted by what can be done about it."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
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


def retry_after(text: str, now: datetime | None = None) -> float:
    """Return the seconds that a Retry-After header asks for, as a number or as a date; a second where it says nothing.

    Never more than an hour.
    """
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - (now or datetime.now(UTC))).total_seconds()
        except (ValueError, TypeError):
            seconds = _RETRY_AFTER
    return min(max(seconds, _RETRY_AFTER), _LONGEST)
