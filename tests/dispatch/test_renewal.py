from dataclasses import replace
from pathlib import Path

from bot.errors import Refused
from bot.plan import Progress, Step
from bot.stores.plans import StoredPlan
from tests.dispatch.world import AMIR, OLGA, SANA, World, buttons_of, opened, text_of, words_of

NOT_YET = Progress(done=False, message="not yet")


async def overtaken(world: World, line: str = "/scale 6") -> tuple[str, StoredPlan]:
    """Approve a plan behind a run that moves what it relies on, and let that run end."""
    first, second = await world.propose("/scale 5"), await world.propose(line)
    world.cluster.sight = [NOT_YET for _ in range(1000)]
    await world.click("approve", first.id, AMIR)
    await world.shown(first.id, "not yet")
    await world.click("approve", second.id, AMIR)
    assert "is held by /scale 5" in text_of(await world.card(second.id))
    world.cluster.sight.clear()
    await world.ended(first.id)
    world.clock.forward(seconds=1)
    return first.id, second


async def renewed(world: World, stored: StoredPlan) -> StoredPlan:
    found = await world.plans.of_request(f"again:{stored.id}")
    assert found is not None
    return found


async def test_what_a_run_overtook_is_planned_again_in_its_place_for_a_fresh_approval(running: World) -> None:
    first, second = await overtaken(running)
    await running.clocks.tick(running.clock())
    stale, fresh = await running.plan(second.id), await renewed(running, second)
    assert (stale.status, stale.reason.splitlines()[0]) == ("stale", "replicas was 2, is now 5")
    assert stale.reason.endswith(f"\n{first} ran on the same meanwhile")
    assert (fresh.status, fresh.requester, fresh.channel) == ("waiting", OLGA, second.channel)
    assert (fresh.plan.facts, fresh.arguments) == ({"replicas": 5}, {"replicas": 6})
    card = await running.card(second.id)
    assert buttons_of(card) == []
    assert "It is planned again, to be approved afresh: ?." in words_of(card)
    assert f'"key":"plan:{fresh.id}"' in text_of(card)
    assert f"In the place of `{second.id}`, which another run has overtaken" in words_of(await running.card(fresh.id))
    assert "approve" in buttons_of(await running.card(fresh.id))
    old, new = await running.record(second.request_id), await running.record(fresh.request_id)
    assert old.status == "refused"
    assert (new.status, new.plan_id, new.actor_name) == ("planned", fresh.id, OLGA.name)
    await running.click("approve", fresh.id, SANA)
    assert (await running.ended(fresh.id)).status == "succeeded"
    assert (await running.record(fresh.request_id)).outcome == "succeeded"
    assert running.cluster.replicas == 6


async def test_a_run_that_had_begun_before_and_watches_still_has_overtaken_it(world: World) -> None:
    world.moods.extra = (Step(title="Watch", kind="wait", operation="cluster.watched", watches=True),)
    first = await world.propose("/scale 5")
    await world.click("approve", first.id, AMIR)
    world.clock.forward(seconds=1)
    second = await world.propose("/scale 6")
    await world.click("approve", second.id, AMIR)
    world.cluster.set(5)
    run = await world.runs.get(first.id)
    assert run is not None
    async with world.database.transaction() as connection:
        for step in run.steps[:-1]:
            await world.runs.begin_step(connection, first.id, step.number, run.executor, world.clock())
            await world.runs.end_step(connection, first.id, replace(step, status="done"))
    await world.clocks.tick(world.clock())
    assert (await renewed(world, second)).plan.facts == {"replicas": 5}


async def test_its_place_is_taken_once_also_after_a_crash_and_by_several_replicas(
    running: World, tmp_path: Path
) -> None:
    _, second = await overtaken(running)
    async with opened(World(tmp_path, name="two", executes=False, clock=running.clock), engine=False) as other:
        await running.clocks.tick(running.clock())
        await other.clocks.tick(running.clock())
        await other.gate._stale(second, ["again"], running.clock())
    fresh = await renewed(running, second)
    assert [plan.id for plan in await running.plans.undecided()] == [fresh.id]


async def test_what_somebody_else_moved_outside_is_for_people_to_plan_again(world: World) -> None:
    stored = await world.propose("/scale 5")
    world.cluster.set(3)
    await world.click("approve", stored.id, AMIR)
    assert await world.plans.of_request(f"again:{stored.id}") is None
    assert buttons_of(await world.card(stored.id)) == ["replan"]


async def test_what_can_no_longer_be_planned_is_not_put_in_its_place(running: World) -> None:
    _, second = await overtaken(running)
    running.moods.error = Refused("It is 6 already.")
    await running.clocks.tick(running.clock())
    assert (await running.plan(second.id)).status == "stale"
    assert "It is 6 already." in text_of(await running.card(second.id))
    assert await running.plans.undecided() == []


async def test_what_nobody_has_to_approve_does_not_run_by_itself_with_other_facts(running: World) -> None:
    _, second = await overtaken(running)
    async with running.database.transaction() as connection:
        await running.plans.move(connection, second.id, ("approved",), needed=0)
    await running.clocks.tick(running.clock())
    assert (await running.plan(second.id)).status == "stale"
    assert await running.plans.undecided() == []
    assert buttons_of(await running.card(second.id)) == ["replan"]


async def test_what_was_asked_for_again_meanwhile_is_not_planned_twice(running: World) -> None:
    _, second = await overtaken(running)
    fresh = await running.propose("/scale 6")
    await running.clocks.tick(running.clock())
    assert (await running.plan(second.id)).status == "stale"
    assert [plan.id for plan in await running.plans.undecided()] == [fresh.id]


async def test_what_was_asked_for_while_it_was_planned_again_is_not_planned_twice(running: World) -> None:
    _, second = await overtaken(running)
    made = await running.gate._renewal.proposal(second, running.clock())
    assert made is not None
    fresh = await running.propose("/scale 6")
    await running.gate._stale(second, ["again"], running.clock(), made)
    assert (await running.plan(second.id)).status == "stale"
    assert [plan.id for plan in await running.plans.undecided()] == [fresh.id]
    assert buttons_of(await running.card(second.id)) == ["replan"]
