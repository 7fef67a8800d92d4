import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.stores.database import Database
from bot.stores.fires import FREQUENT_KEPT, KEPT, LEASE, Fires
from tests.own_database import with_tables

DUE = datetime(2026, 7, 1, 8, tzinfo=UTC)
FIRE = ("morning-checklist", DUE)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def fires(database: Database) -> Fires:
    return Fires(database)


async def finish(database: Database, fires: Fires, holder: str, result: dict[str, str], due: datetime = DUE) -> bool:
    async with database.transaction() as connection:
        return await fires.finish((FIRE[0], due), holder, due, result, connection=connection)


async def test_the_first_to_ask_gets_it(fires: Fires) -> None:
    holders = [f"replica-{number}" for number in range(5)]
    claims = await asyncio.gather(*(fires.claim(*FIRE, holder, DUE) for holder in holders))
    assert sum(claims) == 1
    found = await fires.get(*FIRE)
    assert found is not None
    assert found.holder == holders[claims.index(True)]


async def test_another_due_time_is_another_fire(fires: Fires) -> None:
    assert await fires.claim(*FIRE, "a", DUE)
    assert await fires.claim(FIRE[0], DUE + timedelta(days=1), "b", DUE)
    assert await fires.claim("other", DUE, "b", DUE)


async def test_an_abandoned_fire_is_taken_over_once_its_lease_is_over(database: Database, fires: Fires) -> None:
    assert await fires.claim(*FIRE, "dead", DUE)
    assert not await fires.claim(*FIRE, "next", DUE + LEASE - timedelta(seconds=1))
    assert await fires.claim(*FIRE, "next", DUE + LEASE)
    assert not await finish(database, fires, "dead", {})
    assert await finish(database, fires, "next", {})


async def test_a_finished_fire_is_never_taken_over(database: Database, fires: Fires) -> None:
    assert await fires.claim(*FIRE, "a", DUE)
    assert await finish(database, fires, "a", {"reply": "x"})
    assert not await finish(database, fires, "a", {"reply": "y"})
    assert not await fires.claim(*FIRE, "b", DUE + timedelta(days=2))


async def test_the_last_one_that_did_its_work_is_found(database: Database, fires: Fires) -> None:
    assert await fires.last(FIRE[0]) is None
    assert await fires.last_done(FIRE[0]) is None
    for day, result in enumerate(({"reply": "x"}, {"error": "no"}, {"skipped": "late"})):
        due = DUE + timedelta(days=day)
        assert await fires.claim(FIRE[0], due, "a", due)
        assert await finish(database, fires, "a", result, due)
    assert await fires.claim(FIRE[0], DUE + timedelta(days=3), "a", DUE)
    last, done = await fires.last(FIRE[0]), await fires.last_done(FIRE[0])
    assert last is not None
    assert done is not None
    assert (last.due_at, last.result) == (DUE + timedelta(days=2), {"skipped": "late"})
    assert (done.due_at, done.result) == (DUE, {"reply": "x"})


async def test_a_skipped_fire_is_nobodys(database: Database, fires: Fires) -> None:
    async with database.transaction() as connection:
        assert await fires.skip(FIRE, DUE, "why", connection=connection)
        assert not await fires.skip(FIRE, DUE, "why", connection=connection)
    assert not await fires.claim(*FIRE, "a", DUE + timedelta(days=1))


async def test_old_rows_go_and_those_of_frequent_schedules_sooner(fires: Fires) -> None:
    for due in (DUE, DUE - FREQUENT_KEPT - timedelta(seconds=1), DUE - KEPT - timedelta(seconds=1)):
        assert await fires.claim("often", due, "a", DUE)
        assert await fires.claim("daily", due, "a", DUE)
    assert await fires.prune(DUE, ("often",)) == 3
    assert await fires.get("daily", DUE - FREQUENT_KEPT - timedelta(seconds=1)) is not None
