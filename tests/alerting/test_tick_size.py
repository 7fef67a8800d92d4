"""What a tick asks of Redis and of the database does not grow with every queue and every alert."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.alerting.announce import AT_ONCE
from bot.alerting.pipeline import Alerting, Stores
from bot.catalog import Catalog
from bot.clients.many_queues import KEYS_AT_ONCE
from bot.clients.queues import Queues
from bot.policy import Policy
from bot.schedule import Observation
from bot.settings import RedisSettings
from bot.stores.database import Database
from bot.stores.incidents import Incidents
from bot.stores.outbox import Outbox
from bot.stores.samples import Samples
from bot.stores.silences import Silences
from bot.stores.tables import samples as sample_rows
from tests.schedules.conftest import raw, shared_redis

__all__ = ["raw", "shared_redis"]  # the fixtures
NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
TICK = timedelta(seconds=30)
RULE = {"name": "queue-depth", "metric": "queue_waiting", "warning": 500, "critical": 1000, "summary": "Queue"}


@dataclass
class Counted:
    """How many statements the database was asked."""

    statements: int = 0


@contextmanager
def counting() -> Iterator[Counted]:
    counted = Counted()

    def count(*_: object) -> None:
        counted.statements += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield counted
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await found.migrate()
    yield found
    await found.close()


def alerting(database: Database) -> Alerting:
    policy = Policy.model_validate(
        {
            "people": {"U1": {"name": "Otto"}},
            "roles": {"oncall": {"members": ["U1"]}},
            "approvals": {},
            "limits": {},
            "schedules": {},
            "alerts": [RULE],
        }
    )
    stores = Stores(database, Incidents(database), Samples(database), Outbox(database), Silences(database))
    return Alerting(stores, policy=lambda: policy, catalog=Catalog({}, {}), channel="C1", pagerduty=True)


def waiting(alerts: int, value: float, at: datetime) -> list[Observation]:
    return [
        Observation(metric="queue_waiting", labels={"queue": f"q{number}"}, value=value, at=at)
        for number in range(alerts)
    ]


async def statements(database: Database, alerts: int) -> tuple[int, int, int]:
    """Return how many a tick with all alerts new takes, one in which nothing changes, and one where all worsen."""
    found, told = [], alerting(database)
    for number, value in enumerate((600.0, 600.0, 1200.0)):
        at = NOW + number * TICK
        with counting() as counted:
            await told.tick(waiting(alerts, value, at), at)
        found.append(counted.statements)
    return found[0], found[1], found[2]


async def test_ten_times_the_alerts_are_no_ten_times_the_statements(database: Database, tmp_path: Path) -> None:
    few = await statements(database, 20)
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    await other.migrate()
    many = await statements(other, 200)
    await other.close()
    portions = 200 // AT_ONCE
    assert many[1] == few[1]  # a tick without news asks as much whatever fires
    assert many[0] <= few[0] + portions
    assert many[2] <= few[2] * portions


async def reads(raw: Redis, url: str, queues: int) -> int:
    """Return how often Redis had to read from the bot for one look at so many queues."""
    names = {f"q{number}": f"many-{number}" for number in range(queues)}
    for name in names.values():
        await raw.hset(f"bull:{name}:meta", mapping={"version": "bullmq:5.65.1"})
        await raw.rpush(f"bull:{name}:wait", "1")
    client = Queues(RedisSettings(redis_url=SecretStr(url), queues=names))
    await client.snapshot(seconds=60)
    before = int((await raw.info("commandstats"))["cmdstat_eval"]["calls"])
    asked = int((await raw.info("stats"))["total_commands_processed"])
    assert len(await client.snapshot(seconds=60)) == queues
    evals = int((await raw.info("commandstats"))["cmdstat_eval"]["calls"]) - before
    inner = (19 + 2) * queues  # the commands within the scripts count as well
    plain = int((await raw.info("stats"))["total_commands_processed"]) - asked - inner - evals
    await client.close()
    assert plain < 20
    return evals


async def test_redis_is_asked_once_for_every_hundred_queues(raw: Redis, shared_redis: str) -> None:
    queues = 3 * KEYS_AT_ONCE
    # What each queue holds, how long its oldest job's options are, and those.
    assert await reads(raw, shared_redis, queues) == 3 * queues // KEYS_AT_ONCE


async def rows(database: Database) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(sample_rows))).scalar_one())


async def test_of_many_queues_only_what_changed_is_written_and_all_of_it_is_read(database: Database) -> None:
    kept, names = Samples(database), [f"queue/q{number}/waiting" for number in range(3_000)]
    for tick in range(3):
        at = NOW + tick * TICK
        await kept.look({name: float(tick if name == names[-1] else 7) for name in names}, at)
    assert await rows(database) == 3_001 + 2 * (1_000 + 2)
    found = await kept.several(names, NOW + TICK)
    assert [one.value for one in found[names[-1]]] == [1.0, 2.0]
    assert all([one.value for one in found[name]] == [7.0, 7.0] for name in names[:-1])
    assert {one.at for one in found[names[0]]} == {NOW + TICK, NOW + 2 * TICK}
