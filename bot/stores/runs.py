"""The runs of approved plans, step by step, and the locks that let one run at a time touch a target."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import Database
from bot.stores.tables import locks, run_steps, runs

RunStatus = Literal["running", "succeeded", "failed"]
StepStatus = Literal["waiting", "running", "done", "unverified", "failed", "skipped"]

# A step that was performed; of an unverified one nobody could see whether it holds.
PERFORMED: Final = ("done", "unverified")

TITLE_LIMIT: Final = 300


@dataclass(frozen=True)
class StoredStep:
    """One step of a run; ``attempts`` counts how often it was begun, also after a restart."""

    number: int
    title: str
    status: StepStatus
    message: str
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class StoredRun:
    """A run has its plan's id; ``executor`` is the process that works on it."""

    id: str
    target: str
    status: RunStatus
    outcome: str
    executor: str
    started_at: datetime
    finished_at: datetime | None
    undone_by: str | None
    steps: tuple[StoredStep, ...]

    @property
    def unverified(self) -> str:
        """Which steps could not be verified, in words; empty where all could."""
        steps = [f"{step.number + 1}" for step in self.steps if step.status == "unverified"]
        return f"step {', '.join(steps)} not verified" if steps else ""


class Runs:
    """The rows of ``runs`` and ``run_steps``. Methods that take a connection join its transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, connection: AsyncConnection, run: StoredRun) -> None:
        """Write a new run with its steps; an id that exists already is an integrity error."""
        names = ("id", "target", "status", "outcome", "executor", "started_at")
        await connection.execute(sa.insert(runs).values({name: getattr(run, name) for name in names}))
        rows = [
            {"run_id": run.id, "number": step.number, "title": step.title[:TITLE_LIMIT], "status": step.status}
            for step in run.steps
        ]
        if rows:
            await connection.execute(sa.insert(run_steps), rows)

    async def get(self, run_id: str, connection: AsyncConnection | None = None) -> StoredRun | None:
        """Return the run of this id with its steps, or None."""
        found = await self._read(sa.select(runs).where(runs.c.id == run_id), connection)
        return next(iter(found), None)

    async def recent(self, limit: int = 20) -> list[StoredRun]:
        """Return the newest runs, newest first."""
        return await self._read(sa.select(runs).order_by(runs.c.started_at.desc()).limit(limit))

    async def since(self, moment: datetime, *, limit: int) -> tuple[list[StoredRun], int]:
        """Return so many of the runs that began since then, the newest first, and how many there are."""
        mine = runs.c.started_at >= moment
        number = sa.select(sa.func.count()).select_from(runs).where(mine)
        async with self._database.reading() as connection:
            found = await self._read(
                sa.select(runs).where(mine).order_by(runs.c.started_at.desc()).limit(limit), connection
            )
            return found, int((await connection.execute(number)).scalar_one())

    async def running(self) -> list[StoredRun]:
        """Return the runs that have not ended, oldest first."""
        return await self._read(sa.select(runs).where(runs.c.status == "running").order_by(runs.c.started_at))

    async def claim(self, run_id: str, *, executor: str, previous: str | None = None) -> bool:
        """Become the executor of a running run, if it still is ``previous``'s where that is given."""
        query = sa.update(runs).where(runs.c.id == run_id, runs.c.status == "running")
        if previous is not None:
            query = query.where(runs.c.executor == previous)
        async with self._database.transaction() as connection:
            return bool((await connection.execute(query.values(executor=executor))).rowcount == 1)

    async def finish(
        self, connection: AsyncConnection, run_id: str, status: RunStatus, outcome: str, now: datetime
    ) -> bool:
        """End a running run and skip what was not begun; False where it had ended before."""
        query = sa.update(runs).where(runs.c.id == run_id, runs.c.status == "running")
        ended = await connection.execute(query.values(status=status, outcome=outcome, finished_at=now))
        skip = sa.update(run_steps).where(run_steps.c.run_id == run_id, run_steps.c.status == "waiting")
        await connection.execute(skip.values(status="skipped"))
        return bool(ended.rowcount == 1)

    async def undone(self, connection: AsyncConnection, run_id: str, by: str) -> None:
        """Record that the run with the id ``by`` took this one back."""
        await connection.execute(sa.update(runs).where(runs.c.id == run_id).values(undone_by=by))

    async def begin_step(
        self, connection: AsyncConnection, run_id: str, number: int, executor: str, now: datetime
    ) -> bool:
        """Count an attempt at a step; False where another executor has the run, so that this one must stop."""
        owned = sa.select(runs.c.id).where(runs.c.id == run_id, runs.c.executor == executor).exists()
        query = _step(run_id, number, "waiting", "running").where(owned)
        values = {
            "status": "running",
            "attempts": run_steps.c.attempts + 1,
            "started_at": sa.func.coalesce(run_steps.c.started_at, now, type_=run_steps.c.started_at.type),
        }
        return bool((await connection.execute(query.values(**values))).rowcount == 1)

    async def progress(self, connection: AsyncConnection, run_id: str, number: int, message: str) -> bool:
        """Record what a running step says now; return whether that is news."""
        query = _step(run_id, number, "running").where(run_steps.c.message != message)
        return bool((await connection.execute(query.values(message=message))).rowcount == 1)

    async def end_step(self, connection: AsyncConnection, run_id: str, step: StoredStep) -> bool:
        """Record a running step's end; False where it had ended before."""
        values = {"status": step.status, "message": step.message, "finished_at": step.finished_at}
        query = _step(run_id, step.number, "running")
        return bool((await connection.execute(query.values(**values))).rowcount == 1)

    async def _read(self, query: sa.Select[Any], connection: AsyncConnection | None = None) -> list[StoredRun]:
        async with self._database.reading(connection) as joined:
            rows = (await joined.execute(query)).mappings().all()
            of_these = run_steps.c.run_id.in_([row["id"] for row in rows])
            ordered = sa.select(run_steps).where(of_these).order_by(run_steps.c.number)
            steps = (await joined.execute(ordered)).mappings().all()
        by_run: dict[str, list[StoredStep]] = {}
        for step in steps:
            by_run.setdefault(step["run_id"], []).append(
                StoredStep(**{name: step[name] for name in StoredStep.__dataclass_fields__})
            )
        return [StoredRun(**row, steps=tuple(by_run.get(row["id"], ()))) for row in rows]


def _step(run_id: str, number: int, *states: StepStatus) -> sa.Update:
    return sa.update(run_steps).where(
        run_steps.c.run_id == run_id, run_steps.c.number == number, run_steps.c.status.in_(states)
    )


@dataclass(frozen=True)
class Lock:
    """Who holds a target: ``holder`` is a phrase for people."""

    target: str
    run_id: str
    holder: str
    since: datetime


class Locks:
    """The rows of ``locks``; taken when a run starts and released with its end."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, connection: AsyncConnection, lock: Lock) -> Lock:
        """Take the target's lock if it is free; return the lock that holds now."""
        await connection.execute(self._database.insert(locks).values(**vars(lock)).on_conflict_do_nothing())
        row = (await connection.execute(sa.select(locks).where(locks.c.target == lock.target))).mappings().one()
        return Lock(**row)

    async def release(self, connection: AsyncConnection, run_id: str) -> None:
        """Release what the run holds."""
        await connection.execute(sa.delete(locks).where(locks.c.run_id == run_id))

    async def on(self, targets: Collection[str], connection: AsyncConnection | None = None) -> list[Lock]:
        """Return the locks on any of the targets, the oldest first."""
        return [lock for lock in await self.held(connection) if lock.target in targets]

    async def held(self, connection: AsyncConnection | None = None) -> list[Lock]:
        """Return every lock."""
        async with self._database.reading(connection) as joined:
            rows = (await joined.execute(sa.select(locks).order_by(locks.c.since))).mappings().all()
        return [Lock(**row) for row in rows]
