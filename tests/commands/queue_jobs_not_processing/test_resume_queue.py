from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import JsonValue
from redis.asyncio import Redis

from bot.clients.queues import Queues
from bot.dispatch.operations import Operations
from bot.errors import Refused, Unavailable, UserError
from bot.plan import Plan, Step
from bot.running_drains import SCALING
from bot.stores.database import Database
from bot.stores.drains import Drains
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Runs, StoredRun, StoredStep
from commands.queue_jobs_not_processing.resume_queue import resume_queue

Ask = Callable[..., Awaitable[Plan]]
NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.fixture
def ask(queues: Queues, runs: Runs, plans: Plans) -> Ask:
    async def asked(queue: str, **other: Any) -> Plan:
        plan = await resume_queue.handler(queue, **{"queues": queues, "runs": runs, "plans": plans, **other})
        assert isinstance(plan, Plan)
        return plan

    return asked


async def drained(database: Database, stored: StoredPlan, *queues: str) -> None:
    """Write down a run that drains these queues at present, and scales the workers away."""
    arguments: dict[str, JsonValue] = {"queues": list(queues), "replicas": 2, "drain": "d1"}
    steps = (Step(title="Drain", operation=SCALING, arguments=arguments),)
    plan = replace(stored, plan=stored.plan.model_copy(update={"steps": steps}))
    step = StoredStep(0, "Drain", "waiting", "", 0, None, None)
    async with database.transaction() as connection:
        await Plans(database).add(connection, plan)
        run = StoredRun(plan.id, "deployment/novapulse-worker", "running", "", "one", NOW, None, None, (step,))
        await Runs(database).add(connection, run)


async def test_only_what_is_paused_and_who_works_on_it(ask: Ask, raw: Redis) -> None:
    await raw.hset("bull:nova-email:meta", "paused", "1")
    plan = await ask("all")
    assert [change.what for change in plan.changes] == ["queue email"]
    assert plan.warnings == ("No worker is connected to email: resuming alone moves nothing.",)
    assert plan.undo is not None
    assert (plan.undo.command, plan.undo.arguments) == ("/pause-queue", {"queue": "email"})


async def test_nothing_is_paused(ask: Ask, raw: Redis) -> None:
    with pytest.raises(UserError, match="Not paused: email, webhook, workflow, report"):
        await ask("all")
    await raw.delete("bull:nova-email:meta")
    await raw.lpush("nova:email:waiting", "a")
    with pytest.raises(Refused, match="plain lists, which know no pause"):
        await ask("email")


async def test_a_drain_that_is_under_way_is_aborted(ask: Ask, database: Database, stored_plan: StoredPlan) -> None:
    await drained(database, stored_plan, "email", "report")
    plan = await ask("report")
    assert plan.title == f"Abort the drain of email, report (run {stored_plan.id})"
    (change,) = plan.changes
    assert (change.before, change.after) == ("under way", "given up, and all as it was before, 2 workers")
    assert plan.facts["drain d1"] == stored_plan.id
    assert (plan.undo, plan.no_undo) == (None, "a drain that was given up is begun anew with /drain-queues")
    (step,) = plan.steps
    drains = Drains(database, lambda: NOW)
    await Operations({"drains": drains}).find(step)(**step.arguments)
    assert await drains.is_aborted("d1")
    with pytest.raises(UserError, match="Not paused: webhook"):
        await ask("webhook")


async def test_what_is_paused_is_resumed_besides(
    ask: Ask, raw: Redis, database: Database, stored_plan: StoredPlan
) -> None:
    await raw.hset("bull:nova-email:meta", "paused", "1")
    await drained(database, stored_plan, "report")
    plan = await ask("email,report")
    assert plan.title.endswith(" and Resume email")
    assert plan.targets == ("abort of drain d1", "queue/email")
    assert [step.operation for step in plan.steps] == ["drains.abort", "queue_pause.resume", "queue_pause.seen_paused"]
    assert plan.undo is not None


async def test_a_drain_can_be_aborted_while_redis_is_down(
    ask: Ask, dead_queues: Queues, database: Database, stored_plan: StoredPlan
) -> None:
    with pytest.raises(Unavailable):
        await ask("all", queues=dead_queues)
    await drained(database, stored_plan, "email")
    plan = await ask("all", queues=dead_queues)
    assert [step.operation for step in plan.steps] == ["drains.abort"]
    assert plan.warnings[0].startswith("No queue is resumed: Redis could not be read: connection refused")
