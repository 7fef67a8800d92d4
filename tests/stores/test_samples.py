import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.stores.database import Database
from bot.stores.samples import AT_ONCE, Sample, Samples, series_of
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


def look(**values: float | None) -> dict[str, float | None]:
    return {f"queue/{name}/waiting": value for name, value in values.items()}


async def values(samples: Samples, name: str, since: datetime = NOW) -> list[tuple[int, float | None]]:
    """Return a queue's values with the number of the tick they are of."""
    found = await samples.series(f"queue/{name}/waiting", since)
    return [(int((one.at - NOW) / timedelta(seconds=30)), one.value) for one in found]


async def many(samples: Samples, number: int, **more: float | None) -> None:
    """Look at more queues than are all written at every tick, at the tick of this number."""
    at = NOW + number * timedelta(seconds=30)
    await samples.look(look(**{f"q{one}": 0.0 for one in range(1_500)}, **more), at)


async def test_what_was_not_written_again_is_read_at_every_moment_somebody_looked(samples: Samples) -> None:
    for number, value in ((0, 5.0), (1, 5.0), (2, 6.0), (4, 6.0), (5, None)):
        await many(samples, number, last=value)
    assert await values(samples, "last") == [(0, 5.0), (1, 5.0), (2, 6.0), (4, 6.0), (5, None)]
    assert await values(samples, "last", NOW + timedelta(seconds=90)) == [(4, 6.0), (5, None)]


async def test_after_another_process_has_looked_everything_is_written(tmp_path: Path, samples: Samples) -> None:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await many(samples, 0, last=5.0)
    await many(Samples(database), 1, last=6.0)
    await many(samples, 2, last=5.0)
    await database.close()
    assert await values(samples, "last") == [(0, 5.0), (1, 6.0), (2, 5.0)]


async def test_a_queue_that_nobody_looks_at_any_longer_has_no_more_values(samples: Samples) -> None:
    await many(samples, 0, last=5.0)
    await many(samples, 1, last=5.0)
    await many(samples, 2)
    await many(samples, 3)
    assert await values(samples, "last") == [(0, 5.0), (1, 5.0)]
    assert [number for number, _ in await values(samples, "q1499")] == [0, 1, 2, 3]


@contextmanager
def before_inserting(do: Callable[[list[Any]], None]) -> Iterator[None]:
    """Call with the rows before many are inserted with one statement."""

    def asked(*words: Any) -> None:
        if words[2].startswith("INSERT") and words[5]:
            do(words[3])

    sa.event.listen(sa.Engine, "before_cursor_execute", asked)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", asked)


async def test_much_is_written_in_parts_and_others_write_in_between(samples: Samples) -> None:
    written, begun = list[int](), asyncio.Event()

    def count(rows: list[Any]) -> None:
        written.append(len(rows))
        begun.set()

    with before_inserting(count):
        looking = asyncio.create_task(samples.look({f"queue/{n}/waiting": 0.0 for n in range(3 * AT_ONCE)}, NOW))
        await begun.wait()
        await samples.add([Sample("other", NOW, 1.0), Sample("another", NOW, 1.0)])  # not after all of it
        assert not looking.done()
        await looking
    assert written == [AT_ONCE, 2, AT_ONCE, AT_ONCE]  # the last statement says that everything was looked at
    assert len(await samples.series("queues/looked", NOW)) == 1


class _DiskFullError(Exception):
    pass


async def test_what_was_written_only_in_part_is_all_written_at_the_next_look(samples: Samples) -> None:
    left = {f"queue/{number}/waiting": 0.0 for number in range(2 * AT_ONCE)}
    await samples.look(left, NOW)
    parts = list[int]()

    def refuse(rows: list[Any]) -> None:
        parts.append(len(rows))
        if len(parts) > 1:
            raise _DiskFullError

    with before_inserting(refuse), pytest.raises(_DiskFullError):
        await samples.look(dict.fromkeys(left, 1.0), NOW + timedelta(seconds=30))
    await samples.look(left, NOW + timedelta(seconds=60))
    assert await values(samples, str(AT_ONCE - 1)) == [(0, 0.0), (1, 1.0), (2, 0.0)]
    assert await values(samples, str(2 * AT_ONCE - 1)) == [(0, 0.0), (2, 0.0)]


async def test_the_last_known_value_is_found_however_long_ago(samples: Samples) -> None:
    await samples.add([Sample("a", NOW, 1.0), Sample("a", NOW + timedelta(hours=2), None), Sample("b", NOW, None)])
    assert await samples.latest(["a", "b", "c"], NOW) == {"a": 1.0}
