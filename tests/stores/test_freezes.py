from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.freeze import Freeze
from bot.request import Actor
from bot.stores.database import Database
from bot.stores.freezes import Freezes
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def freeze(name: str, scope: str = "all", until: datetime = NOW + HOUR) -> Freeze:
    return Freeze(id=name, scope=scope, actor=Actor(id="U1", name="Otto"), since=NOW, until=until)


@pytest.fixture
async def databases(tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """Two replicas of the bot."""
    one, other = [Database(f"sqlite:///{tmp_path / 'state.db'}") for _ in range(2)]
    await with_tables(one)
    yield one, other
    await one.close()
    await other.close()


async def test_another_replica_sees_a_freeze_at_once_and_its_end(databases: tuple[Database, Database]) -> None:
    mine, other = map(Freezes, databases)
    new = freeze("r1")
    said = await mine.freeze(new.model_dump(mode="json"))
    assert said["message"] == "all: frozen until 2026-07-01 10:00 UTC"
    assert await other.in_force(NOW) == [new]
    assert await other.in_force(NOW + HOUR) == []
    async with databases[1].transaction() as connection:
        assert await other.in_force(NOW, connection) == [new]


async def test_doing_it_twice_is_doing_it_once_and_a_scope_has_one(databases: tuple[Database, Database]) -> None:
    freezes = Freezes(databases[0])
    for _ in range(2):
        await freezes.freeze(freeze("r1").model_dump(mode="json"))
    longer = freeze("r2", until=NOW + 2 * HOUR)
    await freezes.freeze(longer.model_dump(mode="json"))
    workers = freeze("r3", "workers")
    await freezes.freeze(workers.model_dump(mode="json"))
    assert await freezes.in_force(NOW) == [longer, workers]


async def test_lifting_ends_those_that_were_named_and_no_newer_one(databases: tuple[Database, Database]) -> None:
    freezes = Freezes(databases[0])
    await freezes.freeze(freeze("r1").model_dump(mode="json"))
    newer = freeze("r2")
    await freezes.freeze(newer.model_dump(mode="json"))
    assert await freezes.lift(["r1"]) == {"changed": False, "message": "was lifted already"}
    assert await freezes.in_force(NOW) == [newer]
    assert (await freezes.lift(["r2"]))["message"] == "lifted"
    assert await freezes.in_force(NOW) == []
