"""Minutes of watching what a change did hold nobody up: they are stopped, undone, or ended by the next change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sandbox.slack_page import Message
from tests.scenarios import scenes
from tests.scenarios.changing import asked
from tests.scenarios.world import World, labels, plan_id, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

CONFIGURED = scenes.configured(QUEUE_CONCURRENCY="6")
ONLY_WATCHES = "Running, only watches, step 6 of 6"


@asynccontextmanager
async def level_of_workers(world: World) -> AsyncIterator[scenes.State]:
    """Which log level the workers' deployment itself sets; it is as before in the end."""
    first = scenes.stored(world, "deployments", "novapulse-worker")["spec"]["template"]

    def level() -> object:
        now = scenes.stored(world, "deployments", "novapulse-worker")["spec"]["template"]
        return [found["value"] for found in now["spec"]["containers"][0].get("env", ()) if found["name"] == "LOG_LEVEL"]

    try:
        yield scenes.answer(level)
    finally:
        scenes.change(world, "deployments", "novapulse-worker", lambda found: found["spec"].update(template=first))
        await world.replicas(2)


async def watching(world: World, line: str = "/set-concurrency 4") -> Message:
    """Return the card of a run that does no more than watch."""
    card = await world.plan(line)
    await world.click("approver", card, "Approve")
    card = await world.becomes(card, ONLY_WATCHES, "the next change of the same ends the watching")
    assert labels(card) == ["Undo", "Stop watching"]
    return card


async def cancel(world: World, card: Message) -> None:
    await world.click("operator", card, "Cancel my request")
    await world.becomes(card, "Cancelled")


async def test_stop_watching_ends_the_run_and_undo_is_still_there(world: World) -> None:
    async with CONFIGURED(world) as state:
        card = await watching(world)
        await world.press("viewer", card, "Stop watching", "workers:configure")
        await world.click("operator", card, "Stop watching")
        done = await world.becomes(card, "Done after", "watching ended by operator", "Watching ended by")
        assert labels(done) == ["Undo"]
        await world.press("approver", card, "Stop watching", "is succeeded: this changes nothing.")
        clicks = "select outcome from requests where plan_id = ? and command = 'stop_watching' order by received_at"
        assert [row[0] for row in world.rows(clicks, plan_id(card))][1] == "watching ended"
        await world.ask("viewer", f"/runs {plan_id(card)}", "watching ended by operator")
        assert await state() == {"QUEUE_CONCURRENCY": "4"}


async def test_undo_while_it_watches_proposes_the_way_back_which_the_next_run_does_not_wait_for(world: World) -> None:
    async with CONFIGURED(world) as state:
        card = await watching(world)
        back = await world.press("operator", card, "Undo", "Waits for approval", f"Undoes `{plan_id(card)}`")
        await world.becomes(card, ONLY_WATCHES, f"Undo requested: `{plan_id(back)}`")
        await world.click("second_approver", back, "Approve")
        await world.becomes(card, f"watching ended because {plan_id(back)} changes the same")
        await world.becomes(back, ONLY_WATCHES)
        assert await state() == {"QUEUE_CONCURRENCY": "6"}
        after = await world.plan("/restart worker")
        assert "only watches what it did, which ends when this starts" in text(after)
        await world.click("approver", after, "Approve")
        await world.becomes(after, "Done after")
        await world.becomes(back, f"watching ended because {plan_id(after)} changes the same")
        await world.becomes(card, "has been undone since")


async def test_what_a_run_overtakes_is_planned_again_in_its_place_and_no_secret_is_typed_again(world: World) -> None:
    async with CONFIGURED(world), level_of_workers(world) as level:
        env = await asked(world, "operator", "/set-env worker LOG_LEVEL", "Waits for approval", secret="debug")
        async with world.fault("workers-crash"):
            first = await world.plan("/set-concurrency 4")
            await world.click("approver", first, "Approve")
            await world.becomes(first, "Running, step 4 of 6")
            await world.becomes(env, f"{plan_id(first)} goes first.", f"better decide when {plan_id(first)} has ended")
            known = world.shown(env["channel"])
            await world.click("second_approver", env, "Approve")
            await world.becomes(env, "is held by /set-concurrency 4 of operator", "if it still fits then")
        overtaken = await world.becomes(env, "worker revision was", "It is planned again, to be approved afresh")
        assert labels(overtaken) == []
        fresh = await world.new(env["channel"], known, f"In the place of `{plan_id(env)}`", "Waits for approval")
        await world.click("second_approver", fresh, "Approve")
        await world.becomes(fresh, "Done after", "no longer kept")
        await world.becomes(first, f"watching ended because {plan_id(fresh)} changes the same")
        assert await level() == ["debug"]
        kept = "select plans.id from plans join secrets on reference = json_extract(arguments, '$.value')"
        assert plan_id(fresh) not in {row[0] for row in world.rows(kept)}


async def test_planning_a_secret_again_says_when_it_has_to_be_typed_again(world: World) -> None:
    async with level_of_workers(world), world.rule(('approve_within = "10m"', 'approve_within = "2s"')):
        env = await asked(world, "operator", "/set-env worker LOG_LEVEL", secret="debug")
        expired = await world.becomes(env, "Expired, nothing was changed")
        again = await world.press("operator", expired, "Plan again", "Waits for approval", "Set LOG_LEVEL")
        await world.becomes(again, "Expired, nothing was changed")
        with world.own_database() as database:
            database.execute("delete from secrets")
        words = ("The value is no longer kept.", "It is asked for in a form; please give it once more.")
        await world.press("operator", expired, "Plan again", *words)


async def test_the_same_line_twice_is_one_card_and_a_way_to_it(world: World) -> None:
    async with scenes.failed_reports(world):
        card = await world.ask("operator", "/retry-failed report", "Waits for approval")
        mine = await world.ask("operator", "/retry-failed report", "The same is asked for already", "You asked for it")
        assert mine["ephemeral_to"] == "U0OPERATOR"
        theirs = await world.ask("approver", "/retry-failed report", "operator", "You can approve it on")
        assert f"the card of {plan_id(card)}" in text(theirs)
        assert "archives/" in str(theirs["blocks"])
        outcomes = "select outcome from requests where command = '/retry-failed' order by received_at desc limit 2"
        assert world.rows(outcomes) == [(f"the same is asked for already: plan {plan_id(card)}",)] * 2
        await cancel(world, card)
