import asyncio

from bot.plan import Step
from bot.reply import Reply
from bot.request import Actor
from bot.stores.plans import StoredPlan
from tests.dispatch.world import AMIR, OLGA, OTTO, SANA, VERA, World, text_of, words_of


async def reply_to(world: World, item: str) -> Reply:
    reply = await world.reply(item)
    assert reply is not None
    return reply


async def said_to(world: World, line: str, actor: Actor = OLGA) -> Reply:
    return await reply_to(world, await world.say(line, actor))


async def only_one(world: World) -> StoredPlan:
    (plan,) = await world.plans.undecided()
    return plan


async def test_the_same_line_twice_is_one_plan_and_the_second_request_is_on_record(world: World) -> None:
    first = await world.propose("/scale 5")
    asked = await world.say("/scale replicas=5")
    assert await world.plans.of_request(asked) is None
    assert (await only_one(world)).id == first.id
    reply = await reply_to(world, asked)
    assert reply.private
    assert reply.title == "The same is asked for already"
    said = words_of(reply)
    assert "You asked for it at ?: ?." in said
    assert f"Plan `{first.id}` waits for approval, 0 of 1." in said
    assert "It is on ?." in said
    assert f'"key":"plan:{first.id}"' in text_of(reply)
    entry = await world.record(asked)
    assert (entry.status, entry.outcome) == ("done", f"the same is asked for already: plan {first.id}")


async def test_whoever_may_approve_it_is_told_who_asked_and_that_they_can(world: World) -> None:
    await world.propose("/scale 5")
    said = await said_to(world, "/scale 5", SANA)
    assert OLGA.name in text_of(said)
    assert "You can approve it on ?." in words_of(said)
    other = await said_to(world, "/scale 5", OTTO)  # he may ask for it, and not approve
    assert "You can approve it" not in words_of(other)


async def test_who_has_approved_already_is_not_told_to(world: World) -> None:
    rules = world.policy.current.approvals
    twice = rules["default"].model_copy(update={"needed": 2})
    world.policy.current = world.policy.current.model_copy(update={"approvals": rules | {"default": twice}})
    first = await world.propose("/scale 5")
    await world.click("approve", first.id, SANA)
    said = words_of(await said_to(world, "/scale 5", SANA))
    assert "waits for approval, 1 of 2" in said
    assert "You can approve it" not in said


async def test_other_arguments_are_another_plan(world: World) -> None:
    first, second = await world.propose("/scale 5"), await world.propose("/scale 6")
    assert first.id != second.id


async def test_what_no_longer_fits_is_nobodys_duplicate(world: World) -> None:
    first = await world.propose("/scale 5")
    world.cluster.set(3)
    second = await world.propose("/scale 5")
    assert (second.plan.facts, second.id != first.id) == ({"replicas": 3}, True)
    await world.click("cancel", first.id, OLGA)
    world.cluster.set(2)
    assert (await world.propose("/scale 5")).plan.facts == {"replicas": 2}


async def test_what_is_over_is_asked_for_anew(world: World) -> None:
    first = await world.propose("/scale 5")
    await world.click("deny", first.id, AMIR, "not now")
    second = await world.propose("/scale 5")
    world.clock.forward(minutes=31)  # its time is over, and nobody has noticed
    assert (await world.propose("/scale 5")).id != second.id


async def test_what_runs_and_has_changed_nothing_yet_is_the_same(world: World) -> None:
    first = await world.propose("/scale 5")
    await world.click("approve", first.id, AMIR)
    said = words_of(await said_to(world, "/scale 5", SANA))
    assert f"Plan `{first.id}` runs; what has come since can be asked for when it has ended." in said
    world.cluster.set(5)
    world.cluster.set(4)
    assert (await world.propose("/scale 5")).id != first.id


async def test_what_only_watches_has_done_its_part(running: World) -> None:
    watch = Step(title="Watch", kind="wait", operation="cluster.watched", watches=True, interval=0.05)
    running.moods.extra = (watch,)
    first = await running.propose("/scale 5")
    await running.click("approve", first.id)
    await running.shown(first.id, "jobs that end fell")
    running.cluster.set(2)
    second = await running.propose("/scale 5")
    assert second.plan.facts == first.plan.facts


async def test_two_that_are_asked_for_at_once_are_one(world: World) -> None:
    asked = await asyncio.gather(*(world.say("/scale 5", actor) for actor in (OLGA, SANA, AMIR)))
    made = [plan for plan in [await world.plans.of_request(one) for one in asked] if plan is not None]
    assert [plan.id for plan in made] == [(await only_one(world)).id]


async def test_planning_a_stale_one_again_finds_the_one_that_was_asked_for_since(world: World) -> None:
    stale = await world.propose("/scale 5")
    world.cluster.set(3)
    await world.click("approve", stale.id, AMIR)
    fresh = await world.propose("/scale 5")
    click = await world.click("replan", stale.id, SANA)
    assert "The same is asked for already" in text_of(await world.reply(click))
    assert (await world.record(click)).outcome == f"the same is asked for already: plan {fresh.id}"
    assert (await only_one(world)).id == fresh.id


async def test_an_undo_that_somebody_has_typed_already_is_that_plan(running: World) -> None:
    first = await running.propose("/scale 5")
    await running.click("approve", first.id)
    await running.ended(first.id)
    typed = await running.propose("/scale 2")
    click = await running.click("undo", first.id, SANA)
    assert f"`{typed.id}`" in words_of(await reply_to(running, click))


async def test_the_very_same_request_still_gets_its_own_plan(world: World) -> None:
    request = world.request("/scale 5")
    assert await world.dispatcher.accept(request)
    await world.dispatcher.handle(request)
    first = await world.plans.of_request(request.id)
    assert first is not None
    answer = await world.dispatcher._rooms.command(request)
    assert (answer.status, answer.plan_id) == ("planned", first.id)


async def test_who_may_not_ask_is_told_nothing_of_the_other_plan(world: World) -> None:
    first = await world.propose("/scale 5")
    reply = await said_to(world, "/scale 5", VERA)
    assert "workers:scale" in text_of(reply)
    assert first.id not in text_of(reply)


async def test_what_cannot_be_compared_is_another_plan(world: World) -> None:
    first = await world.propose("/scale 5")
    async with world.database.transaction() as connection:  # who asked may not ask for it any more
        await world.plans.move(connection, first.id, ("waiting",), requester_id=VERA.id)
    assert (await world.propose("/scale 5")).id != first.id
