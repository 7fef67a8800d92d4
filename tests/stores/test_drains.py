from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.stores.database import Database
from bot.stores.drains import KEPT, Drains
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


async def test_a_drain_is_given_up_once_and_for_all(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    drains = Drains(database, lambda: NOW)
    assert not await drains.is_aborted("d1")
    for _ in range(2):
        assert await drains.abort("d1") == "told to stop; its own card says how it ends"
    assert await Drains(database, lambda: NOW).is_aborted("d1")
    assert not await drains.is_aborted("d2")
    assert await drains.prune(NOW + KEPT) == 0
    assert await drains.prune(NOW + KEPT + timedelta(seconds=1)) == 1
    assert not await drains.is_aborted("d1")
    await database.close()
