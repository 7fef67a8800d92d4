import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan, Vote
from tests.dispatch.test_cards import STORED
from tests.dispatch.world import AMIR, SANA, START
from tests.own_database import with_tables


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


async def added(database: Database, plan: StoredPlan = STORED) -> bool:
    async with database.transaction() as connection:
        return await Plans(database).add(connection, plan)


async def test_a_plan_is_read_as_it_was_written(database: Database) -> None:
    assert await added(database)
    assert await Plans(database).get(STORED.id) == STORED
    assert await Plans(database).of_request("r") == STORED
    assert await Plans(database).get("nonsense") is None
    assert await Plans(database).of_request("nonsense") is None


async def test_a_request_has_one_plan(database: Database) -> None:
    added_all = await asyncio.gather(*(added(database, replace(STORED, id=f"p{number}")) for number in range(4)))
    assert sorted(added_all) == [False, False, False, True]


async def test_a_move_happens_once(database: Database) -> None:
    await added(database)
    plans = Plans(database)

    async def move(status: str) -> bool:
        async with database.transaction() as connection:
            return await plans.move(connection, STORED.id, ("waiting",), status=status)

    moved = await asyncio.gather(*(move(status) for status in ("approved", "denied", "expired")))
    assert sorted(moved) == [False, False, True]


async def test_a_person_votes_once_a_way(database: Database) -> None:
    await added(database)
    plans = Plans(database)
    async with database.transaction() as connection:
        assert await plans.vote(connection, STORED.id, Vote(AMIR, "approve", "", START))
        assert not await plans.vote(connection, STORED.id, Vote(AMIR, "approve", "again", START))
        assert await plans.vote(connection, STORED.id, Vote(SANA, "approve", "", START + timedelta(seconds=1)))
    assert [vote.actor for vote in await plans.votes(STORED.id)] == [AMIR, SANA]


async def test_what_is_undecided_is_listed_oldest_first(database: Database) -> None:
    for number, status in enumerate(("waiting", "started", "approved", "denied")):
        at = START - timedelta(minutes=number)
        made = replace(STORED, id=f"p{number}", request_id=f"r{number}", created_at=at)
        await added(database, replace(made, status=status))  # type: ignore[arg-type]
    assert [plan.id for plan in await Plans(database).undecided()] == ["p2", "p0"]
