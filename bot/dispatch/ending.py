"""The end of a run, as one transaction: outcome, lock, audit, undo mark and cards, all or nothing."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.dispatch.notices import Notices
from bot.dispatch.run_cards import only_watches
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan
from bot.stores.requests import Requests
from bot.stores.runs import PERFORMED, Locks, Runs, StoredRun


class Ending:
    """Ends runs; ending one twice is the same as once."""

    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._plans, self._runs, self._locks = Plans(database), Runs(database), Locks(database)
        self._requests = Requests(database)
        self._notices = notices

    async def finish(self, run_id: str, now: datetime, *, trouble: str = "") -> None:
        """End a run as its steps ended; ``trouble`` is why it cannot go on where they do not tell."""
        async with self._database.transaction() as connection:
            stored, run = await self._plans.get(run_id, connection), await self._runs.get(run_id, connection)
            if stored is None or run is None or run.status != "running":
                return
            failure = " ".join(part for part in (_failure(run), trouble) if part)
            if not failure:
                await self._succeeded(connection, stored, run, "", now)
                return
            await self._runs.finish(connection, run_id, "failed", failure, now)
            await self._locks.release(connection, run_id)
            await self._requests.settle(connection, run_id, "failed", f"failed: {failure}", now)
            await self._notices.card(connection, run_id, now)

    async def only_watches(self, run_id: str, connection: AsyncConnection | None = None) -> bool:
        """Return whether the run may be ended by ``stop_watching``."""
        stored, run = await self._plans.get(run_id, connection), await self._runs.get(run_id, connection)
        return stored is not None and run is not None and only_watches(stored.plan, run)

    async def stop_watching(self, connection: AsyncConnection, run_id: str, why: str, now: datetime) -> bool:
        """End a run that only watches, as one that succeeded, whoever executes it; False where it does more.

        ``why`` goes on after "watching ended".
        """
        stored, run = await self._plans.get(run_id, connection), await self._runs.get(run_id, connection)
        if stored is None or run is None or not only_watches(stored.plan, run):
            return False
        ended = f"watching ended {why}"
        return await self._succeeded(connection, stored, run, ended, now)

    async def _succeeded(
        self, connection: AsyncConnection, stored: StoredPlan, run: StoredRun, early: str, now: datetime
    ) -> bool:
        if not await self._runs.finish(connection, run.id, "succeeded", early, now):
            return False
        if early:
            await self._cut_short(connection, run.id, early, now)
        await self._locks.release(connection, run.id)
        said = ", ".join(part for part in ("succeeded", run.unverified, early) if part)
        await self._requests.settle(connection, run.id, "done", said, now)
        if stored.undo_of:
            await self._runs.undone(connection, stored.undo_of, run.id)
        await self._notices.card(connection, run.id, now)
        return True

    async def _cut_short(self, connection: AsyncConnection, run_id: str, early: str, now: datetime) -> None:
        """Leave the rest of what is being watched out; read anew, because its executor may have begun the next."""
        run = await self._runs.get(run_id, connection)
        for step in run.steps if run else ():
            if step.status == "running":
                said = f"{early}; seen until then: {step.message}" if step.message else early
                await self._runs.end_step(
                    connection, run_id, replace(step, status="skipped", message=said, finished_at=now)
                )


def _failure(run: StoredRun) -> str:
    failed = [f"Step {step.number + 1} ({step.title}): {step.message}" for step in run.steps if step.status == "failed"]
    if failed:
        return " ".join(failed)
    unfinished = [str(step.number + 1) for step in run.steps if step.status not in PERFORMED]
    return f"Step {', '.join(unfinished)} did not end." if unfinished else ""
