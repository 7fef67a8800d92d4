"""The replica set of NovaPulse's MongoDB: who could take over, and handing over.

A step down works on a living primary only. Without one the set elects by itself as soon as a majority of its
voting members is up; there is nothing to promote by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pymongo.errors import AutoReconnect, OperationFailure

from bot.clients.mongo import ANY_MEMBER, Member, Mongo, read_members
from bot.errors import Forbidden, PermanentError, Unavailable
from bot.plan import Progress, condition, operation

CAUGHT_UP: Final = 10.0  # seconds a successor may lag; also how long the primary waits for it
STEP_DOWN_SECONDS: Final = 60  # how long the former primary does not stand for election
_NOBODY_CAUGHT_UP: Final = 262


@dataclass(frozen=True)
class SetState:
    """What a member says of the set. ``term`` grows with each election; ``answered_by`` is who says it."""

    name: str
    term: int
    answered_by: str
    members: list[Member]
    never_primary: frozenset[str] | None = None  # names of members that cannot be elected; None: not known

    @property
    def knows_delays(self) -> bool:
        """Whether the configuration could be read, which says who lags on purpose."""
        return self.never_primary is not None

    @property
    def primary(self) -> Member | None:
        """The living primary, or None."""
        return next((one for one in self.members if one.state == "PRIMARY" and one.health), None)

    @property
    def successors(self) -> list[Member]:
        """The secondaries that are up, caught up, and may be elected as far as that is known; no delayed one is."""
        barred = self.never_primary or frozenset()
        return [
            one
            for one in self.members
            if one.state == "SECONDARY" and one.health and one.name not in barred and not one.delay_seconds
            and one.lag_seconds is not None and one.lag_seconds <= CAUGHT_UP
        ]  # fmt: skip


class ReplicaSet:
    """Reads the set, and hands the primary's part over."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def state(self, *, seconds: float = 3.0) -> SetState | None:
        """Read the set from any living member; None when the server belongs to none."""
        status = await self._mongo.set_status(seconds=seconds)
        if status is None:
            return None
        return _state(status, await self._config(seconds))

    @operation
    async def step_down(self, primary: str, term: int) -> dict[str, str | bool]:
        """Let ``primary``, elected in ``term``, step down; a later term means that it has already."""
        found = await self.state()
        if found is None:
            raise PermanentError("this MongoDB belongs to no replica set any more")
        if found.term > term:
            return {"changed": False, "message": f"there has been an election since (term {found.term})"}
        if found.primary is None or found.primary.name != primary:
            raise PermanentError(f"{primary} is not the primary: nothing was done")
        await self._step_down()
        return {"changed": True, "message": f"{primary} stepped down for {STEP_DOWN_SECONDS} s"}

    @condition
    async def has_new_primary(self, former: str, term: int) -> Progress:
        """Whether the set has elected another primary than ``former`` after ``term``."""
        found = await self.state()
        if found is None:
            return Progress(done=False, failed=True, message="this MongoDB belongs to no replica set any more")
        if found.primary is None or found.term <= term:
            return Progress(done=False, message="no new primary yet")
        if found.primary.name == former:
            return Progress(done=False, failed=True, message=f"{former} was elected again (term {found.term})")
        return Progress(done=True, message=f"{found.primary.name} is primary (term {found.term})")

    async def _step_down(self) -> None:
        wanted = {"replSetStepDown": STEP_DOWN_SECONDS, "secondaryCatchUpPeriodSecs": int(CAUGHT_UP)}
        try:
            async with self._mongo.reached(CAUGHT_UP + 5.0) as mongo:
                try:
                    await mongo.admin.command(wanted)
                except OperationFailure as error:
                    if error.code == _NOBODY_CAUGHT_UP:
                        raise PermanentError("no secondary caught up in time: the primary stays what it is") from None
                    raise
                except AutoReconnect:
                    pass  # a primary may close every connection as it steps down: what became of it is looked at next
        except Forbidden as error:
            raise PermanentError(f"{error}. The bot's user needs the role clusterManager.") from None

    async def _config(self, seconds: float) -> dict[str, Mapping[str, Any]] | None:
        """Return each member's configuration by its name; None where it cannot be read, which needs a right."""
        try:
            async with self._mongo.reached(seconds) as mongo:
                answer = await mongo.admin.command("replSetGetConfig", read_preference=ANY_MEMBER)
        except Unavailable:
            return None
        members = (answer.get("config") or {}).get("members") or []
        return {str(one.get("host")): one for one in members if isinstance(one, dict)}


def _delay(member: Mapping[str, Any]) -> float:
    """Return by how many seconds it lags on purpose; up to MongoDB 4.4 that has another name."""
    return float(member.get("secondaryDelaySecs", member.get("slaveDelay", 0)) or 0)


def _state(status: Mapping[str, Any], config: Mapping[str, Mapping[str, Any]] | None) -> SetState:
    known = config or {}
    barred = frozenset(name for name, one in known.items() if not one.get("priority", 1))
    mine = next((one for one in status.get("members") or [] if isinstance(one, dict) and one.get("self")), {})
    return SetState(
        name=str(status.get("set", "")),
        term=int(status.get("term", -1)),
        answered_by=str(mine.get("name", "")),
        members=[replace(one, delay_seconds=_delay(known.get(one.name, {}))) for one in read_members(status)],
        never_primary=None if config is None else barred,
    )
