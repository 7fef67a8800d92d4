from typing import Any

import pytest
from redis.asyncio import Redis

from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.errors import UsageError, UserError
from bot.plan import Plan
from bot.settings import RedisSettings
from commands.queue_jobs_not_processing.promote_delayed import promote_delayed
from tests.commands.performing import REQUEST

AT = REQUEST.received_at.timestamp() * 1000


async def planned(queues: Queues, **arguments: Any) -> Plan:
    plan = await promote_delayed.handler(queues=queues, request=REQUEST, **arguments)
    assert isinstance(plan, Plan)
    return plan


async def perform(plan: Plan, pause: QueuePause) -> list[str]:
    async def silent(_: str) -> None:
        """Tell nobody."""

    return [await pause.promote(**step.arguments, progress=silent) for step in plan.steps]  # type: ignore[arg-type]


async def test_promoted_as_planned(queues: Queues, redis_settings: RedisSettings, raw: Redis) -> None:
    for job, hours in (("soon", 1), ("late", 9)):
        await raw.hset(f"bull:nova-email:{job}", mapping={"timestamp": int(AT)})
        await raw.zadd("bull:nova-email:delayed", {job: (AT + hours * 3_600_000) * 4096})
    await raw.hset("bull:nova-email:meta", "paused", "1")
    plan = await planned(queues, queue="email", due_within="2h")
    assert plan.no_undo
    assert plan.warnings == ("Paused: email. The jobs wait there until /resume-queue.",)
    assert plan.notes == ("email: 0 waiting, 0 in work, 2 delayed",)
    pause = QueuePause(redis_settings, queues)
    assert await perform(plan, pause) == ["1 job was brought forward"]
    assert await raw.lrange("bull:nova-email:paused", 0, -1) == ["soon"]
    assert await perform(plan, pause) == ["0 jobs were brought forward"]
    await pause.close()


async def test_how_many_are_delayed_is_no_fact(queues: Queues, raw: Redis) -> None:
    await raw.zadd("bull:nova-email:delayed", {"a": 1})
    first = await planned(queues, queue="all")
    await raw.zadd("bull:nova-report:delayed", {"b": 1})
    second = await planned(queues, queue="all")
    assert first.digest("/promote-delayed", {}) == second.digest("/promote-delayed", {})


async def test_nothing_there_and_bad_input(queues: Queues) -> None:
    with pytest.raises(UserError, match="No job is delayed in email"):
        await planned(queues, queue="email")
    with pytest.raises(UsageError, match="“soon” is no duration: write 15m, 2h or 7d"):
        await planned(queues, queue="email", due_within="soon")
    with pytest.raises(UsageError) as raised:
        await planned(queues, queue="email", due_within="redis://nova:hunter2@redis")
    assert "hunter2" not in raised.value.message
