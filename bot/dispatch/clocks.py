"""What happens to plans because time passes: they expire, others are asked, their turn comes."""

from datetime import datetime

import structlog

from bot.dispatch.approve import Approvals
from bot.dispatch.ending import Ending
from bot.dispatch.freezing import Freezing
from bot.dispatch.gate import Gate
from bot.dispatch.notices import Notices
from bot.policy import PolicyInForce
from bot.rota import Rota
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Locks

log = structlog.get_logger(__name__)

Crowd = frozenset[str]


class Clocks:
    """Looks at every plan that waits; each look does what is due and nothing twice."""

    def __init__(
        self, database: Database, approvals: Approvals, gate: Gate, notices: Notices, policy: PolicyInForce
    ) -> None:
        self._database = database
        self._plans = Plans(database)
        self._approvals = approvals
        self._gate = gate
        self._notices = notices
        self._policy = policy
        self._locks, self._ending = Locks(database), Ending(database, notices)
        self._freezing = Freezing(database, notices)
        self._shown: dict[str, Crowd] = {}  # by plan; one that is not in here is thought to be alone

    async def tick(self, now: datetime) -> None:
        """Expire, ask next, and advance what is approved; one plan's trouble does not hold up the others."""
        await self._freezing.tick(now)
        undecided = await self._plans.undecided()
        crowds, rota = await self._crowds(undecided), await self._notices.duty.rota(now)
        for stored in undecided:
            try:
                await self._look(stored, now)
                crowd = frozenset[str]().union(*(crowds[target] for target in stored.plan.targets))
                await self._introduce(stored, crowd, rota, now)
            except Exception:
                log.exception("a waiting plan could not be looked at", plan=stored.id)
        waiting = {stored.id for stored in undecided}
        self._shown = {plan_id: crowd for plan_id, crowd in self._shown.items() if plan_id in waiting}
        self._notices.keep(waiting)

    async def _crowds(self, undecided: list[StoredPlan]) -> dict[str, Crowd]:
        """Return what waits for or holds each target, and how far it is: its plans' cards name each other."""
        members = [(target, _member(stored)) for stored in undecided for target in stored.plan.targets]
        locks = await self._locks.held()
        watching = {run: await self._ending.only_watches(run) for run in {lock.run_id for lock in locks}}
        members += [(lock.target, f"{lock.run_id} {'watches' if watching[lock.run_id] else 'runs'}") for lock in locks]
        return {target: frozenset(id_ for other, id_ in members if other == target) for target, _ in members}

    async def _introduce(self, stored: StoredPlan, crowd: Crowd, rota: Rota, now: datetime) -> None:
        """Bring a waiting plan's card up to date where it does not name those who are there, or on call, now.

        A card that this process has not drawn names whoever was on call when it was made.
        """
        duty, plan_id = self._notices.duty, stored.id
        alone, before = duty.alone_by(rota, stored, now), self._notices.alone.get(plan_id)
        before = duty.alone_by(rota, stored, stored.created_at) if before is None else before
        if crowd != self._shown.get(plan_id, frozenset({plan_id})) or alone != before:
            async with self._database.transaction() as connection:
                current = await self._plans.locked(connection, plan_id)
                if current is not None and current.status == "waiting":
                    await self._notices.card(connection, plan_id, now)
        self._shown[plan_id], self._notices.alone[plan_id] = crowd, alone

    async def _look(self, stored: StoredPlan, now: datetime) -> None:
        if stored.is_due(now):
            await self._expire(stored.id, now)
        elif stored.status == "approved":
            await self._gate.advance(stored.id, now)
        elif stored.asked_next_at is None:
            await self._ask_next(stored, now)

    async def _expire(self, plan_id: str, now: datetime) -> None:
        async with self._database.transaction() as connection:
            current = await self._plans.locked(connection, plan_id)
            if current is not None and current.is_due(now):
                await self._approvals.expire(connection, current, now)

    async def _ask_next(self, stored: StoredPlan, now: datetime) -> None:
        rule = self._policy.current.approval(stored.command)
        if not rule.ask_next or now < stored.created_at + rule.ask_next_after:
            return
        async with self._database.transaction() as connection:
            current = await self._plans.locked(connection, stored.id)
            if current is None or current.status != "waiting" or current.asked_next_at is not None:
                return
            await self._plans.move(connection, stored.id, ("waiting",), asked_next_at=now)
            await self._notices.ask_next(connection, current, now)


def _member(stored: StoredPlan) -> str:
    return stored.id if stored.status == "waiting" else f"{stored.id} approved"
