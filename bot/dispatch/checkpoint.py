"""Named moments at which a test may stop the process; in production nothing happens there."""

from typing import Protocol


class Checkpoint(Protocol):
    """Told of every named moment as it is reached."""

    async def reached(self, name: str) -> None:
        """Do what shall happen at this moment."""


class NoCheckpoint:
    """Lets every moment pass."""

    async def reached(self, name: str) -> None:
        """Do nothing."""
