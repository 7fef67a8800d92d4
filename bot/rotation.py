"""A rotation: people who take turns, and hand over at the same local time, summer and winter."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NaiveDatetime, model_validator

from bot.duration import Duration
from bot.zone import known_zone

# Turns from here on are counted on the wall clock; shorter ones, for a pretend system, in time that passes.
_HOUR: Final = timedelta(hours=1)
_SHORTEST: Final = timedelta(seconds=1)
FOREVER: Final = datetime.max.replace(tzinfo=UTC)


class Rotation(BaseModel):
    """Who takes turns at a level, in this order. ``starts`` is a hand-over to the first of them, in local time.

    It holds from ``from`` (``starts``, where that is left out) until ``to``, both local times. A hand-over at a time
    that the clock leaves out happens an hour later on the clock; one that comes twice happens the first time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: int = Field(default=1, ge=1)
    people: tuple[str, ...] = Field(min_length=1)
    starts: NaiveDatetime
    every: Duration = timedelta(weeks=1)
    zone: Annotated[str, AfterValidator(known_zone)] = "UTC"
    since: NaiveDatetime | None = Field(default=None, alias="from")
    to: NaiveDatetime | None = None

    @model_validator(mode="after")
    def _goes_on(self) -> "Rotation":
        if self.every < _SHORTEST:
            message = "every has to be longer than 0 s"
            raise ValueError(message)
        if self.ends <= self.begins:
            message = "a rotation has to end (to) after it begins"
            raise ValueError(message)
        return self

    @property
    def begins(self) -> datetime:
        """From when on it says who is on call."""
        return self._moment(self.since or self.starts)

    @property
    def ends(self) -> datetime:
        """From when on it says so no longer."""
        return FOREVER if self.to is None else self._moment(self.to)

    def overlaps(self, other: "Rotation") -> bool:
        """Whether both would say who is on call at one level at one moment."""
        return self.level == other.level and self.begins < other.ends and other.begins < self.ends

    def turn(self, at: datetime) -> tuple[str, datetime] | None:
        """Return whose turn it is and until when, or None where the rotation does not hold."""
        if not self.begins <= at < self.ends:
            return None
        number = (self._local(at) - self.starts) // self.every
        while self._hand_over(number) > at:
            number -= 1
        while self._hand_over(number + 1) <= at:
            number += 1
        return self.people[number % len(self.people)], min(self._hand_over(number + 1), self.ends)

    def _hand_over(self, number: int) -> datetime:
        if self.every < _HOUR:
            return self._moment(self.starts) + number * self.every
        return self._moment(self.starts + number * self.every)

    def _moment(self, local: datetime) -> datetime:
        return local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
