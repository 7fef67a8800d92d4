"""``/clear-failed``: what its plan says and relies on, and that its steps do it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.clients.queue_changes import QueueChanges
from bot.clients.queues import Queues
from bot.errors import NotConfigured, Refused, Unavailable, UsageError, UserError
from bot.plan import Plan
from bot.request import Request
from bot.settings import RedisSettings
from bot.stores.archive import Archive
from bot.stores.database import Database
from bot.stores.plans import Plans
from commands.clearing_failed_jobs.clear_failed import clear_failed

Ages = Callable[..., Awaitable[None]]
Ask = Callable[..., Awaitable[Plan]]
Run = Callable[[Plan], Awaitable[list[str]]]
Keep = Callable[[Plan], Awaitable[None]]
TWO = ((5, "it broke 1", "sendEmail"), (90, "it broke 2", "sendEmail"))


@pytest.fixture
def ask(queues: Queues, changes: QueueChanges, archive: Archive, plans: Plans, request_: Request, now: datetime) -> Ask:
    async def asked(queue: str = "", **other: Any) -> Plan:
        needed = {"queues": queues, "changes": changes, "archive": archive, "plans": plans}
        needed |= {"request": request_, "now": now}
        plan = await clear_failed.handler(queue, **needed | other)
        assert isinstance(plan, Plan)
        return plan

    return asked


async def test_the_plan_says_what_goes_and_how_it_comes_back(ask: Ask, ages: Ages) -> None:
    await ages("email", *TWO)
    plan = await ask("email")
    assert plan.title == "Clear 2 failed jobs of email"
    (change,) = plan.changes
    assert change.what == "email: failed up to 2026-07-01 08:55:00 UTC"
    assert plan.notes[0] == "email: 2 of 2 failed jobs, from 2026-07-01 07:30 to 2026-07-01 08:55 UTC"
    assert plan.undo is not None
    assert plan.undo.arguments == {"restore": plan.facts["archive"]}
    assert (await ask("email")).digest("/clear-failed", {}) == plan.digest("/clear-failed", {})


async def test_its_undo_brings_everything_back(ask: Ask, ages: Ages, run: Run, raw: Redis) -> None:
    await ages("email", *TWO)
    plan = await ask("email")
    await ages("email", (-5, "later", "sendEmail"), first=3)
    name = plan.facts["archive"]
    assert await run(plan) == [f"2 jobs removed, kept for 7 days as archive {name}"]
    assert await raw.zrange("bull:nova-email:failed", 0, -1) == ["3"]
    assert plan.undo is not None
    back = await ask(**plan.undo.arguments)
    assert plan.undo.expects.items() <= back.facts.items()
    assert (back.title, back.undo) == ("Bring back 2 failed jobs of email", None)
    assert await run(back) == ["2 jobs are back"]
    assert await raw.zcard("bull:nova-email:failed") == 3
    with pytest.raises(UserError, match="was brought back before"):
        await ask(restore=name)


async def test_without_an_archive_they_are_gone_for_good(ask: Ask, ages: Ages, run: Run, raw: Redis) -> None:
    await ages("email", *TWO)
    plan = await ask("email", no_archive=True)
    await ages("email", (-5, "later", "sendEmail"), first=3)
    assert (plan.title, plan.undo) == ("Clear 2 failed jobs of email for good", None)
    assert plan.no_undo == "No copy is kept."
    assert await run(plan) == ["2 jobs removed, none of them kept"]
    assert await raw.zrange("bull:nova-email:failed", 0, -1) == ["3"]
    with pytest.raises(UsageError, match="cleared as a whole"):
        await ask("email", no_archive=True, job="sendEmail")
    with pytest.raises(UsageError, match="as a whole"):
        await ask(restore="other", no_archive=True)
    await raw.delete("bull:nova-email:meta")
    await raw.rpush("nova:email:failed", "1", "2")
    with pytest.raises(UsageError, match="plain list, which is always archived"):
        await ask("email", no_archive=True)


async def test_without_a_key_nothing_is_archived_and_so_nothing_removed(
    ask: Ask, ages: Ages, database: Database
) -> None:
    await ages("email", *TWO)
    keyless = Archive(database, None)
    with pytest.raises(NotConfigured, match="The archive, whose copies are sealed, is not configured"):
        await ask("email", archive=keyless)
    assert (await ask("email", archive=keyless, no_archive=True)).title == "Clear 2 failed jobs of email for good"


async def test_an_archive_that_is_old_or_none_is_not_there(ask: Ask, ages: Ages, run: Run, now: datetime) -> None:
    await ages("email", *TWO)
    plan = await ask("email")
    await run(plan)
    for name, later in ((plan.facts["archive"], timedelta(days=7)), ("other", timedelta())):
        with pytest.raises(UserError, match="There is no archive"):
            await ask(restore=name, now=now + later)
    with pytest.raises(UsageError, match="as a whole"):
        await ask("email", restore="other")


async def test_every_queue_at_once_leaves_what_cannot_be_cleared(ask: Ask, ages: Ages, run: Run, raw: Redis) -> None:
    await ages("email", *TWO)
    await ages("report", *TWO)
    await raw.hset("bull:nova-report:meta", "version", "bullmq:9.0.0")
    await raw.delete("bull:nova-webhook:meta")
    plan = await ask("ALL")
    assert plan.title == "Clear 2 failed jobs of email"
    assert [warning.partition(". ")[0] for warning in plan.warnings] == [
        "Left as it is: The failed jobs are unknown",
        "Left as it is: report is of bullmq:9.0.0, which is only read here.",
    ]
    await run(plan)
    assert await raw.zcard("bull:nova-email:failed") == 0
    assert await raw.zcard("bull:nova-report:failed") == 2


async def test_only_what_is_old_enough(ask: Ask, ages: Ages, run: Run, raw: Redis) -> None:
    await ages("email", *TWO)
    plan = await ask("email", older_than="1h")
    assert plan.title == "Clear 1 failed job of email"
    await run(plan)
    assert await raw.zrange("bull:nova-email:failed", 0, -1) == ["1"]
    with pytest.raises(UsageError, match="is no duration: write 30m") as caught:
        await ask("email", older_than="soon")
    assert caught.value.argument == "older_than"


async def test_only_a_name_and_a_cluster_that_exist(ask: Ask, ages: Ages, run: Run, raw: Redis) -> None:
    await ages("email", *TWO, (1, "other", "sendReport"))
    with pytest.raises(UsageError, match="There are the names sendEmail, sendReport") as caught:
        await ask("email", job="sendemial")
    assert (caught.value.nearest, caught.value.argument) == ("sendEmail", "job")
    with pytest.raises(UsageError, match="There are the clusters") as caught:
        await ask("email", cluster="xxxxxx")
    assert caught.value.argument == "cluster"
    plan = await ask("email", job="sendReport")
    assert plan.changes[0].what.endswith(", name sendReport")
    await run(plan)
    assert await raw.zrange("bull:nova-email:failed", 0, -1) == ["2", "1"]


async def test_what_is_meant_is_found_among_very_many(ask: Ask, ages: Ages, run: Run, raw: Redis) -> None:
    await ages("email", *TWO)
    async with raw.pipeline(transaction=False) as pipeline:
        for number in range(10_500):
            pipeline.zadd("bull:nova-email:failed", {f"old-{number}": number})
            pipeline.hset(f"bull:nova-email:old-{number}", mapping={"name": "old", "failedReason": "long ago"})
        await pipeline.execute()
    plan = await ask("email", job="sendEmail")
    assert (plan.title, plan.warnings) == ("Clear 2 failed jobs of email", ())
    assert (await run(plan))[0].startswith("2 jobs removed")
    assert await raw.zcard("bull:nova-email:failed") == 10_500


async def test_nothing_to_clear_is_said(ask: Ask, ages: Ages, keep: Keep, raw: Redis) -> None:
    with pytest.raises(UserError, match="No job has failed in email"):
        await ask("email")
    await ages("email", *TWO)
    await keep(await ask("email"))
    await raw.delete("bull:nova-email:failed")
    await ages("email", (-5, "later", "sendEmail"), first=3)
    with pytest.raises(UserError, match="None of the jobs that this meant is left in email; 1 failed since"):
        await ask("email")


@pytest.mark.parametrize("ahead", [-7, 0, 7])
@pytest.mark.parametrize("chosen", [{}, {"job": "sendEmail"}, {"older_than": "1m"}, {"no_archive": True}])
async def test_only_what_was_counted_goes_whatever_the_workers_clock_says(
    ask: Ask, ages: Ages, run: Run, raw: Redis, ahead: int, chosen: dict[str, Any]
) -> None:
    older = [(minutes + 9 - ahead, reason, name) for minutes, reason, name in TWO]
    await ages("email", *older)
    plan = await ask("email", **chosen)
    assert plan.title.startswith("Clear 2 failed jobs of email")
    await ages("email", (-0.1 - ahead, "later", "sendEmail"), first=3)
    await run(plan)
    assert await raw.zrange("bull:nova-email:failed", 0, -1) == ["3"]


async def test_a_clock_that_is_ahead_is_said(ask: Ask, ages: Ages) -> None:
    await ages("email", *TWO, (-7, "from a clock that is ahead", "sendEmail"))
    plan = await ask("email")
    assert plan.title == "Clear 3 failed jobs of email"
    assert plan.warnings[0].startswith("email: the newest failure is dated 7 min after this was asked. A clock is wro")


async def test_planned_again_the_same_is_meant_and_no_queue_besides(
    ask: Ask, ages: Ages, keep: Keep, raw: Redis
) -> None:
    await ages("email", *TWO)
    plan = await ask("all", no_archive=True)
    await keep(plan)
    await ages("email", (-5, "later", "sendEmail"), first=3)
    await ages("report", *TWO)
    await raw.zrem("bull:nova-email:failed", "1")  # the newest of those that were counted
    again = await ask("all", no_archive=True)
    assert (again.title, again.facts, again.steps) == ("Clear 1 failed job of email for good", plan.facts, plan.steps)
    assert again.digest("/clear-failed", {}) == plan.digest("/clear-failed", {})


async def test_plain_lists_go_as_a_whole(ask: Ask, run: Run, raw: Redis) -> None:
    await raw.delete("bull:nova-email:meta")
    await raw.rpush("nova:email:failed", "1", "2")
    plan = await ask("email")
    assert plan.facts["email entries"] == 2
    assert "only as long as it has 2 entries" in plan.warnings[0]
    with pytest.raises(UserError, match="only be taken as a whole"):
        await ask("email", job="sendEmail")
    await run(plan)
    assert await raw.exists("nova:email:failed") == 0
    await run(await ask(restore=plan.facts["archive"]))
    assert await raw.lrange("nova:email:failed", 0, -1) == ["1", "2"]


async def test_what_cannot_be_cleared_is_said(ask: Ask, ages: Ages, raw: Redis) -> None:
    await ages("email", *TWO)
    await raw.hset("bull:nova-email:meta", "version", "bullmq:7.0.0")
    with pytest.raises(Refused, match=r"bullmq:7\.0\.0, which is only read"):
        await ask("email")
    await raw.delete("bull:nova-webhook:meta")
    with pytest.raises(UserError, match="no such keys in Redis"):
        await ask("webhook")


@pytest.mark.parametrize(("queue", "near"), [("emial", "email"), ("", "")])
async def test_an_unknown_queue_is_answered_with_those_that_exist(ask: Ask, queue: str, near: str) -> None:
    with pytest.raises(UsageError, match="email, webhook, workflow, report, and all") as caught:
        await ask(queue)
    assert (caught.value.nearest, caught.value.argument) == (near, "queue")


async def test_a_redis_that_is_down_is_said(
    ask: Ask, dead_queues: Queues, dead_redis_settings: RedisSettings, archive: Archive
) -> None:
    dead = QueueChanges(dead_redis_settings, dead_queues, archive)
    with pytest.raises(Unavailable, match="connection refused"):
        await ask("email", queues=dead_queues, changes=dead)
    await dead.close()
