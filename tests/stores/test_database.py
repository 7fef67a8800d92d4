import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import Database
from bot.stores.tables import executors

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await opened.migrate()
    yield opened
    await opened.close()


async def add(connection: AsyncConnection, name: str) -> None:
    await connection.execute(sa.insert(executors).values(name=name, started_at=NOW, seen_at=NOW))


async def names(connection: AsyncConnection) -> list[str]:
    return list((await connection.execute(sa.select(executors.c.name).order_by(executors.c.name))).scalars())


async def test_a_reader_does_not_wait_for_a_writer_and_sees_one_state(database: Database) -> None:
    async with database.reading() as reader:
        async with database.transaction() as writer:
            await add(writer, "one")
            assert await names(reader) == []
        assert await names(reader) == []
    async with database.reading() as reader:
        assert await names(reader) == ["one"]


async def test_who_reads_and_then_writes_does_so_alone(database: Database) -> None:
    async def add_the_next() -> None:
        async with database.transaction() as connection:
            await add(connection, f"number {len(await names(connection))}")

    await asyncio.gather(*(add_the_next() for _ in range(8)))
    async with database.reading() as reader:
        assert await names(reader) == [f"number {number}" for number in range(8)]
