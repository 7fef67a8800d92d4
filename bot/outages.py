"""Since when what is down is down: said in the same words by every command and schedule."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from bot.attempt import attempt
from bot.errors import BotError, Forbidden, Unavailable
from bot.reply import Level, Line
from bot.stores.history import down_since
from bot.stores.samples import Samples

# The systems' names in the samples, by what the clients call them and by the lines that are about one.
_SYSTEMS: Final = {
    "NovaPulse API": "api",
    "API health": "api",
    "API live": "api",
    "API ready": "api",
    "Redis": "redis",
    "MongoDB": "mongodb",
    "The cluster": "cluster",
    "Cluster": "cluster",
}

_T = TypeVar("_T")


@dataclass(frozen=True)
class Outages:
    """What the samples know of outages at one moment."""

    samples: Samples
    now: datetime

    async def attempt(self, reading: Awaitable[_T]) -> _T | BotError:
        """Read as ``bot.attempt.attempt`` does; where a system is down, the error's reason says since when."""
        found = await attempt(reading)
        if isinstance(found, Unavailable) and not isinstance(found, Forbidden):
            since = await self._since(found.system)
            # Two readings may have met the same error.
            if not found.reason.endswith(since):
                found.reason += since
        return found

    async def read(self, reading: Awaitable[_T]) -> _T:
        """Read what there is no going on without; raises the error, which says since when the system is down."""
        found = await self.attempt(reading)
        if isinstance(found, BotError):
            raise found
        return found

    async def dated(self, line: Line) -> Line:
        """Return the line; a red one that is about a system says since when it is down."""
        since = await self._since(line.label) if line.level is Level.CRITICAL else ""
        return line if since in line.value else line.model_copy(update={"value": line.value + since})

    async def _since(self, name: str) -> str:
        system = _SYSTEMS.get(name)
        return "" if system is None else (await down_since(self.samples, (system,), self.now))[system]
