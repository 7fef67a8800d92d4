"""Since when what is down is down, wherever it is said."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.attempt import why
from bot.errors import BotError, Forbidden, NotConfigured, TimedOut, Unavailable
from bot.outages import Outages
from bot.reply import Level, Line
from bot.stores.database import Database
from bot.stores.samples import Sample, Samples
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.fixture
async def outages(tmp_path: Path) -> AsyncIterator[Outages]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    samples = Samples(database)
    for system in ("redis", "cluster"):
        await samples.add(
            [Sample(f"system/{system}/up", NOW - timedelta(minutes=ago), up) for ago, up in ((50, 1.0), (44, 0.0))]
        )
    yield Outages(samples, NOW)
    await database.close()


async def fail(error: BotError) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Unavailable("Redis", "connection refused"), "Redis could not be read: connection refused since 08:16 UTC."),
        (TimedOut("The cluster", 2), "The cluster could not be read: no answer within 2 s since 08:16 UTC."),
        (Unavailable("MongoDB", "connection refused"), "MongoDB could not be read: connection refused."),
        (Unavailable("Somebody", "is away"), "Somebody could not be read: is away."),
        (Forbidden("Redis", "no permission"), "Redis could not be read: no permission."),
        (NotConfigured("Redis", "REDIS_URL"), "Redis is not configured: set REDIS_URL."),
    ],
)
async def test_an_error_says_since_when(outages: Outages, error: BotError, says: str) -> None:
    found = await outages.attempt(fail(error))
    assert found is error
    assert why(error) == says
    await outages.attempt(fail(error))
    assert why(error) == says  # once, however often it is looked at
    with pytest.raises(type(error)):
        await outages.read(fail(error))


async def test_what_answers_is_handed_on(outages: Outages) -> None:
    async def read() -> int:
        return 5

    assert await outages.attempt(read()) == 5


async def test_red_lines_about_a_system_say_since_when(outages: Outages) -> None:
    lines = [
        Line(level=Level.CRITICAL, label="Redis", value="connection refused"),
        Line(level=Level.CRITICAL, label="Cluster", value="gone since 08:16 UTC."),
        Line(level=Level.OK, label="Redis", value="answers"),
        Line(level=Level.CRITICAL, label="API live", value="gone"),
        Line(level=Level.CRITICAL, label="Queue email", value="2,000 waiting"),
    ]
    assert [(await outages.dated(line)).value for line in lines] == [
        "connection refused since 08:16 UTC",
        "gone since 08:16 UTC.",
        "answers",
        "gone",
        "2,000 waiting",
    ]
