"""What the archive keeps of removed jobs, as plain data; nobody but the system they came from reads the payload."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

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
