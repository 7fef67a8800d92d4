import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED
from structlog.testing import capture_logs

from bot.catalog import Catalog
from bot.command import command
from bot.errors import InvalidPolicy, Unavailable
from bot.policy import Policy, ScheduleRule
from bot.reply import Buttons, Level, Reply, Text, say
from bot.schedule import Observation, schedule
from bot.scheduler import Scheduler, ScheduleStores, Work
from bot.stores.database import Database
from bot.stores.fires import Fires
from bot.stores.outbox import Delivery, Outbox
from bot.stores.tables import messages
from tests.own_database import with_tables

DUE = datetime(2026, 7, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Thing:
    """A dependency."""


@command("/morning-checklist", permission="checklist:run", section="Daily")
async def checklist_command() -> Reply:
    """Run the checklist."""
    return say("x")


class World:
    """Several replicas on one database, one clock, and what their schedules do."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = DUE
        self.rules: dict[str, Any] = {"morning-checklist": {"cron": "0 8 * * *"}}
        self.timezone = "UTC"
        self.outbox = Outbox(database)
        self.fires = Fires(database)
        self.thing = Thing()
        self.calls: list[datetime] = []
        self.observed: list[tuple[list[Observation], datetime]] = []
        self.do: Callable[[], Awaitable[Reply]] = self.usual
        self.rules_fail = False
        self.chores: list[datetime] = []
        self.catalog = self._catalog()

    async def usual(self) -> Reply:
        return say("The checklist", Text.of("All green."))

    def _catalog(self) -> Catalog:
        @schedule("morning-checklist")
        async def checklist(thing: Thing, now: datetime) -> Reply:
            """Go through the checklist."""
            assert thing is self.thing
            self.calls.append(now)
            return await self.do()

        @schedule("threshold-alerts", metrics=("m",))
        async def observe(now: datetime) -> list[Observation]:
            """Look at the queues."""
            self.calls.append(now)
            await self.do()
            return [Observation(metric="m", labels={}, value=None, at=now)]

        schedules = {"morning-checklist": checklist, "threshold-alerts": observe}
        return Catalog({"/morning-checklist": checklist_command}, schedules)

    def policy(self) -> Policy:
        rest: dict[str, Any] = {"people": {}, "roles": {}, "approvals": {}, "limits": {}, "alerts": []}
        return Policy.model_validate(rest | {"schedules": self.rules, "timezone": self.timezone})

    def replica(self, name: str = "a") -> Scheduler:
        async def observe(observations: list[Observation], now: datetime) -> None:
            if self.rules_fail:
                raise ArithmeticError
            self.observed.append((observations, now))

        async def chore(now: datetime) -> None:
            self.chores.append(now)

        return Scheduler(
            ScheduleStores(self.database, self.fires, self.outbox),
            Work(self.catalog, {Thing: self.thing}.__getitem__, observe, (chore,)),
            policy=self.policy,
            channel="C1",
            holder=name,
            clock=lambda: self.now,
        )

    async def posted(self) -> list[Delivery]:
        async with self.database.transaction() as connection:
            keys = (await connection.execute(sa.select(messages.c.key).order_by(messages.c.key))).scalars().all()
        return [delivery for key in keys if (delivery := await self.outbox.posted(key))]

    async def card(self) -> Delivery:
        (only,) = await self.posted()
        return only


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield World(database)
    await database.close()


def text(reply: Reply) -> str:
    texts = (part for part in reply.parts if isinstance(part, Text))
    return " ".join(span for part in texts for span in part.spans if isinstance(span, str))


async def test_a_due_fire_is_posted_once_over_all_replicas(world: World) -> None:
    replicas = [world.replica(name) for name in "abc"]
    await asyncio.gather(*(replica.wake("morning-checklist") for replica in replicas))
    card = await world.card()
    assert card.key == "schedule:morning-checklist:2026-07-01T08:00:00+00:00"
    assert (card.channel, card.body) == ("C1", await world.usual())
    assert world.calls == [DUE]


async def test_the_same_fire_is_never_done_again(world: World) -> None:
    await world.replica().catch_up()
    world.now = DUE + 3 * HOUR
    await world.replica("later").catch_up()
    assert len(world.calls) == 1


async def test_the_next_day_is_another_fire(world: World) -> None:
    await world.replica().catch_up()
    world.now = DUE + timedelta(days=1)
    await world.replica().catch_up()
    assert len(await world.posted()) == 2


async def test_a_missed_fire_is_made_up_for_and_says_so(world: World) -> None:
    world.timezone = "Europe/Berlin"
    world.now = DUE + timedelta(minutes=40)
    await world.replica().catch_up()
    card = await world.card()
    assert text(card.body) == "Late: was due at 08:00, the bot was not running. All green."
    assert card.key.endswith("2026-07-01T06:00:00+00:00")


async def test_a_fire_within_a_minute_is_not_late(world: World) -> None:
    world.now = DUE + timedelta(seconds=59)
    await world.replica().catch_up()
    assert text((await world.card()).body) == "All green."


async def test_a_fire_missed_for_too_long_is_said_once_and_not_made(world: World) -> None:
    await world.replica().catch_up()
    world.now = DUE + timedelta(days=1) + 5 * HOUR
    await asyncio.gather(*(world.replica(name).catch_up() for name in "abc"))
    await world.replica().catch_up()
    assert len(world.calls) == 1
    _, missed = await world.posted()
    assert missed.body.title == "Morning checklist was missed"
    assert missed.body.level is Level.WARNING
    (row,) = (part for part in missed.body.parts if isinstance(part, Buttons))
    assert [(button.action, button.value) for button in row.buttons] == [("run", "/morning-checklist")]


async def test_a_bot_that_was_just_installed_has_missed_nothing(world: World) -> None:
    world.now = DUE + 5 * HOUR
    await world.replica().catch_up()
    assert await world.posted() == []


async def test_a_fire_whose_holder_died_is_taken_over_and_its_own_word_is_too_late(world: World) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Reply:
        entered.set()
        await go_on.wait()
        return say("The slow one's")

    world.do = slow
    dead = asyncio.create_task(world.replica("dead").catch_up())
    await entered.wait()
    world.do = world.usual
    world.now = DUE + timedelta(seconds=89)
    await world.replica("next").catch_up()
    assert await world.posted() == []
    world.now = DUE + timedelta(seconds=90)
    await world.replica("next").catch_up()
    assert (await world.card()).body.title == "The checklist"
    go_on.set()
    await dead
    assert (await world.card()).version == 1


async def test_a_failure_is_posted_with_its_reason(world: World) -> None:
    async def fail() -> Reply:
        raise Unavailable("Redis", "connection refused")

    world.do = fail
    with capture_logs() as logs:
        await world.replica().catch_up()
    card = await world.card()
    assert (card.body.title, card.body.level) == ("Morning checklist could not be made", Level.UNKNOWN)
    assert "Redis: connection refused" in text(card.body)
    assert logs[0]["log_level"] == "warning"


async def test_an_unexpected_error_has_an_id_that_is_also_in_the_log(world: World) -> None:
    async def fail() -> Reply:
        raise RuntimeError("secret detail")

    world.do = fail
    with capture_logs() as logs:
        await world.replica().catch_up()
    card = await world.card()
    assert logs[0]["error_id"] in text(card.body)
    assert "secret detail" not in str(card.body)


async def test_observations_go_on_and_their_time_is_the_due_time(world: World) -> None:
    world.rules = {"threshold-alerts": {"every": "30s"}}
    world.now = DUE + timedelta(seconds=31.5)
    replicas = [world.replica(name) for name in "abc"]
    await asyncio.gather(*(replica.wake("threshold-alerts") for replica in replicas))
    due = DUE + timedelta(seconds=30)
    assert [now for _, now in world.observed] == [due]
    fire = await world.fires.get("threshold-alerts", due)
    assert fire is not None
    assert fire.result == {"observations": 1, "unknown": 1}
    assert await world.posted() == []


async def test_a_schedule_that_observes_is_missed_in_the_vitals_and_not_in_the_channel(world: World) -> None:
    async def fail() -> Reply:
        raise Unavailable("state", "gone")

    world.rules = {"threshold-alerts": {"every": "30s"}}
    scheduler = world.replica()
    await scheduler.wake("threshold-alerts")
    assert await scheduler.problem(DUE + timedelta(seconds=120)) == ""
    world.do = fail
    world.now = DUE + timedelta(seconds=90)
    with capture_logs():
        await scheduler.wake("threshold-alerts")
    assert await world.posted() == []
    assert await scheduler.problem(DUE + timedelta(seconds=150)) == "threshold-alerts has had no result for 2 min 30 s"


async def test_rules_that_cannot_be_evaluated_are_missed_in_the_vitals_though_all_was_read(world: World) -> None:
    world.rules = {"threshold-alerts": {"every": "30s"}}
    scheduler = world.replica()
    await scheduler.wake("threshold-alerts")
    world.rules_fail = True
    for seconds in (30, 60, 90, 120):
        world.now = DUE + timedelta(seconds=seconds)
        with capture_logs():
            await scheduler.wake("threshold-alerts")
    assert len(world.calls) == 5
    assert await scheduler.problem(DUE + timedelta(seconds=150)) == "threshold-alerts has had no result for 2 min 30 s"


async def test_running_one_now_is_neither_claimed_nor_posted(world: World) -> None:
    world.now = DUE + 2 * HOUR
    assert (await world.replica().run("morning-checklist")).title == "The checklist"
    assert world.calls == [world.now]
    assert await world.posted() == []
    assert await world.fires.last("morning-checklist") is None


@pytest.mark.parametrize("name", ["no-such", "threshold-alerts"])
async def test_what_makes_no_reply_cannot_be_run_by_hand(world: World, name: str) -> None:
    with pytest.raises(KeyError):
        await world.replica().run(name)


async def test_a_new_time_after_a_reload_is_not_made_up_for(world: World) -> None:
    scheduler = world.replica()
    await scheduler.catch_up()
    world.now = DUE + 2 * HOUR
    world.rules = {"morning-checklist": {"cron": "0 9 * * *"}}
    await scheduler.reschedule()
    await scheduler.catch_up()
    await world.replica("restarted").catch_up()
    assert len(world.calls) == 1
    world.now = DUE + timedelta(days=1) + HOUR
    await scheduler.catch_up()
    assert len(world.calls) == 2


async def test_a_reload_that_changes_nothing_skips_nothing(world: World) -> None:
    scheduler = world.replica()
    await scheduler.reschedule()
    await scheduler.catch_up()
    assert len(world.calls) == 1


async def test_a_line_that_cannot_be_read_leaves_the_old_ones_in_force(world: World) -> None:
    scheduler = world.replica()
    world.rules = {"morning-checklist": ScheduleRule.model_construct(cron="0 8 mon * *")}
    with pytest.raises(InvalidPolicy):
        await scheduler.reschedule()
    await scheduler.catch_up()
    assert len(world.calls) == 1


async def test_what_is_not_in_the_policy_does_not_run(world: World) -> None:
    await world.replica().wake("threshold-alerts")
    assert world.calls == []


async def test_the_timer_wakes_it_by_itself_and_a_stop_waits_for_what_runs(world: World) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Reply:
        entered.set()
        await go_on.wait()
        return say("Done")

    world.do = slow
    scheduler = world.replica()
    await scheduler.start()
    await entered.wait()  # the look for missed fires at the start
    stopping = asyncio.create_task(scheduler.stop())
    go_on.set()
    await stopping
    assert (await world.card()).body.title == "Done"
    await scheduler.stop()


async def test_what_outlasts_its_interval_neither_overlaps_nor_fills_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, woken = asyncio.Event(), asyncio.Semaphore(0)

    async def slow() -> Reply:
        await go_on.wait()
        return say("Done")

    world.do = slow
    world.rules = {"threshold-alerts": {"every": "1s"}}
    scheduler = world.replica()
    scheduler._timer.add_listener(lambda _: woken.release(), EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES)
    await scheduler.start()
    for _ in range(4):  # the look for missed fires, the one that works, and two that find it at work
        await woken.acquire()
    assert len(world.calls) == 1
    go_on.set()
    await scheduler.stop()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_the_timer_follows_a_reload(world: World) -> None:
    seen = asyncio.Event()

    async def notice() -> Reply:
        seen.set()
        return say("x")

    world.do = notice
    world.rules = {}
    scheduler = world.replica()
    await scheduler.start()
    world.rules = {"threshold-alerts": {"every": "1s"}}
    await scheduler.reschedule()
    await seen.wait()
    await scheduler.stop()
    assert world.observed
