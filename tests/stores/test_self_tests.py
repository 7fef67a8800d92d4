from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.stores.database import Database
from bot.stores.self_tests import KEEP, Place, SelfTests
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLACE = Place("C0ALERTS", "1.1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SelfTests]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield SelfTests(database)
    await database.close()


async def test_a_moments_test_is_claimed_once_over_all_replicas(store: SelfTests) -> None:
    assert [await store.claim(NOW, "#alerts"), await store.claim(NOW, "#alerts")] == [True, False]
    assert await store.claim(NOW + MINUTE, "#alerts")


async def test_a_test_that_nobody_heard_is_lost_and_one_that_slack_never_took_is_not(store: SelfTests) -> None:
    for minute in range(3):
        await store.claim(NOW + minute * MINUTE, "#alerts")
    for minute in range(2):
        await store.sent(NOW + minute * MINUTE, NOW + minute * MINUTE, PLACE)
    await store.heard(NOW, NOW, "one")
    assert await store.lost(NOW - MINUTE, NOW + 10 * MINUTE) == [NOW + MINUTE]
    assert await store.lost(NOW - MINUTE, NOW) == []
    assert await store.last_heard(NOW) == NOW
    assert await store.last_heard(NOW + MINUTE) is None


async def test_a_test_that_comes_twice_was_heard_when_it_came_first(store: SelfTests) -> None:
    await store.claim(NOW, "#alerts")
    await store.heard(NOW, NOW, "one")
    await store.heard(NOW, NOW + MINUTE, "other")
    assert await store.last_heard(NOW) == NOW


async def test_the_messages_place_is_remembered_for_its_channel_until_it_is_gone(store: SelfTests) -> None:
    await store.claim(NOW, "#alerts")
    await store.sent(NOW, NOW, PLACE)
    assert await store.place("#alerts") == PLACE
    assert await store.place("#quiet") is None
    await store.forget(PLACE)
    assert await store.place("#alerts") is None


async def test_old_tests_are_forgotten_and_the_place_is_not(store: SelfTests) -> None:
    for minute in range(2):
        await store.claim(NOW + minute * MINUTE, "#alerts")
        await store.sent(NOW + minute * MINUTE, NOW, PLACE)
    await store.claim(NOW + 2 * KEEP, "#alerts")
    assert await store.lost(NOW - MINUTE, NOW) == [NOW + MINUTE]
    assert await store.place("#alerts") == PLACE
