"""Every changing command, approved and done: the real system is as the plan said, and its undo brings back what was."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.api.webhooks import ACTIVE
from tests.scenarios import scenes
from tests.scenarios.changing import APPROVE, CHANGING, LINES, asked, done
from tests.scenarios.world import PATIENCE, World, labels, opened, text

pytestmark = pytest.mark.asyncio(loop_scope="package")


@dataclass(frozen=True)
class Effect:
    """What a scene's state is after the change, and what the card says: the undo's name, or why there is none."""

    scene: scenes.Scene
    after: object
    undo: str = ""
    no_undo: str = ""


EFFECTS = {
    "/cache": Effect(scenes.cached, ["cache:user:42:profile:draft"], no_undo="writes the values again"),
    "/clear-failed": Effect(scenes.failed_reports, [], "Bring them back as failed"),
    "/drain-queues": Effect(scenes.queue("workflow"), True, "Resume workflow"),
    "/freeze": Effect(scenes.frozen, [("workers",)], "Lift this freeze"),
    "/pause-queue": Effect(scenes.queue("report"), True, "Resume report"),
    "/promote-delayed": Effect(scenes.delayed_reports, [], no_undo="what is begun early cannot be put off again"),
    "/rebuild-indexes": Effect(scenes.indexes, (False, True), no_undo="The same indexes stand there afterwards"),
    "/restart": Effect(scenes.pods, (False, 2), no_undo="a restart cannot be taken back"),
    "/resume-queue": Effect(scenes.queue("report", paused=True), False, "Pause report again"),
    "/retry-failed": Effect(scenes.failed_reports, [], no_undo="A job that a worker has taken up"),
    "/oncall": Effect(scenes.stood_in, [("U0OPERATOR", 3)], "End this override"),
    "/page": Effect(scenes.paged, [(4, "customers wait")], no_undo="Who was called was called"),
    "/rollback": Effect(scenes.released, "2.14.0", "Back to revision"),
    "/scale-workers": Effect(scenes.workers, 3, "Back to 2 pods"),
    "/set-env": Effect(scenes.variable, ["debug"], "Back to revision"),
    "/silence": Effect(scenes.silenced, [('["queue=report"]',)], "End this silence"),
    "/step-down-primary": Effect(scenes.primary, False, no_undo="Who is elected cannot be chosen"),
    "/test-webhook": Effect(scenes.deliveries, [(ACTIVE, "success")], no_undo="A delivery that was sent"),
}
# The bot watches for minutes what these did.
WATCHED = {
    "/force-restart-workers": Effect(scenes.pods, (False, 2), no_undo="pods that are deleted do not come back"),
    "/set-concurrency": Effect(scenes.configured(QUEUE_CONCURRENCY="6"), {"QUEUE_CONCURRENCY": "4"}, "Back to 6"),
    "/set-pool-size": Effect(
        scenes.configured(MONGO_MAX_POOL_SIZE="10", MONGO_MIN_POOL_SIZE="2"),
        {"MONGO_MAX_POOL_SIZE": "20", "MONGO_MIN_POOL_SIZE": "5"},
        "Back to 2 to 10",
    ),
}
# It needs an alert that fires: test_alerts.py takes one in hand.
ELSEWHERE = {"/ack"}
LINES_DONE = LINES | {"/scale-workers": "/scale-workers 3"}


async def shown(world: World, name: str, effect: Effect, *, seconds: float = PATIENCE) -> None:
    async with effect.scene(world) as state:
        before = await state()
        assert before != effect.after
        card = await asked(world, "approver", LINES_DONE[name], name)
        assert APPROVE not in labels(card) or await state() == before
        card = await done(world, card, effect.undo or "Cannot be undone:", effect.no_undo, seconds=seconds)
        assert await state() == effect.after
        assert labels(card) == (["Undo"] if effect.undo else []), text(card)
        if effect.undo:
            back = await world.press("approver", card, "Undo", "Undoes `")
            await done(world, back, seconds=seconds)
            assert await state() == before


@pytest.mark.parametrize("name", EFFECTS)
async def test_what_was_approved_is_so_and_is_undone(world: World, name: str) -> None:
    await shown(world, name, EFFECTS[name])


@pytest_asyncio.fixture(loop_scope="package")
async def lone(tmp_path: Path) -> AsyncIterator[World]:
    """A world of its own, whose bot may be stopped while it watches."""
    async with opened(tmp_path) as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", WATCHED)
async def test_what_is_watched_for_minutes_is_so_and_is_undone(lone: World, name: str) -> None:
    await shown(lone, name, WATCHED[name], seconds=400.0)


async def test_no_changing_command_was_forgotten() -> None:
    assert EFFECTS.keys() | WATCHED.keys() | ELSEWHERE == CHANGING.keys()
