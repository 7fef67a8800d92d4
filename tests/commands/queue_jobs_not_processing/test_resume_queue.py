from typing import Any

import pytest
from redis.asyncio import Redis

from bot.clients.queues import Queues
from bot.command import Command
from bot.errors import Refused, UserError
from bot.plan import Plan
from commands.queue_jobs_not_processing.resume_queue import resume_queue


async def planned(command: Command, queues: Queues, **arguments: Any) -> Plan:
    plan = await command.handler(queues=queues, **arguments)
    assert isinstance(plan, Plan)
    return plan


async def test_only_what_is_paused_and_who_works_on_it(queues: Queues, raw: Redis) -> None:
    await raw.hset("bull:nova-email:meta", "paused", "1")
    plan = await planned(resume_queue, queues, queue="all")
    assert [change.what for change in plan.changes] == ["queue email"]
    assert plan.warnings == ("No worker is connected to email: resuming alone moves nothing.",)
    assert plan.undo is not None
    assert (plan.undo.command, plan.undo.arguments) == ("/pause-queue", {"queue": "email"})


async def test_nothing_is_paused(queues: Queues, raw: Redis) -> None:
    with pytest.raises(UserError, match="Not paused: email, webhook, workflow, report"):
        await planned(resume_queue, queues, queue="all")
    await raw.delete("bull:nova-email:meta")
    await raw.lpush("nova:email:waiting", "a")
    with pytest.raises(Refused, match="plain lists, which know no pause"):
        await planned(resume_queue, queues, queue="email")
