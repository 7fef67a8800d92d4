"""The proposed changes and who decided what about them; every step from one state to the next is a compare-and-set."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.plan import Plan
from bot.request import Actor, Source
from bot.stores.database import Database
from bot.stores.tables import decisions, plans, runs

PlanStatus = Literal["waiting", "approved", "denied", "cancelled", "expired", "stale", "started"]
OPEN: Final[tuple[PlanStatus, ...]] = ("waiting", "approved")  # waits for people or for its turn


@dataclass(frozen=True)
class StoredPlan:
    """A plan and where it stands. ``reason`` is why it was denied, expired, went stale or still has to wait."""

    id: str
    request_id: str
    command: str
    arguments: dict[str, JsonValue]
    plan: Plan
    digest: str
    requester: Actor
    channel: str
    source: Source
    undo_of: str | None
    needed: int
    status: PlanStatus
    reason: str
    created_at: datetime
    approve_by: datetime
    execute_by: datetime | None
    asked_next_at: datetime | None
    break_glass: bool
    closed_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        """Return whether its clock has run out: the one to approve it, or the one to start it."""
        if self.status == "waiting":
            return now >= self.approve_by
        return self.status == "approved" and self.execute_by is not None and now >= self.execute_by


@dataclass(frozen=True)
class Vote:
    """What somebody decided about a plan, by the click of this id.

    ``action`` is approve, deny, cancel, break_glass, confirm:<step> or deny:<step>.
    """

    actor: Actor
    action: str
    reason: str
    at: datetime
    click: str = ""


class Plans:
    """The rows of ``plans`` and ``decisions``. Methods that take a connection join its transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, connection: AsyncConnection, plan: StoredPlan) -> bool:
        """Write a new plan; False where its request has one already."""
        query = self._database.insert(plans).values(**_row(plan)).on_conflict_do_nothing(index_elements=["request_id"])
        return bool((await connection.execute(query)).rowcount == 1)

    async def get(self, plan_id: str, connection: AsyncConnection | None = None) -> StoredPlan | None:
        """Return the plan of this id, or None."""
        return next(iter(await self._read(sa.select(plans).where(plans.c.id == plan_id), connection)), None)

    async def locked(self, connection: AsyncConnection, plan_id: str) -> StoredPlan | None:
        """Return the plan of this id, which nobody else can change until the transaction ends."""
        query = sa.select(plans).where(plans.c.id == plan_id).with_for_update()
        row = (await connection.execute(query)).mappings().first()
        return _plan(row) if row else None

    async def of_request(self, request_id: str, connection: AsyncConnection | None = None) -> StoredPlan | None:
        """Return the plan that this request led to, or None."""
        found = await self._read(sa.select(plans).where(plans.c.request_id == request_id), connection)
        return next(iter(found), None)

    async def alike(
        self, command: str, arguments: dict[str, JsonValue], connection: AsyncConnection | None = None
    ) -> list[StoredPlan]:
        """Return the plans of this very line that wait or run, the oldest first."""
        query = sa.select(plans).where(plans.c.command == command, _open_or_running()).order_by(plans.c.created_at)
        return [plan for plan in await self._read(query, connection) if plan.arguments == arguments]

    async def in_state(self, *states: PlanStatus) -> list[StoredPlan]:
        """Return the plans in any of these states, oldest first."""
        return await self._read(sa.select(plans).where(plans.c.status.in_(states)).order_by(plans.c.created_at))

    async def undecided(self) -> list[StoredPlan]:
        """Return what waits for people or for its turn, oldest first."""
        return await self.in_state(*OPEN)

    async def count_open(self, connection: AsyncConnection) -> int:
        """Return how many plans wait for people, for their turn or for their run to end."""
        query = sa.select(sa.func.count()).select_from(plans).where(_open_or_running())
        return int((await connection.execute(query)).scalar_one())

    async def break_glass_since(self, when: datetime, *, limit: int = 50) -> list[tuple[StoredPlan, Vote]]:
        """Return what somebody started alone since then, the oldest in front, with who did, when and why."""
        alone = sa.select(decisions.c.plan_id).where(decisions.c.action == "break_glass", decisions.c.at >= when)
        query = sa.select(plans).where(plans.c.break_glass, plans.c.id.in_(alone))
        query = query.order_by(plans.c.created_at).limit(limit)
        found = [(plan, await self.votes(plan.id)) for plan in await self._read(query)]
        return [(plan, vote) for plan, votes in found for vote in votes if vote.action == "break_glass"]

    async def undo_pending(self, connection: AsyncConnection, plan_id: str) -> str | None:
        """Return the id of a plan to undo this one that has not come to an end, or None."""
        query = sa.select(plans.c.id).where(plans.c.undo_of == plan_id, _open_or_running())
        return (await connection.execute(query)).scalars().first()

    async def beside(self, connection: AsyncConnection, plan: StoredPlan) -> list[StoredPlan]:
        """Return the other plans for one of its targets that wait or run, oldest first."""
        query = sa.select(plans).where(plans.c.id != plan.id, _open_or_running()).order_by(plans.c.created_at)
        others, targets = await self._read(query, connection), set(plan.plan.targets)
        return [other for other in others if targets & set(other.plan.targets)]

    async def move(
        self, connection: AsyncConnection, plan_id: str, expected: tuple[PlanStatus, ...], **values: Any
    ) -> bool:
        """Change the plan if it still is in one of the expected states; return whether it was."""
        query = sa.update(plans).where(plans.c.id == plan_id, plans.c.status.in_(expected)).values(**values)
        return bool((await connection.execute(query)).rowcount == 1)

    async def vote(self, connection: AsyncConnection, plan_id: str, vote: Vote) -> bool:
        """Write a decision; False where this person had decided so before."""
        row = {
            "plan_id": plan_id,
            "actor_id": vote.actor.id,
            "actor_name": vote.actor.name,
            "action": vote.action,
            "reason": vote.reason,
            "at": vote.at,
            "click": vote.click,
        }
        query = self._database.insert(decisions).values(**row).on_conflict_do_nothing()
        return bool((await connection.execute(query)).rowcount == 1)

    async def votes(self, plan_id: str, connection: AsyncConnection | None = None) -> tuple[Vote, ...]:
        """Return what was decided about the plan, oldest first."""
        query = sa.select(decisions).where(decisions.c.plan_id == plan_id).order_by(decisions.c.at)
        async with self._database.reading(connection) as joined:
            rows = (await joined.execute(query)).mappings().all()
        return tuple(
            Vote(
                Actor(id=row["actor_id"], name=row["actor_name"]), row["action"], row["reason"], row["at"], row["click"]
            )
            for row in rows
        )

    async def _read(self, query: sa.Select[Any], connection: AsyncConnection | None = None) -> list[StoredPlan]:
        async with self._database.reading(connection) as joined:
            return [_plan(row) for row in (await joined.execute(query)).mappings().all()]


def _open_or_running() -> sa.ColumnElement[bool]:
    running = sa.select(runs.c.id).where(runs.c.id == plans.c.id, runs.c.status == "running").exists()
    return sa.or_(plans.c.status.in_(OPEN), running)


_SPECIAL = ("plan", "requester")


def _row(plan: StoredPlan) -> dict[str, Any]:
    plain = {name: getattr(plan, name) for name in StoredPlan.__dataclass_fields__ if name not in _SPECIAL}
    return plain | {
        "plan": plan.plan.model_dump(mode="json"),
        "requester_id": plan.requester.id,
        "requester_name": plan.requester.name,
    }


def _plan(row: sa.RowMapping) -> StoredPlan:
    plain = {name: row[name] for name in StoredPlan.__dataclass_fields__ if name not in _SPECIAL}
    requester = Actor(id=row["requester_id"], name=row["requester_name"])
    return StoredPlan(**plain, plan=Plan.model_validate(row["plan"]), requester=requester)
