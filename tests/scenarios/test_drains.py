"""A drain that scales the workers away, through Slack: done to its end, and given up in the middle."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.scenarios.changing import APPROVE, asked, done
from tests.scenarios.world import World, labels

pytestmark = pytest.mark.asyncio(loop_scope="package")
LINE = "/drain-queues all --how scale --within 30m"
IN_WORK = "bull:nova-report:active"


def workers(world: World) -> int:
    """Count the worker pods that are ready."""
    assert world.sandbox.cluster is not None
    return len(world.sandbox.cluster.ready_pods("novapulse-worker"))


@asynccontextmanager
async def kept_busy(world: World) -> AsyncIterator[None]:
    """A job in work that no worker has, so that the queues are not worked off before the block ends."""
    async with world.redis() as redis:
        await redis.lpush(IN_WORK, "nobody")
        try:
            yield
        finally:
            await redis.lrem(IN_WORK, 0, "nobody")


async def test_given_up_it_leaves_the_workers_as_they_were(world: World) -> None:
    async with kept_busy(world):
        card = await asked(world, "operator", LINE, "To abort it: /resume-queue all. Then it is 2 pods again.")
        await world.click("approver", card, APPROVE)
        card = await world.becomes(card, "report 1")
        abort = await asked(world, "approver", "/resume-queue all", "Abort the drain of email")
        await done(world, abort, "told to stop")
        await world.becomes(card, "aborted by /resume-queue; the workers were left as they are, 2")
    assert workers(world) == 2


async def test_done_to_its_end_no_worker_is_left_and_undone_they_are_back(world: World) -> None:
    async with kept_busy(world):
        card = await asked(world, "operator", LINE, "novapulse-worker")
        await world.click("approver", card, APPROVE)
        await world.becomes(card, "report 1")
    card = await world.becomes(card, "Done after", "no worker is left")
    assert workers(world) == 0
    assert labels(card) == ["Undo"]
    await done(world, await world.press("approver", card, "Undo", "Undoes `"))
    assert workers(world) == 2
