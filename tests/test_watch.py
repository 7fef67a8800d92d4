from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from bot.pulse import Pulse
from bot.reply import say
from bot.stores.database import Database
from bot.stores.outbox import Message, Outbox
from bot.stores.plans import Plans
from bot.stores.runs import Runs
from bot.watch import Watch
from tests.own_database import with_tables

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


async def well(_: datetime) -> str:
    return ""


async def broken(_: datetime) -> str:
    raise OSError


def watch(database: Database, registry: CollectorRegistry, **problems: object) -> Watch:
    later = NOW + timedelta(minutes=5)
    stores = (Outbox(database), Plans(database), Runs(database))
    return Watch(stores, Pulse({}, lambda: later), problems, registry, lambda: later)  # type: ignore[arg-type]


async def problems(made: Watch) -> dict[str, str]:
    return {vital.name: vital.problem for vital in await made.vitals()}


async def test_a_tick_that_does_not_go_well_is_trouble(database: Database) -> None:
    moments = iter([NOW, NOW + timedelta(minutes=5)])
    pulse = Pulse({"engine": broken}, lambda: next(moments))
    pulse.start()
    await pulse.stop()
    stores = (Outbox(database), Plans(database), Runs(database))
    made = Watch(stores, pulse, {}, CollectorRegistry(), lambda: NOW)
    assert await problems(made) == {"engine": "did not go well for 300 s", "outbox": ""}


async def test_what_is_being_posted_for_long_is_late_too(database: Database) -> None:
    outbox = Outbox(database)
    await outbox.put(Message("one", "C1", say("Hello")), NOW)
    waiting = await outbox.posted("one")
    assert waiting is not None
    await outbox.failed(waiting, "no answer within 10 s", retry_at=NOW, certain=False)
    assert await problems(watch(database, CollectorRegistry())) == {"outbox": "1 messages are older than 0:02:00"}


async def test_a_part_that_cannot_be_asked_is_not_well(database: Database) -> None:
    made = watch(database, CollectorRegistry(), slack=well, schedules=broken)
    assert await problems(made) == {"slack": "", "schedules": "cannot be asked: OSError", "outbox": ""}


async def test_what_waits_for_slack_is_trouble_and_what_slack_refused_is_counted(database: Database) -> None:
    outbox, registry = Outbox(database), CollectorRegistry()
    for key in ("one", "two"):
        await outbox.put(Message(key, "C1", say("Hello")), NOW)
    refused = await outbox.posted("two")
    assert refused is not None
    await outbox.dropped(replace(refused), "user_not_in_channel")
    made = watch(database, registry)
    assert await problems(made) == {"outbox": "1 messages are older than 0:02:00"}
    await made.measure()
    states = {
        state: registry.get_sample_value("novapulse_bot_undelivered_messages", {"state": state})
        for state in ("due", "dropped")
    }
    assert states == {"due": 1.0, "dropped": 1.0}
    waiting = await outbox.posted("one")
    assert waiting is not None
    await outbox.sent(waiting, NOW, channel="C1", ts="1.0")
    assert await problems(made) == {"outbox": ""}


async def test_a_card_that_changes_all_the_time_is_as_old_as_what_slack_last_took(database: Database) -> None:
    outbox, made = Outbox(database), watch(database, CollectorRegistry())
    for seconds in range(0, 300, 30):
        await outbox.put(Message("card", "C1", say(f"{seconds} jobs")), NOW + timedelta(seconds=seconds))
    assert await problems(made) == {"outbox": "1 messages are older than 0:02:00"}
