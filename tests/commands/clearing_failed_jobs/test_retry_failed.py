"""``/retry-failed``: what its plan says, and that its steps do it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.clients.queue_changes import QueueChanges
from bot.clients.queues import Queues
from bot.errors import Refused, UsageError, UserError
from bot.plan import Plan
from bot.request import Request
from bot.stores.plans import Plans
from commands.clearing_failed_jobs.retry_failed import retry_failed
from tests.servers import NodeQueues

Ages = Callable[..., Awaitable[None]]
Ask = Callable[..., Awaitable[Plan]]
Run = Callable[[Plan], Awaitable[list[str]]]
TWO = ((5, "it broke 1", "sendEmail"), (90, "it broke 2", "sendEmail"))


@pytest.fixture
def ask(queues: Queues, changes: QueueChanges, plans: Plans, request_: Request) -> Ask:
    async def asked(queue: str, **other: Any) -> Plan:
        plan = await retry_failed.handler(
            queue, **{"pause": 0, "queues": queues, "changes": changes, "plans": plans, "request": request_, **other}
        )
        assert isinstance(plan, Plan)
        return plan

    return asked


async def test_the_plan_says_what_happens(ask: Ask, ages: Ages) -> None:
    await ages("email", *TWO)
    plan = await ask("email", wave=50, pause=10)
    assert plan.title == "Retry 2 failed jobs of email"
    assert "50 at once with 10 s between" in plan.blast_radius[0]
    assert (plan.undo, plan.no_undo) == (None, "A job that a worker has taken up cannot be taken back.")
    assert plan.warnings == ("email: no worker is connected, so that the jobs only wait.",)
    assert (await ask("email", wave=50, pause=10)).digest("x", {}) == plan.digest("x", {})


async def test_waves_that_would_outlast_the_step_are_refused_with_some_that_fit(ask: Ask, raw: Redis) -> None:
    await raw.zadd("bull:nova-email:failed", {str(number): number for number in range(1_000)})
    with pytest.raises(Refused) as caught:
        await ask("email", wave=1, pause=60)
    assert caught.value.message == (
        "In waves of 1 with 60 s between, 1,000 jobs take about 16 h of pauses alone, and that has to be at most 5 h."
    )
    assert caught.value.hint == "--wave 4 --pause 60 or --wave 1 --pause 18.01 would fit."
    for wave, pause in ((4, 60.0), (1, 18.01)):
        plan = await ask("email", wave=wave, pause=pause)
        assert "which takes about " in plan.blast_radius[0]
    await raw.zadd("bull:nova-email:failed", {str(number): number for number in range(400_000)})
    with pytest.raises(Refused) as caught:
        await ask("email", wave=1_000, pause=60)
    assert caught.value.hint == "--wave 1000 --pause 45.11 would fit."


async def test_waves_count_the_jobs_that_are_meant_and_not_those_looked_at(ask: Ask, ages: Ages, run: Run) -> None:
    many = [(minutes, "it broke", "rare" if minutes % 100 == 0 else "often") for minutes in range(1, 1_001)]
    await ages("email", *many)
    plan = await ask("email", job="rare", wave=5, pause=60)
    assert plan.blast_radius[0].startswith(
        "10 failed jobs are done again, 5 at once with 60 s between, which takes about 60"
    )
    plan = await ask("email", job="rare", wave=10, pause=60)
    assert await run(plan) == ["10 jobs wait again"]


async def test_the_oldest_wait_first_and_later_ones_stay(ask: Ask, ages: Ages, run: Run, raw: Redis) -> None:
    await ages("email", *TWO)
    plan = await ask("email")
    await ages("email", (-5, "later", "sendEmail"), first=3)
    assert await run(plan) == ["2 jobs wait again"]
    assert await raw.lrange("bull:nova-email:wait", 0, -1) == ["1", "2"]
    assert await raw.zrange("bull:nova-email:failed", 0, -1) == ["3"]


@pytest.mark.parametrize("ahead", [-7, 0, 7])
async def test_a_clock_of_the_workers_that_is_wrong_retries_no_other_jobs(
    ask: Ask, ages: Ages, run: Run, raw: Redis, ahead: int
) -> None:
    await ages("email", *((minutes - ahead, reason, name) for minutes, reason, name in TWO))
    plan = await ask("email")
    assert plan.title == "Retry 2 failed jobs of email"
    await ages("email", (-0.1 - ahead, "later", "sendEmail"), first=3)
    assert await run(plan) == ["2 jobs wait again"]
    assert await raw.zrange("bull:nova-email:failed", 0, -1) == ["3"]


async def test_a_paused_queue_is_warned_about(ask: Ask, node: NodeQueues, request_: Request) -> None:
    await node.ask("add", "nova-email", jobs=[{}])
    await node.ask("fail", "nova-email", reasons=["it broke"])
    await node.ask("pause", "nova-email")
    plan = await ask("email", request=request_.model_copy(update={"received_at": datetime.now(UTC)}))
    assert "email: paused, so that the jobs wait until it is resumed." in plan.warnings


async def test_only_some_are_retried(ask: Ask, ages: Ages, run: Run, raw: Redis) -> None:
    await ages("email", *TWO, (1, "other", "sendReport"))
    assert await run(await ask("email", job="sendReport", wave=1)) == ["1 job waits again"]
    assert await raw.lrange("bull:nova-email:wait", 0, -1) == ["3"]


async def test_plain_lists_are_retried_as_a_whole(ask: Ask, run: Run, raw: Redis) -> None:
    await raw.delete("bull:nova-email:meta")
    await raw.rpush("nova:email:failed", "1", "2")
    assert await run(await ask("email")) == ["2 jobs wait again"]
    assert await raw.llen("nova:email:waiting") == 2


async def test_what_cannot_be_retried_is_said(ask: Ask, ages: Ages, raw: Redis) -> None:
    with pytest.raises(UserError, match="No job has failed in email"):
        await ask("email")
    with pytest.raises(UsageError, match="There is no queue"):
        await ask("emial")
    await ages("email", *TWO)
    await raw.hset("bull:nova-email:meta", "version", "bullmq:4.1.0")
    with pytest.raises(Refused, match="only read"):
        await ask("email")
