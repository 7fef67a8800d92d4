import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.reply import say
from bot.stores.database import Database
from bot.stores.outbox import CARD, CRITICAL, Message, Outbox
from bot.stores.unconfirmed import AT_ONCE, Unconfirmed
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    made = Database(url)
    await with_tables(made)
    yield made
    await made.close()


async def put(database: Database, key: str, title: str = "Down", priority: int = CRITICAL, at: datetime = NOW) -> None:
    await Outbox(database).put(Message(key, "C1", say(title), priority), at)


async def confirm(database: Database, key: str) -> None:
    found = await Outbox(database).posted(key)
    assert found is not None
    await Outbox(database).sent(found, NOW, channel="C1", ts="1.1")


async def take(database: Database, key: str) -> bool:
    async with database.transaction() as connection:
        return await Unconfirmed(database).take(key, NOW, connection)


async def test_only_what_is_critical_late_and_in_no_version_confirmed_is_named(database: Database) -> None:
    await put(database, "late")
    await put(database, "young", at=NOW + timedelta(seconds=1))
    await put(database, "card", priority=CARD)
    await put(database, "edited")
    await confirm(database, "edited")
    await put(database, "edited", "Still down")
    assert await Unconfirmed(database).keys(NOW) == ["late"]


async def test_a_storm_is_taken_in_parts_the_oldest_first(database: Database) -> None:
    for number in range(AT_ONCE + 1):
        await put(database, f"{number:03}", at=NOW - timedelta(seconds=number))
    keys = await Unconfirmed(database).keys(NOW)
    assert (len(keys), keys[0]) == (AT_ONCE, f"{AT_ONCE:03}")
    for key in keys:
        assert await take(database, key)
    assert await Unconfirmed(database).keys(NOW) == ["000"]


async def test_one_of_several_replicas_takes_it(database: Database) -> None:
    await put(database, "late")
    taken = await asyncio.gather(*[take(database, "late") for _ in range(5)])
    assert sorted(taken) == [False, False, False, False, True]


async def test_what_slack_confirms_in_the_last_moment_is_not_taken(database: Database) -> None:
    await put(database, "late")
    assert await Unconfirmed(database).keys(NOW) == ["late"]
    await confirm(database, "late")
    assert not await take(database, "late")
