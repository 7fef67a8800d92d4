import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.stores.database import Database
from bot.stores.executors import Executors
from bot.stores.runs import Lock, Locks, Runs, StoredRun, StoredStep
from tests.own_database import with_tables

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
STEPS = tuple(StoredStep(number, f"Step {number}", "waiting", "", 0, None, None) for number in range(2))
RUN = StoredRun("r1", "deployment/worker", "running", "", "one", NOW, None, None, STEPS)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


async def added(database: Database, run: StoredRun = RUN) -> Runs:
    runs = Runs(database)
    async with database.transaction() as connection:
        await runs.add(connection, run)
    return runs


async def test_a_run_is_read_as_it_was_written(database: Database) -> None:
    runs = await added(database)
    assert await runs.get("r1") == RUN
    assert await runs.running() == [RUN]
    assert await runs.get("r2") is None


async def test_a_plan_cannot_run_twice(database: Database) -> None:
    await added(database)
    with pytest.raises(sa.exc.IntegrityError):
        await added(database)


async def test_a_step_keeps_its_first_beginning_and_counts_its_attempts(database: Database) -> None:
    runs = await added(database)
    async with database.transaction() as connection:
        assert await runs.begin_step(connection, "r1", 0, "one", NOW)
        assert await runs.begin_step(connection, "r1", 0, "one", NOW + timedelta(minutes=5))
        assert not await runs.begin_step(connection, "r1", 0, "another", NOW)
    run = await runs.get("r1")
    assert run is not None
    assert (run.steps[0].started_at, run.steps[0].attempts, run.steps[0].status) == (NOW, 2, "running")


async def test_a_step_ends_once_and_is_not_begun_again(database: Database) -> None:
    runs = await added(database)
    ended = replace(STEPS[0], status="done", message="first", finished_at=NOW)
    async with database.transaction() as connection:
        assert not await runs.end_step(connection, "r1", ended)
        assert await runs.begin_step(connection, "r1", 0, "one", NOW)
        assert await runs.progress(connection, "r1", 0, "half")
        assert not await runs.progress(connection, "r1", 0, "half")
        assert await runs.end_step(connection, "r1", ended)
        assert not await runs.end_step(connection, "r1", replace(ended, message="second"))
        assert not await runs.begin_step(connection, "r1", 0, "one", NOW)
        assert not await runs.progress(connection, "r1", 0, "late")
    run = await runs.get("r1")
    assert run is not None
    assert run.steps[0].message == "first"


async def test_a_run_ends_once_and_skips_what_was_not_begun(database: Database) -> None:
    runs = await added(database)
    async with database.transaction() as connection:
        assert await runs.finish(connection, "r1", "failed", "why", NOW)
        assert not await runs.finish(connection, "r1", "succeeded", "", NOW)
    run = await runs.get("r1")
    assert run is not None
    assert (run.status, run.outcome, run.finished_at) == ("failed", "why", NOW)
    assert [step.status for step in run.steps] == ["skipped", "skipped"]
    assert not await runs.claim("r1", executor="two")
    assert await runs.running() == []


async def test_one_of_many_takes_a_run_over(database: Database) -> None:
    runs = await added(database)
    claims = [runs.claim("r1", executor=f"e{number}", previous="one") for number in range(5)]
    assert sorted(await asyncio.gather(*claims)) == [False] * 4 + [True]


async def test_the_newest_runs_come_first(database: Database) -> None:
    runs = await added(database)
    await added(database, replace(RUN, id="r2", started_at=NOW + timedelta(minutes=1)))
    assert [run.id for run in await runs.recent()] == ["r2", "r1"]
    assert [run.id for run in await runs.recent(1)] == ["r2"]
    newest, number = await runs.since(NOW, limit=1)
    assert ([run.id for run in newest], number) == (["r2"], 2)
    assert (await runs.since(NOW + timedelta(seconds=1), limit=5))[1] == 1


async def test_a_lock_has_one_holder_and_is_released_by_it_only(database: Database) -> None:
    locks = Locks(database)
    first, second = Lock("t", "r1", "Olga", NOW), Lock("t", "r2", "Amir", NOW)
    async with database.transaction() as connection:
        assert await locks.take(connection, first) == first
        assert await locks.take(connection, second) == first
        await locks.release(connection, "r2")
    assert await locks.on(["t"]) == [first]
    assert await locks.on(["other"]) == []
    async with database.transaction() as connection:
        await locks.release(connection, "r1")
        assert await locks.take(connection, second) == second


async def test_an_executor_is_alive_for_thirty_seconds_after_its_last_word(database: Database) -> None:
    executors = Executors(database)
    await executors.beat("one", NOW)
    await executors.beat("two", NOW)
    await executors.beat("two", NOW + timedelta(seconds=20))
    assert await executors.alive(NOW + timedelta(seconds=29)) == {"one", "two"}
    assert await executors.alive(NOW + timedelta(seconds=30)) == {"two"}
    await executors.leave("two")
    assert await executors.alive(NOW) == {"one"}
