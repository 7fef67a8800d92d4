from typing import Any

import pytest
from redis.asyncio import Redis

from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.command import Command
from bot.dispatch.operations import Operations
from bot.errors import Refused, Unavailable, UsageError, UserError
from bot.plan import Plan, Progress, differences
from bot.settings import RedisSettings
from bot.stores.plans import Plans
from bot.stores.runs import Runs
from commands.queue_jobs_not_processing.pause_queue import pause_queue
from commands.queue_jobs_not_processing.resume_queue import resume_queue


async def perform(plan: Plan, pause: QueuePause) -> list[str]:
    said = []
    for step in plan.steps:
        answer = await Operations({"queue_pause": pause}).find(step)(**step.arguments)
        said.append(answer.message if isinstance(answer, Progress) else answer)
    return said


async def planned(command: Command, queues: Queues, **needed: Any) -> Plan:
    plan = await command.handler(queues=queues, **needed)
    assert isinstance(plan, Plan)
    return plan


async def test_paused_as_planned_and_undone(
    queues: Queues, redis_settings: RedisSettings, raw: Redis, runs: Runs, plans: Plans
) -> None:
    await raw.lpush("bull:nova-email:wait", "a", "b")
    pause = QueuePause(redis_settings, queues)
    plan = await planned(pause_queue, queues, queue="email")
    assert (plan.title, plan.notes) == ("Pause email", ("email: 2 waiting, 0 in work, 0 delayed",))
    assert plan.facts == {"email library": "bullmq:5.65.1", "email paused": False}
    assert await perform(plan, pause) == ["email is paused", "email is paused, 0 in work"]
    assert plan.undo is not None
    back = await planned(resume_queue, queues, runs=runs, plans=plans, **plan.undo.arguments)
    assert plan.undo.expects.items() <= back.facts.items()
    assert await perform(back, pause) == ["email is resumed", "email is not paused, 0 in work"]
    assert await raw.llen("bull:nova-email:wait") == 2
    await pause.close()


async def test_all_means_those_that_can_be_paused(queues: Queues, raw: Redis) -> None:
    await raw.hset("bull:nova-report:meta", "version", "bullmq:7.0.0")
    await raw.hset("bull:nova-email:meta", "paused", "1")
    plan = await planned(pause_queue, queues, queue="all")
    assert [change.what for change in plan.changes] == ["queue webhook", "queue workflow"]
    assert "report is of bullmq:7.0.0: it is only read, 5 and 6 are known" in plan.warnings[0]


async def test_a_queue_that_was_paused_meanwhile_is_another_plan(queues: Queues, raw: Redis) -> None:
    first = await planned(pause_queue, queues, queue="email,report")
    await raw.hset("bull:nova-email:meta", "paused", "1")
    assert "email paused was no, is now yes" in differences(
        first, await planned(pause_queue, queues, queue="email,report")
    )


async def test_refused_where_it_is_paused_unknown_or_missing(queues: Queues, dead_queues: Queues, raw: Redis) -> None:
    await raw.hset("bull:nova-email:meta", "paused", "1")
    with pytest.raises(UserError, match="Paused already: email"):
        await planned(pause_queue, queues, queue="email")
    with pytest.raises(UsageError, match="There is no queue"):
        await planned(pause_queue, queues, queue="emial")
    await raw.hset("bull:nova-email:meta", "version", "bullmq:4.1.0")
    with pytest.raises(Refused, match="only read"):
        await planned(pause_queue, queues, queue="email")
    await raw.delete("bull:nova-email:meta")
    with pytest.raises(Refused, match="no such keys"):
        await planned(pause_queue, queues, queue="email")
    with pytest.raises(Unavailable, match="refused"):
        await planned(pause_queue, dead_queues, queue="email")
