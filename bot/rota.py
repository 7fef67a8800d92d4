"""Who is on call at a moment: the override, else the rotation, else the level's own people, else nobody is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from bot.oncall import OnCall
from bot.request import Actor

Source = Literal["override", "rotation", "policy", "nobody"]
# So many changes are looked at to find the next other person; a rotation of one person changes for ever.
_LOOKED_AT: Final = 100


class Override(BaseModel):
    """Somebody who is on call at a level for a while instead of whoever it would be; the newest one counts."""

    model_config = ConfigDict(frozen=True)

    id: str
    level: int
    person: str
    since: datetime
    until: datetime
    by: Actor
    made_at: datetime

    def covers(self, level: int, at: datetime) -> bool:
        """Whether it says who is on call at this level at this moment."""
        return self.level == level and self.since <= at < self.until


@dataclass(frozen=True)
class Turn:
    """Who is on call, nobody where that is unknown; until when, None where nothing says that it ends."""

    people: tuple[str, ...]
    source: Source
    until: datetime | None


@dataclass(frozen=True)
class Rota:
    """The policy's levels and rotations, and the overrides that have not ended."""

    rules: OnCall
    overrides: tuple[Override, ...] = ()

    def on_call(self, level: int, at: datetime) -> Turn:
        """Return who is on call at a level, the first being 1, up to the moment when it is somebody else."""
        people, source = self._now(level, at)
        moment: datetime | None = at
        for _ in range(_LOOKED_AT):
            moment = min(self._changes(level, moment), default=None) if moment else None
            if moment is None or self._now(level, moment)[0] != people:
                return Turn(people, source, moment)
        return Turn(people, source, None)

    @property
    def levels(self) -> range:
        """The numbers of the levels, from 1 on."""
        return range(1, len(self.rules.levels) + 1)

    def override(self, level: int, at: datetime) -> Override | None:
        """Return the override that says who is on call at a level, or None where none does."""
        covering = (one for one in self.overrides if one.covers(level, at))
        return max(covering, key=lambda one: (one.made_at, one.id), default=None)

    def _now(self, level: int, at: datetime) -> tuple[tuple[str, ...], Source]:
        if override := self.override(level, at):
            return (override.person,), "override"
        for rotation in self.rules.rotations:
            if rotation.level == level and (turn := rotation.turn(at)):
                return (turn[0],), "rotation"
        for static in self.rules.levels[level - 1 : level]:
            if static.people and (static.until is None or at < static.until):
                return static.people, "policy"
        return (), "nobody"

    def _changes(self, level: int, after: datetime) -> Iterator[datetime]:
        """Return moments after this one when it may be somebody else; the next such moment is among them."""
        for override in self.overrides:
            if override.level == level:
                yield from (moment for moment in (override.since, override.until) if moment > after)
        for rotation in self.rules.rotations:
            if rotation.level == level:
                turn = rotation.turn(after)
                moment = turn[1] if turn else rotation.begins
                if moment > after:
                    yield moment
        for static in self.rules.levels[level - 1 : level]:
            if static.until is not None and static.until > after:
                yield static.until
