from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.stores.baselines import KEPT, Baselines
from bot.stores.database import Database
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


async def test_the_first_reading_stays_also_for_another_process(tmp_path: Path) -> None:
    one, other = [Database(f"sqlite:///{tmp_path / 'state.db'}") for _ in range(2)]
    await with_tables(one)
    await Baselines(one).keep("r1", "worker", {"memory": 1.0}, NOW)
    await Baselines(other).keep("r1", "worker", {"memory": 2.0}, NOW)
    assert await Baselines(other).get("r1", "worker") == {"memory": 1.0}
    assert await Baselines(other).get("r1", "api") is None
    assert await Baselines(one).prune(NOW + KEPT) == 0
    assert await Baselines(one).prune(NOW + KEPT + timedelta(seconds=1)) == 1
    for database in (one, other):
        await database.close()
