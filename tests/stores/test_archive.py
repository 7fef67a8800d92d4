from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.archived import KEPT_FOR, ArchivedQueue, Batch
from bot.stores.archive import Archive
from bot.stores.database import Database

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
HEAD = ArchivedQueue("a1", "email", "bull:nova-email", "bullmq5", NOW, 0)
BATCH = Batch(2, b"[1, 2]", b"\x00\xff")


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await database.migrate()
    yield Archive(database)
    await database.close()


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
