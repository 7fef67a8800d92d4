import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from bot.archived import KEPT_FOR, ArchivedQueue, Batch
from bot.errors import NotConfigured, Refused
from bot.stores.archive import Archive
from bot.stores.change_tables import archived_batches as batches
from bot.stores.database import Database
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
KEY = SecretStr("signing-secret")
HEAD = ArchivedQueue("a1", "email", "bull:nova-email", "bullmq5", NOW, 0)
BATCH = Batch(2, b"[1, 2]", b"\x00\xff")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def archive(database: Database) -> Archive:
    return Archive(database, KEY)


async def rows(database: Database) -> list[tuple[bytes, bytes]]:
    async with database.reading() as connection:
        found = await connection.execute(sa.select(batches.c.index, batches.c.payload).order_by(batches.c.number))
        return [(row[0], row[1]) for row in found]


async def test_what_is_kept_comes_back_in_order_until_it_is_restored(archive: Archive) -> None:
    await archive.open(HEAD)
    await archive.open(replace(HEAD, key="another"))
    first, second = await archive.keep("a1", "email", BATCH), await archive.keep("a1", "email", replace(BATCH, jobs=1))
    assert (first.number, second.number) == (0, 1)
    assert await archive.find("a1") == [replace(HEAD, jobs=3)]
    assert await archive.next("a1", "email") == first
    await archive.restored("a1", "email", 0)
    assert await archive.next("a1", "email") == second
    assert await archive.find("a1") == [replace(HEAD, jobs=1)]
    await archive.restored("a1", "email", 1)
    assert await archive.next("a1", "email") is None
    assert await archive.find("a1") == [HEAD]


async def test_what_may_not_be_removed_yet_is_unfinished(archive: Archive) -> None:
    await archive.open(HEAD)
    for _ in range(2):
        await archive.keep("a1", "email", BATCH)
    await archive.removed("a1", "email", 0)
    assert [batch.number for batch in await archive.unfinished("a1", "email")] == [1]
    assert await archive.unfinished("a1", "webhook") == []


async def test_archives_go_after_seven_days(archive: Archive) -> None:
    await archive.open(HEAD)
    await archive.keep("a1", "email", BATCH)
    await archive.open(replace(HEAD, archive="a2", created_at=NOW + timedelta(seconds=2)))
    assert await archive.prune(NOW + KEPT_FOR) == 0
    assert await archive.prune(NOW + KEPT_FOR + timedelta(seconds=1)) == 1
    assert await archive.find("a1") == []
    assert await archive.next("a1", "email") is None
    assert len(await archive.find("a2")) == 1


async def test_what_was_in_the_jobs_does_not_stand_in_the_database(archive: Archive, database: Database) -> None:
    await archive.open(HEAD)
    secret = Batch(1, b'[["hunter2", "5"]]', b"hunter2" * 100)
    await archive.keep("a1", "email", secret)
    ((index, payload),) = await rows(database)
    assert b"hunter2" not in index + payload
    assert await archive.unfinished("a1", "email") == [replace(secret, number=0)]


async def test_what_was_written_before_copies_were_sealed_is_still_read(archive: Archive, database: Database) -> None:
    await archive.open(HEAD)
    plain = {"archive": "a1", "queue": "email", "number": 0, "jobs": 2, "state": "removed"}
    compressed = zlib.compress(b"jobs", 1)
    async with database.transaction() as connection:
        await connection.execute(sa.insert(batches).values(**plain, index=b"[1, 2]", payload=compressed))
    assert await archive.next("a1", "email") == Batch(2, b"[1, 2]", compressed, 0, "removed")
    kept = await archive.keep("a1", "email", BATCH)
    await archive.restored("a1", "email", 0)
    assert await archive.next("a1", "email") == kept


async def test_a_row_in_the_place_of_another_is_not_read(archive: Archive, database: Database) -> None:
    await archive.open(HEAD)
    for _ in range(2):
        await archive.keep("a1", "email", BATCH)
    (index, payload), _ = await rows(database)
    async with database.transaction() as connection:
        second = sa.update(batches).where(batches.c.number == 1)
        await connection.execute(second.values(index=index, payload=payload))
    await archive.removed("a1", "email", 0)
    with pytest.raises(Refused, match="cannot be read any more"):
        await archive.unfinished("a1", "email")


async def test_with_another_key_or_none_it_says_so_and_can_still_be_pruned(
    archive: Archive, database: Database
) -> None:
    await archive.open(HEAD)
    await archive.keep("a1", "email", BATCH)
    with pytest.raises(Refused, match="The archive cannot be read any more: the bot's signing secret or token"):
        await Archive(database, SecretStr("another")).next("a1", "email")
    none = Archive(database, None)
    for doing in (none.next("a1", "email"), none.keep("a1", "email", BATCH)):
        with pytest.raises(NotConfigured, match="SLACK_SIGNING_SECRET or SLACK_BOT_TOKEN"):
            await doing
    assert await none.prune(NOW + KEPT_FOR + timedelta(seconds=1)) == 1
