import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from bot.reply import say
from bot.stores.database import Database
from bot.stores.message import Message
from bot.stores.missed_tests import MissedTests, Window
from bot.stores.outbox import Outbox
from bot.stores.self_tests import KEEP, Place, SelfTests
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    made = Database(url)
    await with_tables(made)
    yield made
    await made.close()


async def sent(database: Database, minute: int, heard_by: str = "") -> datetime:
    tests, at = SelfTests(database), NOW + minute * MINUTE
    await tests.claim(at, "#alerts")
    await tests.sent(at, at, Place("C0ALERTS", "1.1"))
    if heard_by:
        await tests.heard(at, at, heard_by)
    return at


def said(window: Window) -> Message:
    part = "part" if window.partly else "nothing"
    return Message(f"deaf:{window.id}", "#alerts", say(f"{part} {window.began:%H:%M} {window.ended:%H:%M}"))


async def tell(database: Database, replica: str, minute: int, *, least: int = 1) -> Window | None:
    ended = NOW + minute * MINUTE
    return await MissedTests(database, Outbox(database)).tell(replica, ended, ended, least=least, said=said)


async def titles(database: Database) -> list[str]:
    return [one.body.title for one in await Outbox(database).due(NOW + KEEP)]


async def test_replicas_that_tell_at_the_same_time_put_one_message(database: Database) -> None:
    missed = MissedTests(database, Outbox(database))
    at = await sent(database, 1)
    for number in range(4):
        await missed.miss(f"bot-{number}", at, NOW + number * timedelta(seconds=1))
    await asyncio.gather(*[tell(database, f"bot-{number}", 2) for number in range(4) for _ in range(2)])
    assert await titles(database) == ["nothing 09:00 09:02"]


async def test_it_is_told_once_and_what_overlaps_makes_the_message_say_more(database: Database) -> None:
    missed = MissedTests(database, Outbox(database))
    at = await sent(database, 1)
    await missed.miss("one", at, NOW)
    assert await tell(database, "one", 2) is not None
    assert await tell(database, "one", 3) is None
    await sent(database, 2, heard_by="one")
    await missed.miss("other", at, NOW - MINUTE)
    await tell(database, "other", 4)
    assert await titles(database) == ["part 08:59 09:04"]


async def test_what_touches_a_window_is_another(database: Database) -> None:
    missed = MissedTests(database, Outbox(database))
    for minute in (1, 3):
        await missed.miss("one", await sent(database, minute), NOW + (minute - 1) * MINUTE)
        await tell(database, "one", minute + 1)
    assert await titles(database) == ["nothing 09:00 09:02", "nothing 09:02 09:04"]


async def test_what_was_delivered_late_or_is_too_little_is_not_told_later_either(database: Database) -> None:
    missed = MissedTests(database, Outbox(database))
    at = await sent(database, 1)
    await missed.miss("one", at, NOW)
    assert await tell(database, "one", 2, least=2) is None
    await missed.miss("one", await sent(database, 3), NOW)
    await SelfTests(database).heard(NOW + 3 * MINUTE, NOW + 4 * MINUTE, "one")
    assert await tell(database, "one", 5) is None
    assert await missed.left("one") is None


async def test_only_the_last_silence_counts_where_something_came_in_between(database: Database) -> None:
    missed = MissedTests(database, Outbox(database))
    for minute in (1, 2, 4):
        await missed.miss("one", await sent(database, minute), NOW if minute < 3 else NOW + 3 * MINUTE)
    assert await missed.left("one") == (NOW + 4 * MINUTE, NOW + 3 * MINUTE)
    await tell(database, "one", 5)
    assert await titles(database) == ["nothing 09:03 09:05"]


async def test_those_who_are_gone_are_found_and_what_is_old_is_forgotten(database: Database) -> None:
    missed = MissedTests(database, Outbox(database))
    await missed.miss("gone", NOW, NOW - MINUTE)
    assert await missed.orphans({"gone", "one"}) == {}
    assert await missed.orphans({"one"}) == {"gone": NOW}
    await missed.miss("one", NOW + KEEP + MINUTE, NOW)
    assert await missed.orphans({"one"}) == {}
