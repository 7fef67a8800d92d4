import asyncio
from pathlib import Path

from dbos import DBOS

from bot.dispatch.execute import engine_url
from bot.plan import Progress
from bot.stores.executors import Executors
from tests.dispatch.world import OLGA, World, buttons_of, opened, text_of


async def test_an_approved_plan_runs_to_its_end(running: World) -> None:
    stored = await running.propose("/scale 5")
    await running.click("approve", stored.id)
    run = await running.ended(stored.id)
    assert run.status == "succeeded"
    assert [step.status for step in run.steps] == ["done"] * 3
    assert run.steps[0].message == "2 → 5"
    assert running.cluster.changes[0] == "scale 2 -> 5"
    assert len(running.cluster.changes) == 2
    card = await running.card(stored.id)
    assert buttons_of(card) == ["undo"]
    assert "Done after" in text_of(card)
    assert "Approved by" in text_of(card)
    assert await running.locks.held() == []
    [entry] = await running.requests.search(user=OLGA.id)
    assert (entry.status, entry.outcome, entry.approvers) == ("done", "succeeded", ("Amir Approver",))


async def test_starting_twice_runs_once(running: World) -> None:
    stored = await running.propose("/free 7")
    await asyncio.gather(*(running.engine.start(stored.id) for _ in range(3)))
    await running.ended(stored.id)
    await running.engine.start(stored.id)
    await running.tick()
    assert running.cluster.calls == ["scale"]


async def test_a_plan_that_waited_for_the_lock_starts_after_its_holder(running: World) -> None:
    running.cluster.sight = [Progress(done=False, message="soon") for _ in range(1000)]
    first, second = await running.propose("/scale 2"), await running.propose("/scale 5")
    await running.click("approve", first.id)
    await running.click("approve", second.id)
    assert "is held by /scale 2" in text_of(await running.card(second.id))
    running.cluster.sight.clear()
    await running.ended(first.id)
    await running.tick()
    assert (await running.ended(second.id)).status == "succeeded"
    assert running.cluster.replicas == 5


async def test_a_run_that_the_engine_gave_up_is_ended_with_what_is_known(running: World) -> None:
    running.cluster.sight = [Progress(done=False, message="not yet") for _ in range(1000)]
    stored = await running.propose("/scale 5")
    await running.click("approve", stored.id)
    await running.shown(stored.id, "not yet")
    await DBOS.cancel_workflow_async(stored.id)
    running.cluster.sight.clear()
    while (run := await running.runs.get(stored.id)) is not None and run.status == "running":
        await running.tick()
        await asyncio.sleep(0.02)
    assert run is not None
    assert run.status == "failed"
    assert await running.locks.held() == []
    assert "cancelled" in run.outcome or "did not end" in run.outcome


async def test_a_run_that_is_on_record_and_was_never_begun_is_begun(tmp_path: Path) -> None:
    async with opened(World(tmp_path, executes=False), engine=False) as world:
        stored = await world.propose("/free 7")
        assert world.noted.started == [stored.id]
    async with opened(World(tmp_path)) as world:
        await world.tick()
        assert (await world.ended(stored.id)).status == "succeeded"


async def test_a_stop_in_the_middle_ends_nothing_and_the_next_start_goes_on(tmp_path: Path) -> None:
    async with opened(World(tmp_path)) as world:
        world.cluster.sight = [Progress(done=False, message="not yet") for _ in range(1000)]
        stored = await world.propose("/scale 5")
        await world.click("approve", stored.id)
        await world.shown(stored.id, "not yet")
    async with opened(World(tmp_path)) as world:
        run = await world.ended(stored.id)
        assert run.status == "succeeded"
        assert [step.attempts for step in run.steps] == [1, 2, 1]
        assert "taken up again 1x after a restart" in text_of(await world.card(stored.id))
        assert world.cluster.calls == ["scale", "restart"]


async def test_who_lost_a_run_to_another_does_not_touch_it_any_more(tmp_path: Path) -> None:
    async with opened(World(tmp_path)) as world:
        world.cluster.sight = [Progress(done=False, message="not yet") for _ in range(10)]
        stored = await world.propose("/scale 5")
        await world.click("approve", stored.id)
        await world.shown(stored.id, "not yet")
        assert await world.runs.claim(stored.id, executor="another", previous="one")
        await Executors(world.database).beat("another", world.clock())
        await world.shown(stored.id, "✓ 2. Ready")
        await world.tick()
        assert await step_status(world, stored.id, 2) == "waiting"
        assert world.cluster.calls == ["scale"]


async def step_status(world: World, run_id: str, number: int) -> str:
    run = await world.runs.get(run_id)
    assert run is not None
    return run.steps[number].status


def test_the_engine_keeps_its_own_beside_the_bots() -> None:
    assert engine_url("sqlite:///state/bot.db") == "sqlite:///state/bot.db.runs"
    assert engine_url("postgresql://u:p@h:5432/bot") == "postgresql://u:p@h:5432/bot"
