import asyncio
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.stores.database import Database
from bot.stores.fires import LEASE
from bot.stores.tables import messages
from tests.own_database import with_tables
from tests.servers import ROOT

DUE = datetime(2026, 7, 1, 8, tzinfo=UTC)
PROGRAM = ROOT / "tests" / "scheduler" / "replica_process.py"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


async def replicas(database: Database, now: datetime, *names: str, die: bool = False) -> list[int | None]:
    """Run replicas that all look at the same moment; return how they ended."""
    url = f"sqlite:///{database.url.database}"
    more = ["die"] if die else []
    running: list[Process] = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            *(url, name, now.isoformat(), *more),
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in names
    ]
    for process in running:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    await asyncio.gather(*(process.communicate(b"go\n") for process in running))
    return [process.returncode for process in running]


async def posted(database: Database) -> list[tuple[str, int]]:
    async with database.transaction() as connection:
        found = await connection.execute(sa.select(messages.c.key, messages.c.version))
        return [(row.key, row.version) for row in found]


async def test_several_processes_post_once(database: Database) -> None:
    assert await replicas(database, DUE, "a", "b", "c", "d") == [0, 0, 0, 0]
    assert await posted(database) == [("schedule:morning-checklist:2026-07-01T08:00:00+00:00", 1)]
    assert await replicas(database, DUE + timedelta(minutes=3), "e") == [0]
    assert len(await posted(database)) == 1


async def test_a_replica_killed_at_its_work_is_taken_over(database: Database) -> None:
    assert await replicas(database, DUE, "dying", die=True) == [-9]
    assert await replicas(database, DUE + timedelta(seconds=30), "early") == [0]
    assert await posted(database) == []
    assert await replicas(database, DUE + LEASE, "next", "other") == [0, 0]
    assert len(await posted(database)) == 1
