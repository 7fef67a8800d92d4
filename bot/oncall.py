"""Who is called, in which order, when and where: the policy's ``[oncall]`` and ``[escalation]``."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from bot.duration import Duration
from bot.rotation import Rotation

# The role that stands for whoever is on call; its members are asked where that is not known.
ONCALL: Final = "oncall"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EscalationLevel(_Section):
    """One step of the escalation path: what these people are, who they are, and until when they are it.

    Whom ``until`` (a moment with its zone) has passed is no longer on call, and nobody is known to be instead.
    """

    title: str
    people: tuple[str, ...] = ()
    until: AwareDatetime | None = None


class OnCall(_Section):
    """The escalation path, first level first, and the channels that reach whoever is on call.

    While a rotation of a level holds, it says who is on call there instead of the level's own people.
    """

    levels: tuple[EscalationLevel, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    channels: tuple[str, ...] = Field(default=(), description="names in Slack, such as #novapulse-alerts")
    pagerduty: str = Field(default="", description="the service's name or its address")
    email: str = ""

    def people(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Return everybody it names, each with where in the section."""
        named = [*(("levels", index, one.people) for index, one in enumerate(self.levels))]
        named += [("rotations", index, one.people) for index, one in enumerate(self.rotations)]
        for kind, index, people in named:
            for person in people:
                yield (kind, index, "people"), person

    def people_by_level(self) -> Iterator[tuple[tuple[str | int, ...], str, int]]:
        """Return everybody it names, each with where in the section, and the level they are called at."""
        for where, person in self.people():
            kind, index = where[0], int(where[1])
            yield where, person, index + 1 if kind == "levels" else self.rotations[index].level

    def names_somebody(self, level: int) -> bool:
        """Whether it says of anybody that they are on call at this level, the first being 1, at any time."""
        at_level = self.levels[level - 1 : level]
        return any(one.people for one in at_level) or any(one.level == level for one in self.rotations)


class Escalation(_Section):
    """When the next level is called about a critical alert that nobody has acknowledged.

    The first level is called at once, each further one when so much has passed since then (``after``: levels 2, 3, and
    so on), and the last one again every ``repeat``. Whoever has acknowledged it is reminded every ``remind_after``. A
    hand-over that nobody accepts within ``accept_within`` is said to whoever had it before. 0s is never.
    """

    after: tuple[Duration, ...] = ()
    repeat: Duration = timedelta(0)
    remind_after: Duration = timedelta(0)
    accept_within: Duration = timedelta(minutes=15)

    @field_validator("after")
    @classmethod
    def _goes_up(cls, value: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        if any(later <= earlier for earlier, later in pairwise((timedelta(0), *value))):
            message = "each level has to be called later than the one before it"
            raise ValueError(message)
        return value
