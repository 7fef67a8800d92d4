"""A server of the sandbox that fails on purpose, for so many calls or until it is mended."""

from typing import Generic, Literal, TypeVar

Trouble = TypeVar("Trouble", bound=str)


class Failing(Generic[Trouble]):
    """What the next call gets; the empty word is no trouble."""

    def __init__(self) -> None:
        self._trouble: Trouble | Literal[""] = ""
        self._times: int | None = None

    def fail(self, trouble: Trouble | Literal[""], times: int | None = None) -> None:
        """Fail in this way, for the next ``times`` calls or (None) until it is mended; an empty word mends it."""
        self._trouble, self._times = trouble, times

    def next_trouble(self) -> Trouble | Literal[""]:
        """Return how this call fails, and count it."""
        if self._times is None:
            return self._trouble
        self._times -= 1
        return self._trouble if self._times >= 0 else ""
