"""What one tick over ten thousand queues and two thousand alerts writes fits into PostgreSQL's statements."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bot.alerting.pipeline import Alerting, Stores
from bot.catalog import Catalog
from bot.policy import Policy
from bot.schedule import Observation
from bot.stores.database import Database
from bot.stores.incidents import Incidents
from bot.stores.outbox import Outbox
from bot.stores.samples import AT_ONCE, Samples
from bot.stores.silences import Silences
from bot.stores.tables import alert_states, incidents
from bot.stores.tables import samples as sample_rows

pytestmark = pytest.mark.slow

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
TICK = timedelta(seconds=30)
QUEUES, ALERTS = 10_000, 2_000
# SQLite takes 32,766 values in one statement, PostgreSQL 65,535; this many alerts are far from both.
MOST_VALUES = 600
RULE = {"name": "depth", "metric": "queue_waiting", "warning": 500, "critical": 1000, "summary": "{queue}", "for": "0s"}
POLICY = Policy.model_validate(
    {
        "people": {"U1": {"name": "Ann"}},
        "roles": {},
        "approvals": {},
        "limits": {},
        "schedules": {},
        "alerts": [RULE],
        "oncall": {"levels": [{"title": "One", "people": ["U1"]}]},
        "escalation": {"after": ["10m"]},
        "receivers": {"all": {"slack": True, "pagerduty": True, "mail": True}},
        "routes": [{"receivers": ["all"]}],
    }
)


@dataclass
class Asked:
    """What the database was asked: values in each statement, rows of each that is executed for many."""

    values: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


@contextmanager
def counting() -> Iterator[Asked]:
    found = Asked()

    def count(*words: Any) -> None:
        _, _, _, values, _, many = words
        found.values.append(len(values[0] if many else values))
        found.rows += [len(values)] if many else []

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    found = Database(postgres_url)
    await found.migrate()
    yield found
    await found.close()


async def number_of(database: Database, table: sa.Table) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


def seen(value: float, at: datetime) -> list[Observation]:
    return [
        Observation("queue_waiting", {"queue": f"q{number}"}, value if number < ALERTS else 0.0, at)
        for number in range(QUEUES)
    ]


async def test_a_tick_with_two_thousand_alerts_takes_few_statements_and_none_has_too_many_values(
    database: Database,
) -> None:
    stores = Stores(database, Incidents(database), Samples(database), Outbox(database), Silences(database))
    ways = {"channel": "C1", "pagerduty": True, "address": "alerts@novapulse.com"}
    alerting = Alerting(stores, policy=lambda: POLICY, catalog=Catalog({}, {}), **ways)  # type: ignore[arg-type]
    taken = []
    for number, value in enumerate((600.0, 600.0, 1200.0, 0.0)):
        at = NOW + number * TICK
        with counting() as asked:
            await alerting.tick(seen(value, at), at)
        taken.append(len(asked.values))
        assert max(asked.values) <= MOST_VALUES
    assert await number_of(database, incidents) == ALERTS
    assert await number_of(database, alert_states) == 0
    # All new, nothing new, all of them worse, all of them over.
    assert max(taken) <= 300


async def test_every_sample_of_ten_thousand_queues_is_written_in_parts(database: Database) -> None:
    series = {f"queue/q{number}/{what}": 0.0 for number in range(QUEUES) for what in "abcdefghij"}
    with counting() as asked:
        await Samples(database).look(series, NOW)
    assert await number_of(database, sample_rows) == len(series) + 1
    assert asked.rows == [AT_ONCE] * (len(series) // AT_ONCE)
    assert max(asked.values) <= MOST_VALUES
