"""A silence: for a while, alerts that meet its conditions ring nobody; what fires meanwhile is still recorded."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from bot.matchers import WrittenMatcher, matches
from bot.request import Actor


class Silence(BaseModel):
    """Who silenced what, why, and until when at the latest. ``id`` is the request's that made it.

    ``until_resolved`` ends it as soon as nothing that it matches fires; ``only_new`` leaves what fired before it
    began audible, as a maintenance does. ``matched_at`` is when it last muted something that fired.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    id: str
    matchers: tuple[WrittenMatcher, ...] = Field(min_length=1)
    owner: Actor
    reason: str
    since: datetime
    until: datetime
    until_resolved: bool = False
    only_new: bool = False
    matched_at: datetime | None = None

    @property
    def words(self) -> str:
        """Return its conditions as they are written."""
        return ", ".join(map(str, self.matchers))

    def covers(self, labels: Mapping[str, str], fires_since: datetime) -> bool:
        """Say whether it mutes an alert of these labels that has been firing since then."""
        return matches(self.matchers, labels) and not (self.only_new and fires_since < self.since)

    def sentence(self) -> str:
        """Say who silenced it, until when and why."""
        end = "until it is resolved, at the latest at" if self.until_resolved else "until"
        return f"silenced by {self.owner.name} {end} {self.until:%Y-%m-%d %H:%M} UTC: {self.reason}"
