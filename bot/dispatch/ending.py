"""The end of a run, as one transaction: outcome, lock, audit, undo mark and cards, all or nothing."""

from datetime import datetime

from bot.dispatch.notices import Notices
from bot.stores.database import Database
from bot.stores.plans import Plans
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
            await self._runs.finish(connection, run_id, "failed" if failure else "succeeded", failure, now)
            await self._locks.release(connection, run_id)
            if failure:
                await self._requests.settle(connection, run_id, "failed", f"failed: {failure}", now)
            else:
                said = ["succeeded", *([run.unverified] if run.unverified else [])]
                await self._requests.settle(connection, run_id, "done", ", ".join(said), now)
            if stored.undo_of and not failure:
                await self._runs.undone(connection, stored.undo_of, run_id)
            await self._notices.card(connection, run_id, now)


def _failure(run: StoredRun) -> str:
    failed = [f"Step {step.number + 1} ({step.title}): {step.message}" for step in run.steps if step.status == "failed"]
    if failed:
        return " ".join(failed)
    unfinished = [str(step.number + 1) for step in run.steps if step.status not in PERFORMED]
    return f"Step {', '.join(unfinished)} did not end." if unfinished else ""
