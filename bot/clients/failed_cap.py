"""How many failed jobs NovaPulse's workers keep, and what a count of them therefore means."""

from typing import Final

# As its settings say: with the next one the oldest is dropped.
FAILED_KEPT: Final = 1000


def is_at_cap(failed: float | None) -> bool:
    """Say whether so many failed jobs mean "that many or more".

    Where there are more than workers are set to keep, nothing is dropped, or they were brought back: it is the number.
    """
    return failed == FAILED_KEPT
