"""Between approval and run: plan again, compare, lock, start. Exactly what was approved starts, or nothing does."""

from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.dispatch.approve import Approvals
from bot.dispatch.checkpoint import Checkpoint
from bot.dispatch.ending import Ending
from bot.dispatch.notices import Notices
from bot.dispatch.planner import Planner
from bot.dispatch.proposal import Proposal
from bot.dispatch.renewal import Renewal
from bot.dispatch.replanning import Replanning
from bot.errors import Unavailable, UserError
from bot.plan import differences
from bot.sentence import sentence
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Lock, Locks, Runs, StoredRun, StoredStep

RETRY: Final = timedelta(seconds=5)  # between two looks at a system that does not answer


log = structlog.get_logger(__name__)


class Starter(Protocol):
    """Executes runs; starting one twice is the same as once."""

    name: str

    async def start(self, run_id: str) -> None:
        """Begin to execute a run that is on record."""


class Gate:
    """Lets approved plans through."""

    def __init__(
        self,
        database: Database,
        planner: Planner,
        approvals: Approvals,
        notices: Notices,
        starter: Starter,
        checkpoint: Checkpoint,
    ) -> None:
        self._database = database
        self._planner = planner
        self._approvals = approvals
        self._notices = notices
        self._starter = starter
        self._checkpoint = checkpoint
        self._plans, self._runs, self._locks = Plans(database), Runs(database), Locks(database)
        self._ending = Ending(database, notices)
        self._replanning = Replanning(database, planner)
        self._renewal = Renewal(database, planner, approvals)
        self._busy: set[str] = set()
        self._not_before: dict[str, datetime] = {}

    async def advance(self, plan_id: str, now: datetime) -> None:
        """Start an approved plan if it still fits and its target is free; else leave it saying why it waits."""
        if plan_id in self._busy or now < self._not_before.get(plan_id, now):
            return
        self._busy.add(plan_id)
        try:
            stored = await self._plans.get(plan_id)
            if stored is not None and stored.status == "approved" and not stored.is_due(now):
                await self._checkpoint.reached("approved")
                await self._advance(stored, now)
        finally:
            self._busy.discard(plan_id)

    async def _advance(self, stored: StoredPlan, now: datetime) -> None:
        if held := await self._in_the_way(stored):
            freeze = await self._planner.freeze(stored.command, now)
            besides = f" {freeze.words}: if its turn comes before that, it is refused." if freeze else ""
            await self._wait(stored, _held(held) + besides, now)
            return
        try:
            fresh, digest = await self._replanning.fresh(stored, now)
        except UserError as error:
            await self._stale(stored, [f"{error.message} {error.hint}".strip()], now)
            return
        except Unavailable as error:
            await self._retry(stored, f"{error.system}: {error.reason}", now)
            return
        except Exception:
            log.exception("an approved plan could not be planned again", plan=stored.id)
            await self._retry(stored, "an unexpected error, which is in the log", now)
            return
        self._not_before.pop(stored.id, None)
        if digest != stored.digest:
            run = await self._renewal.overtaken_by(stored)
            moved = [*differences(stored.plan, fresh), *([f"{run} ran on the same meanwhile"] if run else [])]
            await self._stale(stored, moved, now, await self._renewal.proposal(stored, now) if run else None)
        elif await self._start(stored, now):
            await self._checkpoint.reached("run row written")
            await self._starter.start(stored.id)

    async def _stale(
        self, stored: StoredPlan, moved: list[str], now: datetime, renewed: Proposal | None = None
    ) -> None:
        """Close it, with its place taken by what is proposed afresh, in one transaction with its request."""
        async with self._database.transaction() as connection:
            reason = "\n".join(moved) or "the plan is different"
            if not await self._approvals.close(connection, stored, "stale", reason, now):
                return
            if renewed is not None:
                await self._approvals.renew(connection, renewed, now)
            await self._notices.card(connection, stored.id, now)

    async def _retry(self, stored: StoredPlan, trouble: str, now: datetime) -> None:
        self._not_before[stored.id] = now + RETRY
        unknown = sentence(f"Cannot check whether it still fits: {trouble}")
        await self._wait(stored, f"{unknown} It is tried again.", now)

    async def _wait(self, stored: StoredPlan, reason: str, now: datetime) -> None:
        async with self._database.transaction() as connection:
            await self._say_why(connection, stored, reason, now)

    async def _say_why(self, connection: AsyncConnection, stored: StoredPlan, reason: str, now: datetime) -> None:
        if stored.reason != reason and await self._plans.move(connection, stored.id, ("approved",), reason=reason):
            await self._notices.card(connection, stored.id, now)

    async def _start(self, stored: StoredPlan, now: datetime) -> bool:
        async with self._database.transaction() as connection:
            current = await self._plans.locked(connection, stored.id)
            if current is None or current.status != "approved" or current.is_due(now):
                return False
            if reason := await self._why_not(connection, current, now):
                await self._approvals.close(connection, current, "stale", reason, now)
                await self._notices.card(connection, current.id, now)
                return False
            if held := await self._lock(connection, stored, now):
                await self._say_why(connection, current, _held(held), now)
                return False
            await self._plans.move(connection, stored.id, ("approved",), status="started", reason="")
            run = self._run(stored, now)
            await self._runs.add(connection, run)
            await self._notices.card(connection, stored.id, now)
            await self._notices.superseded(connection, run, stored, now)
        return True

    async def _lock(self, connection: AsyncConnection, stored: StoredPlan, now: datetime) -> Lock | None:
        """Take the locks of all its targets, or none and return the one that is in the way.

        A run that only watches is ended by it.
        """
        if in_the_way := await self._in_the_way(stored, connection):
            return in_the_way
        for watching in {lock.run_id for lock in await self._locks.on(stored.plan.targets, connection)}:
            await self._ending.stop_watching(connection, watching, f"because {stored.id} changes the same", now)
        holder = f"{self._notices.line(stored)} of {stored.requester.name}"
        for target in stored.plan.targets:
            held = await self._locks.take(connection, Lock(target, stored.id, holder, now))
            if held.run_id != stored.id:
                await self._locks.release(connection, stored.id)
                return held
        return None

    async def _in_the_way(self, stored: StoredPlan, connection: AsyncConnection | None = None) -> Lock | None:
        for lock in await self._locks.on(stored.plan.targets, connection):
            if not await self._ending.only_watches(lock.run_id, connection):
                return lock
        return None

    async def _why_not(self, connection: AsyncConnection, current: StoredPlan, now: datetime) -> str:
        """Return why the plan may not start, as everything stands in this very transaction."""
        missing, needed = await self._approvals.missing(connection, current)
        if missing > 0 and not current.break_glass:
            return f"The policy changed: {needed} approval(s) are needed now, {needed - missing} count."
        # A freeze that was set while it was planned again.
        frozen = await self._planner.frozen(self._planner.command(current.command), now, connection)
        return f"{frozen.message} {frozen.hint}" if frozen else ""

    def _run(self, stored: StoredPlan, now: datetime) -> StoredRun:
        steps = tuple(
            StoredStep(number, step.title, "waiting", "", 0, None, None)
            for number, step in enumerate(stored.plan.steps)
        )
        return StoredRun(stored.id, stored.plan.target, "running", "", self._starter.name, now, None, None, steps)


def _held(lock: Lock) -> str:
    return (
        f"{lock.target} is held by {lock.holder} ({lock.run_id}). It starts when that has ended, if it still fits then."
    )
