from pathlib import Path

import pytest

from bot.dispatch.run_cards import only_watches
from bot.plan import Plan, Progress, Step
from bot.stores.runs import StepStatus, StoredRun, StoredStep
from tests.dispatch.world import (
    AMIR,
    OLGA,
    OTTO,
    SANA,
    START,
    VERA,
    World,
    buttons_of,
    opened,
    text_of,
    until,
    words_of,
)

WATCH = Step(title="Watch", kind="wait", operation="cluster.watched", watches=True, interval=0.05)
LONG = WATCH.model_copy(update={"interval": 3600.0, "timeout": 7200.0})
AND_ANOTHER = WATCH.model_copy(update={"title": "Watch another"})
SEEN = "jobs that end fell from 12 to 3 a minute"


async def watching(world: World, line: str = "/scale 5", *steps: Step) -> str:
    """Return the id of a run that has come to its watching."""
    world.moods.extra = steps or (WATCH, AND_ANOTHER)
    stored = await world.propose(line)
    await world.click("approve", stored.id, AMIR)
    await world.shown(stored.id, SEEN)
    return stored.id


async def found(world: World, run_id: str) -> StoredRun:
    run = await world.runs.get(run_id)
    assert run is not None
    return run


async def test_what_only_watches_says_so_and_offers_its_end_and_the_way_back(running: World) -> None:
    watched = await watching(running)
    card = await running.card(watched)
    assert buttons_of(card) == ["undo", "stop_watching"]
    assert "Running, only watches, step 4 of 5" in text_of(card)
    assert "the next change of the same ends the watching" in text_of(card)
    assert "Undo: " in words_of(card)


async def test_a_wait_for_the_changes_own_sake_is_no_watching(running: World) -> None:
    running.cluster.sight = [Progress(done=False, message="not yet") for _ in range(1000)]
    running.moods.extra = (WATCH,)
    stored = await running.propose("/scale 5")
    await running.click("approve", stored.id)
    await running.shown(stored.id, "not yet")
    assert buttons_of(await running.card(stored.id)) == []
    said = text_of(await running.reply(await running.click("stop_watching", stored.id)))
    assert f"{stored.id} is running and does more than watch: this changes nothing." in said
    said = text_of(await running.reply(await running.click("undo", stored.id)))
    assert f"{stored.id} still runs." in said
    assert "once it has ended, or does no more than watch" in said
    assert (await found(running, stored.id)).status == "running"


async def test_stop_watching_ends_the_run_at_once_and_says_who_did(running: World) -> None:
    watched = await watching(running, "/scale 5", LONG, AND_ANOTHER)
    click = await running.click("stop_watching", watched, SANA)
    run = await found(running, watched)
    assert (run.status, run.outcome) == ("succeeded", "watching ended by Sana Approver")
    assert [step.status for step in run.steps] == ["done", "done", "done", "skipped", "skipped"]
    assert run.steps[3].message == f"watching ended by Sana Approver; seen until then: {SEEN}"
    assert await running.locks.held() == []
    card = await running.card(watched)
    assert buttons_of(card) == ["undo"]
    assert ", watching ended by Sana Approver" in text_of(card)
    assert "Watching ended by ? at ?" in words_of(card)
    entry = (await running.requests.search(user=OLGA.id))[0]
    assert (entry.status, entry.outcome) == ("done", "succeeded, watching ended by Sana Approver")
    clicked = await running.record(click)
    assert (clicked.status, clicked.command, clicked.plan_id) == ("done", "stop_watching", watched)
    assert clicked.outcome == "watching ended"


async def test_whoever_executes_it_notices_and_leaves_the_rest_alone(running: World) -> None:
    watched = await watching(running)
    await running.click("stop_watching", watched, OLGA)
    before = await found(running, watched)

    async def has_noticed() -> bool:
        return watched not in running.engine._active

    await until(has_noticed)
    assert await found(running, watched) == before
    assert running.cluster.calls == ["scale", "restart"]


async def test_who_may_stop_the_watching(running: World) -> None:
    watched = await watching(running)
    said = text_of(await running.reply(await running.click("stop_watching", watched, VERA)))
    assert "workers:scale" in said
    assert (await found(running, watched)).status == "running"
    await running.click("stop_watching", watched, OTTO)  # he may run the command
    assert (await found(running, watched)).status == "succeeded"
    said = text_of(await running.reply(await running.click("stop_watching", watched, AMIR)))
    assert f"{watched} is succeeded: this changes nothing." in said
    assert "There is no plan nonsense" in text_of(
        await running.reply(await running.click("stop_watching", "nonsense", AMIR))
    )


async def test_an_approver_may_stop_what_he_may_not_run(running: World) -> None:
    watched = await watching(running)
    roles = running.policy.current.roles
    bare = roles["approver"].model_copy(update={"includes": (), "permissions": ()})
    running.policy.current = running.policy.current.model_copy(update={"roles": roles | {"approver": bare}})
    await running.click("stop_watching", watched, AMIR)
    assert (await found(running, watched)).status == "succeeded"


async def test_a_click_that_took_effect_before_a_crash_is_taken_up_without_a_refusal(running: World) -> None:
    watched = await watching(running)
    decision = running.decision("stop_watching", watched)
    assert await running.dispatcher.accept(decision)
    await running.dispatcher._rooms.watching.stop(decision, running.clock())
    await running.dispatcher.handle(decision)
    assert await running.reply(decision.id) is None
    assert (await running.record(decision.id)).outcome == "took effect before a restart"


async def test_an_end_of_the_watching_outlives_the_process_and_repeats_nothing(tmp_path: Path) -> None:
    async with opened(World(tmp_path)) as world:
        watched = await watching(world, "/scale 5", LONG)
    async with opened(World(tmp_path, name="two", executes=False), engine=False) as other:
        await other.click("stop_watching", watched)
    async with opened(World(tmp_path)) as world:
        await world.tick()
        assert (await found(world, watched)).status == "succeeded"
        assert world.cluster.calls == ["scale", "restart"]


async def test_a_run_that_watches_goes_on_after_a_stop_of_the_process(tmp_path: Path) -> None:
    async with opened(World(tmp_path)) as world:
        watched = await watching(world)
    async with opened(World(tmp_path)) as world:
        world.cluster.calm.set()
        assert (await world.ended(watched)).status == "succeeded"
        assert world.cluster.calls == ["scale", "restart"]


async def test_the_next_run_ends_the_watching_and_does_not_wait(running: World) -> None:
    first = await watching(running, "/scale 5", LONG)
    running.moods.extra = ()
    running.clock.forward(seconds=1)
    second = await running.propose("/scale 6")
    await running.click("approve", second.id, SANA)
    assert (await running.ended(second.id)).status == "succeeded"
    run = await found(running, first)
    assert (run.status, run.outcome) == ("succeeded", f"watching ended because {second.id} changes the same")
    card = await running.card(first)
    assert f"Can no longer be undone: `{second.id}` has changed the same since." in words_of(card)
    assert buttons_of(card) == []
    assert running.cluster.replicas == 6
    assert await running.locks.held() == []


async def test_a_plan_that_cannot_start_ends_no_watching(running: World) -> None:
    first = await watching(running, "/scale 5", LONG)
    running.moods.also = ("deployment/free",)
    second = await running.propose("/scale 6")
    running.cluster.set(7)
    await running.click("approve", second.id, SANA)
    assert (await running.plan(second.id)).status == "stale"
    assert (await found(running, first)).status == "running"


async def test_undo_proposes_the_way_back_and_the_watching_goes_on_until_that_starts(running: World) -> None:
    first = await watching(running, "/scale 5", LONG)
    undo = await running.plans.of_request(await running.click("undo", first, OLGA))
    assert undo is not None
    assert (undo.undo_of, undo.status) == (first, "waiting")
    assert (await found(running, first)).status == "running"
    assert f"Undo requested: `{undo.id}`" in words_of(await running.card(first))
    assert buttons_of(await running.card(first)) == ["stop_watching"]
    await running.click("approve", undo.id, AMIR)
    run = await found(running, first)
    assert (run.status, run.outcome) == ("succeeded", f"watching ended because {undo.id} changes the same")


async def test_a_refused_undo_ends_no_watching(running: World) -> None:
    first = await watching(running, "/scale 5", LONG)
    assert "workers:scale" in text_of(await running.reply(await running.click("undo", first, VERA)))
    running.cluster.set(8)
    assert "cannot be undone any more" in text_of(await running.reply(await running.click("undo", first, SANA)))
    assert (await found(running, first)).status == "running"


async def test_an_undo_that_somebody_has_asked_for_already_ends_no_watching(running: World) -> None:
    first = await watching(running, "/scale 5", LONG)
    await running.propose("/scale 2")
    click = await running.click("undo", first, SANA)
    assert "The same is asked for already" in text_of(await running.reply(click))
    assert (await found(running, first)).status == "running"


async def test_an_undo_whose_watching_is_stopped_has_undone(running: World) -> None:
    first = await watching(running, "/scale 5", LONG)
    undo = await running.plans.of_request(await running.click("undo", first, OLGA))
    assert undo is not None
    await running.click("approve", undo.id, AMIR)
    await running.shown(undo.id, SEEN)
    await running.click("stop_watching", undo.id)
    assert (await found(running, first)).undone_by == undo.id


@pytest.mark.parametrize(("first", "holds"), [("failed", False), ("done", True), ("running", False)])
def test_a_run_that_has_failed_or_changes_something_does_not_only_watch(first: StepStatus, holds: bool) -> None:
    plan = Plan(title="Scale", target="t", changes=(), steps=(Step(title="Scale", operation="cluster.scale"), WATCH))
    states: tuple[StepStatus, ...] = (first, "waiting")
    steps = tuple(StoredStep(number, "", state, "", 1, START, None) for number, state in enumerate(states))
    assert only_watches(plan, StoredRun("x", "t", "running", "", "one", START, None, None, steps)) is holds
    assert not only_watches(plan, StoredRun("x", "t", "failed", "", "one", START, None, None, steps))
