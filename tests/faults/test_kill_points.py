"""kill -9 at every step boundary of a scale run, in a real process with real files; then the next start goes on."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from bot.stores.executors import Executors
from bot.stores.runs import StoredRun
from tests.dispatch.world import World, buttons_of, opened, text_of
from tests.faults.kill_program import later
from tests.faults.lives import Lives, loaded

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROGRAM = "tests.faults.kill_program"
Both = tuple[Lives, Lives]
STEPS = (1, 2, 3)
MOMENTS = (
    "accepted",
    "plan stored",
    "approved",
    "run row written",
    *(name for step in STEPS for name in (f"before step {step}", f"step {step} operated", f"after step {step}")),
    "before the end",
    "after the end",
)
# Each lives two lives; ``make test-kill`` takes them all.
BY_DEFAULT = frozenset({"accepted", "approved", "before step 1", "step 1 operated", "after step 3", "after the end"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lives(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    """Two, of which each lives one life at a time."""
    log = tmp_path_factory.mktemp("lives") / "log"
    async with loaded(PROGRAM, log) as one, loaded(PROGRAM, log) as other:
        yield one, other


async def live(lives: Lives, directory: Path, name: str, moment: str, *more: str) -> int:
    await lives.begin(json.dumps([str(directory), name, moment, *more]))
    return await lives.ended()


async def go_on(world: World) -> StoredRun:
    """Live as the bot does until the run has ended; a plan that still waits is approved."""
    while True:
        await world.tick()
        stored = await world.plans.of_request("the-request")
        if stored is not None and stored.status == "waiting":
            await world.click("approve", stored.id)
        run = await world.runs.get(stored.id) if stored else None
        if run is not None and run.status != "running":
            return run
        await asyncio.sleep(0.02)


def interrupted(moment: str, step: int) -> bool:
    """Whether a step was begun and not recorded as ended at this moment, so that it may be begun again."""
    return moment in (f"before step {step}", f"step {step} operated")


@pytest.mark.parametrize(
    "moment", [pytest.param(name, marks=() if name in BY_DEFAULT else pytest.mark.slow) for name in MOMENTS]
)
async def test_after_a_kill_the_run_goes_on_and_repeats_no_finished_step(
    lives: Both, tmp_path: Path, moment: str
) -> None:
    assert await live(lives[0], tmp_path, "one", moment) == -signal.SIGKILL
    async with opened(World(tmp_path, name="one", clock=lambda: datetime.now(UTC))) as world:
        run = await go_on(world)
        assert run.status == "succeeded"
        assert world.cluster.changes == ["scale 2 -> 5", "restart the-request"]
        assert world.cluster.calls.count("scale") == (2 if moment == "step 1 operated" else 1)
        assert world.cluster.calls.count("restart") == (2 if moment == "step 3 operated" else 1)
        assert [step.attempts for step in run.steps] == [2 if interrupted(moment, step) else 1 for step in STEPS]
        await the_rest_is_right(world, run)


@pytest.mark.parametrize(
    "moment", ["click accepted", "click taken up", "watching ended", "step 4 operated", "before the end"]
)
async def test_after_a_kill_a_watching_that_somebody_ended_is_over(lives: Both, tmp_path: Path, moment: str) -> None:
    assert await live(lives[0], tmp_path, "one", moment, "watch") == -signal.SIGKILL
    async with opened(World(tmp_path, name="one", clock=lambda: datetime.now(UTC))) as world:
        run = await go_on(world)
        assert (run.status, run.outcome) == ("succeeded", "watching ended by Amir Approver")
        assert [step.status for step in run.steps] == ["done", "done", "done", "skipped"]
        assert world.cluster.calls == ["scale", "restart"]
        assert buttons_of(await world.card(run.id)) == ["undo"]
        assert await world.locks.held() == []
        await world.tick()
        clicks = [entry for entry in await world.requests.search(user="U2") if entry.command == "stop_watching"]
        assert [entry.status for entry in clicks] == ["done"]


async def the_rest_is_right(world: World, run: StoredRun) -> None:
    card = await world.card(run.id)
    assert "Done after" in text_of(card)
    assert buttons_of(card) == ["undo"]
    assert await world.locks.held() == []
    [entry] = await world.requests.search(user="U1")
    assert (entry.status, entry.outcome) == ("done", "succeeded")


async def test_a_run_of_a_replica_that_is_gone_is_taken_over_by_exactly_one(lives: Both, tmp_path: Path) -> None:
    assert await live(lives[0], tmp_path, "one", "step 1 operated") == -signal.SIGKILL
    others = [
        live(one, tmp_path, name, "never", "take-over") for one, name in zip(lives, ("two", "three"), strict=True)
    ]
    assert await asyncio.gather(*others) == [0, 0]
    async with opened(World(tmp_path, name="four"), engine=False) as world:
        [run] = await world.runs.recent()
        assert run.status == "succeeded"
        assert run.executor in ("two", "three")
        assert world.cluster.changes == ["scale 2 -> 5", "restart the-request"]
        assert world.cluster.calls == ["scale", "scale", "restart"]
        assert [step.attempts for step in run.steps] == [2, 1, 1]
        await the_rest_is_right(world, run)


async def test_a_run_that_died_with_whoever_was_taking_it_over_is_taken_over_again(lives: Both, tmp_path: Path) -> None:
    assert await live(lives[0], tmp_path, "one", "after step 1") == -signal.SIGKILL
    async with opened(World(tmp_path, name="three", clock=later)) as world:
        stored = await world.plans.of_request("the-request")
        assert stored is not None
        # Somebody wrote its name into the row and died before it did anything more.
        assert await world.runs.claim(stored.id, executor="two", previous="one")
        assert (await go_on(world)).status == "succeeded"
        assert world.cluster.calls == ["scale", "restart"]


async def test_who_left_properly_is_succeeded_at_once(tmp_path: Path) -> None:
    async with opened(World(tmp_path, name="one")) as world:
        assert await Executors(world.database).alive(world.clock()) == {"one"}
    async with opened(World(tmp_path, name="two"), engine=False) as world:
        assert await Executors(world.database).alive(world.clock()) == frozenset()
