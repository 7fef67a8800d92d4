"""What was changed on the platform lately, the same for Kubernetes and Docker Compose."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

Kind = Literal["release", "scale", "configuration", "restart"]
# Of one kind of thing no more than this is read.
LIMIT: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemChange:
    """One change: when, what kind of, what in words (masked), and who made it, empty where the platform cannot say."""

    at: datetime
    kind: Kind
    what: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemChanges:
    """What was found, in no order, and a sentence for each source that could not be read or not be read whole."""

    found: tuple[SystemChange, ...]
    problems: tuple[str, ...] = ()


class ChangeReading(Protocol):
    """Knows what changed; see ``bot.clients.cluster_changes.ClusterChanges``."""

    async def since(self, moment: datetime) -> SystemChanges:
        """Return what changed from then on; what could not be read is a problem and no error."""
