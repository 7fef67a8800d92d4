"""What happens to plans because time passes: they expire, others are asked, their turn comes."""

from datetime import datetime

import structlog

from bot.dispatch.approve import Approvals
from bot.dispatch.gate import Gate
from bot.dispatch.notices import Notices
from bot.dispatch.planner import PolicyInForce
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan

log = structlog.get_logger(__name__)


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

    async def tick(self, now: datetime) -> None:
        """Expire, ask next, and advance what is approved; one plan's trouble does not hold up the others."""
        for stored in await self._plans.undecided():
            try:
                await self._look(stored, now)
            except Exception:
                log.exception("a waiting plan could not be looked at", plan=stored.id)

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
