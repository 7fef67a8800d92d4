"""What the archive keeps of removed jobs, as plain data; nobody but the system they came from reads the payload."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

# How long removed jobs can be brought back.
KEPT_FOR: Final = timedelta(days=7)

# kept: copied, perhaps not removed yet · removed: gone from the queue · restored: back in it, the copy is gone
State = Literal["kept", "removed", "restored"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some removed jobs of one queue: ``index`` says which (JSON), ``payload`` holds them, compressed."""

    jobs: int
    index: bytes
    payload: bytes
    number: int = -1
    state: State = "kept"


@dataclass(frozen=True, slots=True)
class ArchivedQueue:
    """What one clean-up removed from one queue; ``jobs`` can still be brought back, ``key`` is where they lay."""

    archive: str
    queue: str
    key: str
    layout: str
    created_at: datetime
    jobs: int


class Archive(Protocol):
    """Where removed jobs are kept; see ``bot.stores.archive``."""

    async def open(self, head: ArchivedQueue) -> None: ...  # noqa: D102
    async def keep(self, archive: str, queue: str, batch: Batch) -> Batch: ...  # noqa: D102
    async def removed(self, archive: str, queue: str, number: int) -> None: ...  # noqa: D102
    async def restored(self, archive: str, queue: str, number: int) -> None: ...  # noqa: D102
    async def unfinished(self, archive: str, queue: str) -> list[Batch]: ...  # noqa: D102
    async def next(self, archive: str, queue: str) -> Batch | None: ...  # noqa: D102
    async def find(self, archive: str) -> list[ArchivedQueue]: ...  # noqa: D102
