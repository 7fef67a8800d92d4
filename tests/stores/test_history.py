"""What was recorded of a queue becomes what the forecast reads."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.forecast import Sample
from bot.stores.database import Database
from bot.stores.history import down_since, histories, plain_queues
from bot.stores.samples import Sample as Stored
from bot.stores.samples import Samples
from schedules.threshold_alerts import METRICS
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.fixture
async def samples(tmp_path: Path) -> AsyncIterator[Samples]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield Samples(database)
    await database.close()


async def test_the_series_of_one_moment_are_one_sample(samples: Samples) -> None:
    first, second = NOW - timedelta(seconds=60), NOW - timedelta(seconds=30)
    values = {"waiting": 10.0, "unfinished": 12.0, "added": 100.0, "workers": 2.0, "paused": 0.0}
    await samples.add([Stored(f"queue/email/{name}", second, value) for name, value in values.items()])
    await samples.add([Stored("queue/email/waiting", first, None), Stored("queue/report/waiting", second, 5.0)])
    assert await histories(samples, ("email", "webhook"), NOW - timedelta(minutes=5)) == {
        "email": [Sample(first, None), Sample(second, 10, 12, 100, 2, is_paused=False)],
        "webhook": [],
    }


async def test_what_is_too_old_is_left_out(samples: Samples) -> None:
    await samples.add([Stored("queue/email/waiting", NOW - timedelta(hours=1), 10.0)])
    assert await histories(samples, ("email",), NOW - timedelta(minutes=5)) == {"email": []}


@pytest.mark.parametrize(
    ("readings", "since"),
    [
        ([], ""),
        ([1], ""),
        ([0, 0], ""),
        ([0, 1], ""),
        ([0, 1, 0, 0], " since 08:58 UTC"),
        ([1, 0, 1, 0], " since 08:59 UTC"),
        ([1, None, 0, None], " since 08:58 UTC"),
    ],
)
async def test_since_when_a_system_is_down(samples: Samples, readings: list[float | None], since: str) -> None:
    first = NOW - timedelta(minutes=len(readings))
    await samples.add(
        [Stored("system/redis/up", first + timedelta(minutes=minute), value) for minute, value in enumerate(readings)]
    )
    assert await down_since(samples, ("redis",), NOW) == {"redis": since}


def test_what_it_reads_is_what_the_schedule_records() -> None:
    read = {"queue_waiting", "queue_unfinished", "queue_added", "queue_workers", "queue_paused"}
    assert read <= set(METRICS)


async def test_which_queues_were_plain_lists_when_last_read(samples: Samples) -> None:
    moments = [NOW - timedelta(hours=3 - number) for number in range(3)]
    seen = {"email": (0.0, 1.0, None), "report": (1.0, 0.0, None), "webhook": (None, None, None)}
    for name, values in seen.items():
        found = zip(moments, values, strict=True)
        await samples.add([Stored(f"queue/{name}/plain", at, value) for at, value in found])
    assert await plain_queues(samples, (*seen, "workflow"), NOW) == ["email"]
