from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.stores.database import Database
from bot.stores.samples import Sample, Samples, series_of
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
SERIES = "queue/email/waiting"


@pytest.fixture
async def samples(tmp_path: Path) -> AsyncIterator[Samples]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield Samples(database)
    await database.close()


def test_a_series_is_named_after_what_it_is_about() -> None:
    assert series_of("queue_waiting", {"queue": "email"}) == SERIES
    assert series_of("queue_oldest_seconds", {"alert": "x", "queue": "email"}) == "queue/email/oldest_seconds"
    assert series_of("system_up", {"system": "redis"}) == "system/redis/up"
    assert series_of("other", {}) == "other"


async def test_a_series_comes_back_oldest_first_with_its_gaps(samples: Samples) -> None:
    times = [NOW + timedelta(seconds=30 * number) for number in range(3)]
    await samples.add([Sample(SERIES, times[2], 7.0), Sample(SERIES, times[0], 5.0), Sample(SERIES, times[1], None)])
    await samples.add([Sample("queue/webhook/waiting", NOW, 1.0)])
    found = await samples.series(SERIES, NOW)
    assert found == [Sample(SERIES, times[0], 5.0), Sample(SERIES, times[1], None), Sample(SERIES, times[2], 7.0)]
    assert await samples.series(SERIES, times[1] + timedelta(seconds=1)) == found[2:]


async def test_a_moment_is_kept_once(samples: Samples) -> None:
    await samples.add([Sample(SERIES, NOW, 5.0)])
    await samples.add([Sample(SERIES, NOW, 6.0)])
    await samples.add([])
    assert await samples.series(SERIES, NOW) == [Sample(SERIES, NOW, 5.0)]


async def test_what_is_older_than_25_hours_goes(samples: Samples) -> None:
    old, young = NOW - timedelta(hours=25, seconds=1), NOW - timedelta(hours=25)
    await samples.add([Sample(SERIES, old, 1.0), Sample(SERIES, young, 2.0)])
    assert await samples.prune(NOW) == 1
    assert [sample.at for sample in await samples.series(SERIES, old)] == [young]


async def test_the_series_of_one_kind_may_go_earlier(samples: Samples) -> None:
    await samples.add([Sample("a/x", NOW, 1.0), Sample("a/x", NOW + timedelta(minutes=1), 2.0), Sample("ab", NOW, 3.0)])
    assert await samples.forget("a/", NOW + timedelta(seconds=1)) == 1
    assert [sample.value for sample in await samples.series("a/x", NOW)] == [2.0]
    assert len(await samples.series("ab", NOW)) == 1
