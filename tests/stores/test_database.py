import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.stores.database import Database
from bot.stores.tables import executors

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


async def write(database: Database) -> None:
    while True:
        async with database.transaction() as connection:
            await connection.execute(sa.text("select count(*) from plans"))
            await connection.execute(sa.text("update plans set reason = ''"))


async def test_a_transaction_that_is_cancelled_keeps_no_lock(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/state.db")
    await database.migrate()
    moments = random.Random(1)
    remembered = []  # the tracebacks, which hold on to what was under way
    for _ in range(100):
        writers = [asyncio.create_task(write(database)) for _ in range(3)]
        await asyncio.sleep(moments.uniform(0.001, 0.02))  # somewhere in the middle of something
        for writer in writers:
            writer.cancel()
        remembered += await asyncio.gather(*writers, return_exceptions=True)
        async with database.transaction() as connection:
            assert (await connection.execute(sa.text("select 1"))).scalar() == 1
    assert {type(error) for error in remembered} == {asyncio.CancelledError}
    await database.close()


async def add(connection: AsyncConnection, name: str) -> None:
    await connection.execute(sa.insert(executors).values(name=name, started_at=NOW, seen_at=NOW))


async def names(connection: AsyncConnection) -> list[str]:
    return list((await connection.execute(sa.select(executors.c.name).order_by(executors.c.name))).scalars())


async def test_a_reader_does_not_wait_for_a_writer_and_sees_one_state(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/state.db")
    await database.migrate()
    async with database.reading() as reader:
        async with database.transaction() as writer:
            await add(writer, "one")
            assert await names(reader) == []
        assert await names(reader) == []
    async with database.reading() as reader:
        assert await names(reader) == ["one"]
    await database.close()


async def test_who_reads_and_then_writes_does_so_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/state.db")
    await database.migrate()

    async def add_the_next() -> None:
        async with database.transaction() as connection:
            await add(connection, f"number {len(await names(connection))}")

    await asyncio.gather(*(add_the_next() for _ in range(8)))
    async with database.reading() as reader:
        assert await names(reader) == [f"number {number}" for number in range(8)]
    await database.close()


async def test_a_transaction_that_is_joined_ends_where_it_was_opened(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/state.db")
    await database.migrate()

    async def add_in_vain() -> None:
        async with database.transaction() as connection:
            async with database.transaction(connection) as joined:
                await add(joined, "one")
            async with database.reading(connection) as joined:
                assert await names(joined) == ["one"]
            raise LookupError

    with pytest.raises(LookupError):
        await add_in_vain()
    async with database.reading() as reader:
        assert await names(reader) == []
    await database.close()
