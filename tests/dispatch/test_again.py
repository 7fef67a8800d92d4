import pytest

from bot.errors import PermanentError
from tests.dispatch.world import AMIR, OLGA, SANA, VERA, World, buttons_of, text_of, words_of


async def ran(world: World, line: str = "/scale 5") -> str:
    stored = await world.propose(line)
    await world.click("approve", stored.id, AMIR)
    await world.ended(stored.id)
    world.clock.forward(minutes=1)
    return stored.id


async def test_a_run_is_undone_by_a_fresh_plan_with_its_own_approval(running: World) -> None:
    first = await ran(running)
    undo = await running.plans.of_request(await running.click("undo", first, SANA))
    assert undo is not None
    assert (undo.undo_of, undo.requester, undo.status) == (first, SANA, "waiting")
    assert undo.plan.title == "Scale the workers from 5 to 2"
    assert f"Undoes `{first}`" in words_of(await running.card(undo.id))
    assert f"Undo requested: `{undo.id}`" in words_of(await running.card(first))
    assert buttons_of(await running.card(first)) == []
    await running.click("approve", undo.id, SANA)
    assert (await running.plan(undo.id)).status == "waiting"
    await running.click("approve", undo.id, AMIR)
    assert (await running.ended(undo.id)).status == "succeeded"
    assert running.cluster.replicas == 2
    before = await running.runs.get(first)
    assert before is not None
    assert before.undone_by == undo.id
    assert "has been undone since" in text_of(await running.card(first))
    assert f"Undone by `{undo.id}`" in words_of(await running.card(first))
    assert first in text_of(await running.card(undo.id))
    assert buttons_of(await running.card(first)) == []
    again = await running.reply(await running.click("undo", first, SANA))
    assert f"undone already, by {undo.id}" in text_of(again)


async def test_one_undo_at_a_time_and_its_end_gives_the_button_back(running: World) -> None:
    first = await ran(running)
    undo = await running.plans.of_request(await running.click("undo", first, OLGA))
    assert undo is not None
    assert "under way already" in text_of(await running.reply(await running.click("undo", first, SANA)))
    await running.click("deny", undo.id, AMIR, "leave it")
    assert buttons_of(await running.card(first)) == ["undo"]


async def test_what_is_different_now_refuses_the_undo_and_says_what(running: World) -> None:
    first = await ran(running)
    running.cluster.set(8)
    said = text_of(await running.reply(await running.click("undo", first, OLGA)))
    assert "replicas was 5 and is now 8" in said
    assert await running.plans.undecided() == []


async def test_planning_a_stale_undo_again_is_pressing_undo_again(running: World) -> None:
    first = await ran(running)
    undo = await running.plans.of_request(await running.click("undo", first, OLGA))
    assert undo is not None
    running.cluster.set(8)
    await running.click("approve", undo.id, AMIR)
    assert (await running.plan(undo.id)).status == "stale"
    said = text_of(await running.reply(await running.click("replan", undo.id, OLGA)))
    assert "cannot be undone any more" in said
    assert "replicas was 5 and is now 8" in said
    assert await running.plans.undecided() == []
    running.cluster.set(5)
    again = await running.plans.of_request(await running.click("replan", undo.id, OLGA))
    assert again is not None
    assert again.undo_of == first
    assert "under way already" in text_of(await running.reply(await running.click("replan", undo.id, SANA)))


async def test_who_may_not_run_the_command_may_not_undo_it(running: World) -> None:
    first = await ran(running)
    assert "workers:scale" in text_of(await running.reply(await running.click("undo", first, VERA)))


async def test_a_later_run_on_the_target_takes_the_undo_away(running: World) -> None:
    first = await ran(running, "/scale 5")
    assert buttons_of(await running.card(first)) == ["undo"]
    second = await ran(running, "/scale 7")
    assert buttons_of(await running.card(first)) == []
    assert buttons_of(await running.card(second)) == ["undo"]
    assert f"Can no longer be undone: `{second}` has changed the same since." in words_of(await running.card(first))
    assert f"Run {second} has changed the same since" in text_of(
        await running.reply(await running.click("undo", first, OLGA))
    )


@pytest.mark.parametrize("subject", ["nonsense", "waiting"])
async def test_there_is_nothing_to_undo(running: World, subject: str) -> None:
    stored = await running.propose()
    found = stored.id if subject == "waiting" else subject
    said = text_of(await running.reply(await running.click("undo", found, OLGA)))
    assert "nothing to undo" in said or "There is no plan" in said


async def test_a_failed_run_can_be_undone_when_it_changed_something(running: World) -> None:
    running.cluster.sight = [PermanentError("never ready")]
    failed = await ran(running)
    run = await running.runs.get(failed)
    assert run is not None
    assert run.status == "failed"
    assert buttons_of(await running.card(failed)) == ["undo"]
    undo = await running.plans.of_request(await running.click("undo", failed, SANA))
    assert undo is not None
