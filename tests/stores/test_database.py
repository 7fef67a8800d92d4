import asyncio
import random
from pathlib import Path

import sqlalchemy as sa

from bot.stores.database import Database


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
