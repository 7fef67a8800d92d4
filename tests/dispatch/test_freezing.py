"""A freeze is announced when it begins and when it has ended, once over replicas, and its card changes with it."""

from datetime import timedelta

from bot.dispatch.freezing import Freezing
from bot.freeze import Freeze
from bot.reply import Level, Reply
from bot.stores.database import Database
from bot.stores.freezes import Freezes
from bot.stores.outbox import Delivery
from tests.dispatch.world import AMIR, OLGA, World, buttons_of, text_of, words_of

HOUR = timedelta(hours=1)


def frozen(world: World, name: str = "f1", scope: str = "all", hours: int = 1) -> Freeze:
    now = world.clock()
    return Freeze(id=name, scope=scope, actor=AMIR, since=now, until=now + hours * HOUR)


async def put(world: World, freeze: Freeze) -> None:
    await Freezes(world.database).freeze(freeze.model_dump(mode="json"))


async def message(world: World, key: str) -> Reply:
    found = await world.outbox.posted(key)
    assert found is not None, key
    return found.body


async def test_its_start_is_said_with_who_and_until_when(world: World) -> None:
    await put(world, frozen(world, scope="workers"))
    await world.tick()
    found = await world.outbox.posted("freeze:f1")
    assert isinstance(found, Delivery)
    assert found.channel == world.notices.alerts_channel
    assert found.body.title == "Frozen: changes of workers"
    said = text_of(found.body)
    assert "Amir Approver" in said
    assert "2026-03-02T10:00" in said
    assert await world.outbox.posted("freeze:f1:ended") is None


async def test_its_end_by_itself_is_said_and_the_announcement_edited(world: World) -> None:
    await put(world, frozen(world))
    await world.tick()
    world.clock.forward(minutes=59)
    await world.tick()
    assert await world.outbox.posted("freeze:f1:ended") is None
    world.clock.forward(minutes=5)
    await world.tick()
    assert (await message(world, "freeze:f1")).title == (
        "Freeze of every change: ended at 2026-03-02 10:00 UTC, its time was over"
    )
    over = await message(world, "freeze:f1:ended")
    assert over.title == "The freeze of every change has ended"
    assert over.level is Level.OK
    assert "Nothing is frozen any longer." in words_of(over)


async def test_whoever_lifts_it_is_named_and_what_is_still_frozen_too(world: World) -> None:
    await put(world, frozen(world, "f1", "workers"))
    await put(world, frozen(world, "f2", "mongo"))
    await world.tick()
    await Freezes(world.database).lift(["f1"], OLGA.name)
    world.clock.forward(seconds=1)
    await world.tick()
    over = await message(world, "freeze:f1:ended")
    assert "ended at 2026-03-02 09:00 UTC, lifted by Olga Operator." in words_of(over)
    assert "Still frozen: changes of mongo, by Amir Approver until 2026-03-02 10:00 UTC." in words_of(over)
    assert over.level is Level.WARNING


async def test_a_longer_one_replaces_it_and_that_is_no_end_of_it(world: World) -> None:
    await put(world, frozen(world, "f1"))
    await world.tick()
    world.clock.forward(seconds=1)
    longer = frozen(world, "f2", hours=4)
    for _ in range(2):  # the step again after a crash
        await put(world, longer)
    await world.tick()
    over = words_of(await message(world, "freeze:f1:ended"))
    assert "replaced by Amir Approver" in over
    assert "Still frozen: every change" in over
    assert await world.outbox.posted("freeze:f2:ended") is None


async def test_over_replicas_each_is_said_once(world: World) -> None:
    other = Database(world.url)
    replicas = [Freezing(world.database, world.notices), Freezing(other, world.notices)]
    await put(world, frozen(world))
    for minutes in (0, 61):
        now = world.clock.forward(minutes=minutes)
        for replica in replicas:
            await replica.tick(now)
    versions = [found.version for key in ("freeze:f1", "freeze:f1:ended") if (found := await world.outbox.posted(key))]
    assert versions == [2, 1]
    await other.close()


async def test_what_began_and_ended_while_no_bot_ran_is_said_all_the_same(world: World) -> None:
    await put(world, frozen(world))
    world.clock.forward(hours=3)
    await world.tick()
    assert "its time was over" in (await message(world, "freeze:f1")).title
    assert "ended" in (await message(world, "freeze:f1:ended")).title


async def test_the_card_of_its_plan_says_that_it_ended_and_offers_no_undo(running: World) -> None:
    stored = await running.propose("/scale 5")
    await running.click("approve", stored.id)
    await running.ended(stored.id)
    assert "undo" in buttons_of(await running.card(stored.id))
    await put(running, frozen(running, stored.request_id))
    running.clock.forward(hours=2)
    await running.tick()
    card = await running.card(stored.id)
    assert "ended at 2026-03-02 10:00 UTC, its time was over" in card.summary
    assert "undo" not in buttons_of(card)
