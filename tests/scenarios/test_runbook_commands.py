"""The runbook's changes through Slack: asked for, approved, done, and what is said about the way back."""

import asyncio
from typing import Any

import pytest

from sandbox.slack_page import Message
from tests.scenarios.world import PATIENCE, World, labels, plan_id, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

JOBS = 12
WEBHOOKS = "bull:nova-webhook"
WORKER = "novapulse-worker"


async def approved(world: World, card: Message, *words: str) -> Message:
    """Let the second person approve, and return the card once it is done and shows these words."""
    await world.click("approver", card, "Approve")
    return await world.becomes(card, "Done after", "Approved by", *words)


async def failed(world: World) -> int:
    """Return how many webhook jobs are kept as failed."""
    async with world.redis() as redis:
        return int(await redis.zcard(f"{WEBHOOKS}:failed"))


async def fail(world: World, count: int) -> None:
    """Let so many more webhook jobs fail, all of their attempts."""
    wanted, last = await failed(world) + count, "0"
    async with world.fault("poison-jobs"), world.redis() as redis, asyncio.timeout(PATIENCE):
        await world.sandbox.load("webhook", burst=count)
        while await redis.zcard(f"{WEBHOOKS}:failed") < wanted:
            told: Any = await redis.xread({f"{WEBHOOKS}:events": last}, block=0)
            last = told[0][1][-1][0]


async def test_workers_are_restarted_one_after_the_other_and_no_undo_is_promised(world: World) -> None:
    assert world.sandbox.cluster is not None
    old = set(world.sandbox.cluster.ready_pods(WORKER))
    card = await world.plan("/restart worker")
    assert "all replaced" in text(card)
    assert "cannot be taken back" in text(card)
    done = await approved(world, card, "workers connected")
    assert labels(done) == []
    new = set(world.sandbox.cluster.ready_pods(WORKER))
    assert len(new) == 2
    assert not new & old


async def test_a_viewer_restarts_nothing(world: World) -> None:
    before = len(world.scaled())
    refusal = await world.ask("viewer", "/restart worker", "Refused", "deployments:restart")
    assert "Who may: operator, approver, second_approver, oncall." in text(refusal)
    assert refusal["ephemeral_to"] == "U0VIEWER"
    assert len(world.scaled()) == before


async def test_failed_jobs_are_cleared_brought_back_and_retried(world: World) -> None:
    await fail(world, JOBS)
    there = await failed(world)
    shown = await world.ask("viewer", "/failed-jobs webhook", f"{there} failed jobs in webhook", "timeout of")
    assert "whsec_" not in text(shown)
    card = await world.plan("/clear-failed webhook")
    await world.press("operator", card, "Approve", "somebody else has to approve")
    assert await failed(world) == there
    done = await approved(world, card, "Bring them back as failed")
    assert labels(done) == ["Undo"]
    assert await failed(world) == 0
    back = await world.press("operator", done, "Undo", f"Bring back {there} failed jobs", "Waits for approval")
    await approved(world, back)
    assert await failed(world) == there
    await approved(world, await world.plan("/retry-failed webhook"))
    assert await failed(world) == 0


async def test_another_queue_leaves_the_way_back_and_the_same_one_ends_it_and_says_so(world: World) -> None:
    first = await approved(world, await world.plan("/pause-queue webhook"))
    second = await approved(world, await world.plan("/pause-queue report"))
    assert labels(await world.becomes(first, "Resume webhook")) == labels(second) == ["Undo"]
    resumed = await approved(world, await world.plan("/resume-queue webhook,report"))
    ended = await world.becomes(first, "Can no longer be undone", plan_id(resumed), "has changed the same since")
    assert labels(ended) == []
    assert labels(await world.becomes(second, "Can no longer be undone")) == []


async def test_clearing_another_queue_leaves_what_was_cleared_before_to_be_brought_back(world: World) -> None:
    await fail(world, JOBS)
    there = await failed(world)
    first = await approved(world, await world.plan("/clear-failed webhook"), "Bring them back as failed")
    await fail(world, JOBS)
    second = await approved(world, await world.plan("/clear-failed webhook"), "Bring them back as failed")
    assert labels(second) == ["Undo"]
    back = await world.press("operator", first, "Undo", f"Bring back {there} failed jobs", "Waits for approval")
    await approved(world, back)
    assert await failed(world) == there
    assert labels(await world.becomes(second, "Bring them back as failed")) == ["Undo"]
    await approved(world, await world.plan("/retry-failed webhook"))


async def test_there_is_nothing_to_clear(world: World) -> None:
    await world.ask("operator", "/clear-failed report", "No job has failed in report: there is nothing to do.")
    await world.ask("operator", "/clear-failed reprot", "There is no queue “reprot”", "Did you mean `report`?")


async def test_a_paused_queue_waits_until_it_is_resumed(world: World) -> None:
    async with world.redis() as redis:
        card = await world.plan("/pause-queue webhook")
        assert not await redis.hexists(f"{WEBHOOKS}:meta", "paused")
        done = await approved(world, card)
        assert await redis.hexists(f"{WEBHOOKS}:meta", "paused")
        assert labels(done) == ["Undo"]
        await world.ask("operator", "/pause-queue webhook", "Paused already: webhook.")
        await world.ask("viewer", "/queue-stats webhook", "paused")
        await approved(world, await world.plan("/resume-queue webhook"))
        assert not await redis.hexists(f"{WEBHOOKS}:meta", "paused")
    await world.ask("operator", "/resume-queue webhook", "Not paused: webhook. There is nothing to change.")


async def test_there_is_nothing_to_roll_back_to(world: World) -> None:
    before = len(world.scaled())
    await world.ask(
        "operator", "/rollback api", "Refused", "There is nothing to go back to", "no other revision of api"
    )
    assert len(world.scaled()) == before


async def test_in_a_freeze_nothing_is_planned_and_nothing_approved_before_it_starts(world: World) -> None:
    waits = await world.plan("/scale-workers 3")
    before = len(world.scaled())
    await world.ask("operator", "/freeze workers 30m", "Refused", "freeze:set")
    await world.ask("approver", "/freeze", "Nothing is frozen", "/freeze all 1h")
    known = world.shown("novapulse-alerts")
    frozen = await world.ask("approver", "/freeze workers 30m", "Done after")
    announced = await world.new(
        "novapulse-alerts", known, "Frozen: changes of workers", "It ends by itself", "/restart"
    )
    await world.ask("operator", "/scale-workers 4", "workers is frozen by approver until", "/freeze off")
    await world.ask("viewer", "/freeze", "1 freeze is in force", "workers", "by approver since")
    await world.click("approver", waits, "Approve")
    await world.becomes(waits, "nothing was changed", "frozen by approver until")
    assert len(world.scaled()) == before
    assert labels(frozen) == ["Undo"]
    await world.ask("approver", "/freeze off", "Done after")
    await world.new("novapulse-alerts", known, "The freeze of changes of workers has ended", "lifted by approver")
    await world.becomes(announced, "ended at", "lifted by approver")
    frozen = await world.becomes(frozen, "ended at", "lifted by approver")
    assert labels(frozen) == []
    await approved(world, await world.plan("/scale-workers 3"))
