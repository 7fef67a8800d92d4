"""``/failed-jobs``: what failed and why, and never what the jobs were about."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.catalog import Catalog
from bot.clients.api import NovaPulseApi
from bot.clients.queue_changes import QueueChanges
from bot.clients.queues import Queues
from bot.errors import Incomplete, UsageError, UserError
from bot.next_steps import next_steps
from bot.plan import Plan
from bot.policy_file import PolicyFile
from bot.reply import Buttons, Code, Level, Log, Reply, Text, When
from bot.request import Request
from bot.slack.blocks import render
from bot.slack.limits import problems
from bot.stores.plans import Plans
from bot.stores.samples import Sample, Samples
from commands.clearing_failed_jobs.failed_jobs import failed_jobs
from commands.clearing_failed_jobs.retry_failed import retry_failed
from tests.clients.pretend_api import NAMES, PretendApi, wrapped
from tests.commands.said import line, said
from tests.servers import NodeQueues

Ask = Callable[..., Awaitable[Reply]]
EMAIL = "nova-email"


@pytest.fixture
def ask(queues: Queues, api: NovaPulseApi, policy: PolicyFile, samples: Samples, now: datetime) -> Ask:
    async def asked(queue: str = "", job: str = "", **other: Any) -> Reply:
        needed = {"queues": queues, "api": api, "policy": policy, "samples": samples, "now": now}
        reply = await failed_jobs.handler(queue, job, **needed | other)
        assert isinstance(reply, Reply)
        return reply

    return asked


async def fill(raw: Redis, reasons: list[str], queue: str = EMAIL, **fields: Any) -> None:
    async with raw.pipeline(transaction=False) as pipeline:
        job: dict[Any, Any] = {"name": "job", **fields}
        for number, reason in enumerate(reasons, 1):
            pipeline.zadd(f"bull:{queue}:failed", {str(number): 1_700_000_000_000 + number * 1000})
            pipeline.hset(f"bull:{queue}:{number}", mapping=job | {"failedReason": reason})
        await pipeline.execute()


def texts(reply: Reply) -> list[str]:
    """Return the paragraphs without the names of the clusters, which a test of their own looks at."""
    said = ["".join(_word(span) for span in part.spans) for part in reply.parts if isinstance(part, Text)]
    return [text.partition("\ncluster ")[0] for text in said]


def _word(span: Any) -> str:
    return span if isinstance(span, str) else "" if isinstance(span, When) else span.text


async def test_errors_that_say_the_same_are_counted_together(ask: Ask, node: NodeQueues) -> None:
    data = {"to": "somebody@example.org", "secret": "hunter2"}
    await node.ask("add", EMAIL, job="sendEmail", data=data, jobs=[{}] * 4)
    reasons = [
        "Timeout of 5000 ms for job 17",
        "550 no such mailbox jane@example.org",
        "Timeout of 9000 ms for job 23",
        "Timeout of 1000 ms for job 4",
    ]
    await node.ask("fail", EMAIL, reasons=reasons)
    reply = await ask("email")
    assert reply.title == "4 failed jobs in email"
    assert (reply.level, line(reply, "email").level) == (Level.INFO, Level.OK)
    assert line(reply, "email").value == "4 failed · 2 kinds of error"
    assert [text.partition(" · first ")[0] for text in texts(reply)] == [
        "3x Timeout of <n> ms for job <n>\nemail · sendEmail · 1 attempt",
        "1x <n> no such mailbox <email>\nemail · sendEmail · 1 attempt",
    ]
    samples = [part.text for part in reply.parts if isinstance(part, Log)]
    assert samples == ["Timeout of 1000 ms for job 4", "550 no such mailbox <email>"]
    assert not {word for word in ("somebody", "hunter2", "jane") if word in said(reply)}
    assert "Job data is never shown" in said(reply)


async def test_first_and_last_seen_and_attempts(ask: Ask, raw: Redis) -> None:
    await fill(raw, ["it broke"] * 3, atm="3")
    await raw.hset("bull:nova-email:1", mapping={"atm": "1", "name": "other"})
    reply = await ask("email")
    assert texts(reply) == [
        "3x it broke\nemail · job, other · 1 to 3 attempts · first  · last  · none in the last 20 min"
    ]
    (text,) = [part for part in reply.parts if isinstance(part, Text)]
    moments = [span.at for span in text.spans if isinstance(span, When)]
    assert moments == [datetime.fromtimestamp(1_700_000_000 + second, UTC) for second in (1, 3)]
    assert not [part for part in reply.parts if isinstance(part, Log)], "the sample would say the same again"


async def test_no_failed_jobs(ask: Ask) -> None:
    reply = await ask()
    assert (reply.title, reply.level) == ("0 failed jobs in all 4 queues", Level.OK)
    assert line(reply, "report").value == "0 failed"


async def test_as_many_as_are_kept_may_be_more(ask: Ask, raw: Redis) -> None:
    await fill(raw, ["it broke"] * 1000)
    reply = await ask("email")
    assert reply.title == "1,000 or more failed jobs in email"
    said_of = line(reply, "email").value
    assert said_of.startswith("1,000 or more failed (the newest 1,000 are kept, older ones are dropped) · ")
    await raw.hset("bull:nova-email:1000", "opts", '{"removeOnFail":{"count":5000}}')
    assert line(await ask("email"), "email").value.startswith("1,000 failed · "), "the newest says that more are kept"
    await raw.hset("bull:nova-email:1000", "opts", '{"removeOnFail":100}')
    assert "1,000 failed (the next failure drops the oldest: 100 are kept)" in line(await ask("email"), "email").value


async def test_more_than_workers_keep_are_counted_and_the_policy_judges(ask: Ask, raw: Redis) -> None:
    await fill(raw, ["it broke"] * 1005)
    await fill(raw, ["it broke too"] * 101, "nova-report")
    reply = await ask()
    assert (reply.title, reply.level) == ("1,106 failed jobs in all 4 queues", Level.CRITICAL)
    assert line(reply, "email").value == (
        "1,005 failed · 1 kind of error · only the newest 1,000 of them were looked at"
    )
    assert (line(reply, "report").level, line(reply, "webhook").level) == (Level.WARNING, Level.OK)
    assert texts(reply)[0].startswith("1,000x it broke\nemail")
    assert texts(reply)[1].startswith("101x it broke too\nreport")
    assert "email: counted among the newest 1,000 only; a kind of error may have more jobs" in said(reply)


async def test_what_is_counted_is_what_the_plans_count(
    ask: Ask, raw: Redis, queues: Queues, changes: QueueChanges, plans: Plans, request_: Request
) -> None:
    reasons = [f"{kind} after {number} ms" for number in range(20) for kind in ("Timeout", "Refused")[: 1 + number % 2]]
    await fill(raw, [*reasons, "x" * 100_000, "token=hunter2 for jane@example.org", ""])
    reply = await ask("email")
    shown = [part.spans for part in reply.parts if isinstance(part, Text)]
    counted = {span.text: _word(spans[0]) for spans in shown for span in spans if isinstance(span, Code)}
    assert sorted(counted.values()) == ["10x", "1x", "1x", "1x", "20x"]
    for cluster, count in counted.items():
        plan = await retry_failed.handler(
            "email", cluster=cluster, queues=queues, changes=changes, plans=plans, request=request_
        )
        assert isinstance(plan, Plan)
        assert plan.notes[0].startswith(f"email: {count.strip('x ')} of 33 failed jobs")


async def test_many_kinds_of_hostile_reasons_fit_into_slack(ask: Ask, raw: Redis) -> None:
    letters = "abcdefghijkl"
    hostile = [f"{letter} <!channel> <@U0VIEWER> ``` \x00 token=hunter2 " + "&<>" * 1000 for letter in letters]
    await fill(raw, hostile)
    reply = await ask("email")
    assert "4 rarer kinds of error with 4 jobs are not shown." in said(reply)
    assert "hunter2" not in said(reply)
    rendered = render(reply).blocks
    assert problems(rendered) == []
    assert "<!channel>" not in str(rendered)


async def test_a_job_without_a_reason_and_one_that_is_gone(ask: Ask, raw: Redis) -> None:
    await fill(raw, ["", "it broke"])
    await raw.delete("bull:nova-email:2")
    reply = await ask("email")
    assert texts(reply)[0].startswith("1x (no reason is recorded)\nemail · job · attempts unknown")
    assert "1 could not be read: removed meanwhile, or their data is gone" in line(reply, "email").value


async def test_plain_lists_say_what_cannot_be_told(ask: Ask, raw: Redis) -> None:
    await raw.delete("bull:nova-email:meta")
    await raw.rpush("nova:email:failed", "1", "2")
    reply = await ask("email")
    assert texts(reply) == ["2x (no reason is recorded)\nemail · job name unknown · attempts unknown"]
    assert "email is kept in plain lists: which jobs are the newest cannot be told" in said(reply)


async def test_a_list_that_is_none_is_unknown(ask: Ask, raw: Redis) -> None:
    await raw.delete("bull:nova-email:meta")
    await raw.rpush("nova:email:waiting", "1")
    await raw.set("nova:email:failed", "text")
    reply = await ask("email")
    assert reply.title == "How many jobs failed in email is unknown"
    assert line(reply, "email").level is Level.UNKNOWN


async def test_a_missing_queue_is_unknown_and_the_others_are_read(ask: Ask, raw: Redis) -> None:
    await raw.delete("bull:nova-webhook:meta")
    reply = await ask()
    assert (reply.title, reply.level) == ("0 failed jobs in 3 of 4 queues", Level.UNKNOWN)
    assert "webhook: no such keys in Redis" in line(reply, "webhook").value


async def test_the_api_counts_when_redis_is_down(ask: Ask, dead_queues: Queues, api_server: PretendApi) -> None:
    stats = {"email": dict.fromkeys(NAMES, 0) | {"failed": 7}}
    api_server.answers["/queue/stats"] = wrapped({"success": True, "stats": stats})
    reply = await ask(queues=dead_queues)
    assert (reply.title, reply.level) == ("Why jobs failed is unknown: only Redis knows", Level.UNKNOWN)
    assert line(reply, "Redis").value == "Redis could not be read: connection refused."
    assert line(reply, "email").value == "7 failed, as the NovaPulse API counts"
    assert line(reply, "report").value == "unknown"


async def test_nothing_is_known_when_both_are_down(ask: Ask, dead_queues: Queues, dead_api: NovaPulseApi) -> None:
    reply = await ask("email", queues=dead_queues, api=dead_api)
    assert reply.title == "The failed jobs could not be read: how many there are is unknown"
    assert "NovaPulse API could not be read" in said(reply)


async def test_an_unknown_queue_is_answered_with_those_that_exist(ask: Ask) -> None:
    with pytest.raises(UsageError, match="there are email, webhook, workflow, report") as caught:
        await ask("emial")
    assert (caught.value.nearest, caught.value.argument) == ("email", "queue")


def test_the_alert_leads_here(policy: PolicyFile, catalog: Catalog) -> None:
    (rule,) = [rule for rule in policy.current.alerts if rule.name == "failed-jobs"]
    buttons = next_steps(rule.next_steps, {"queue": "report"}, catalog)
    assert [(button.action, button.value) for button in buttons] == [
        ("run", "/failed-jobs report"),
        ("run", "/queue-stats report"),
    ]


async def test_since_when_the_sources_are_down(
    ask: Ask, dead_queues: Queues, dead_api: NovaPulseApi, samples: Samples, now: datetime
) -> None:
    for system in ("redis", "api"):
        moments = ((50, 1.0), (44, 0.0))
        await samples.add([Sample(f"system/{system}/up", now - timedelta(minutes=ago), up) for ago, up in moments])
    reply = await ask(queues=dead_queues, api=dead_api)
    assert line(reply, "Redis").value == "Redis could not be read: connection refused since 08:16 UTC."
    assert line(reply, "NovaPulse API").value.endswith("since 08:16 UTC.")


async def test_an_unknown_queue_of_any_length_is_said_back_short(ask: Ask) -> None:
    with pytest.raises(UsageError, match="10,000 characters in all") as caught:
        await ask("x" * 10_000)
    assert caught.value.usage == "/failed-jobs [queue] [id]"
    assert len(caught.value.message) < 200


async def test_clusters_have_names_a_slope_and_buttons(ask: Ask, raw: Redis, now: datetime) -> None:
    await fill(raw, ["it broke 1", "it broke 2", "it broke 3", "other"])
    for job, minutes in (("1", 1), ("2", 2), ("3", 15)):
        await raw.hset(f"bull:{EMAIL}:{job}", "finishedOn", str((now.timestamp() - 60 * minutes) * 1000))
    reply = await ask("email")
    said_ = next(part for part in reply.parts if isinstance(part, Text))
    name = next(span.text for span in said_.spans if isinstance(span, Code))
    assert " · rising: 2 in the last 10 min, 1 in the 10 before" in said_.spans
    assert said_.spans[-1] == " · such as job 3"
    (row,) = [part for part in reply.parts if isinstance(part, Buttons)]
    assert [button.value for button in row.buttons][:2] == [
        f"/retry-failed email --cluster {name}",
        f"/clear-failed email --cluster {name}",
    ]
    assert [button.label for button in row.buttons][:2] == [f"Retry cluster {name}", f"Clear cluster {name}"]


async def test_one_job_is_shown_without_what_it_was_about(ask: Ask, node: NodeQueues) -> None:
    data = {"to": "somebody@example.org", "secret": "hunter2", "tries": 3, "list": []}
    await node.ask("add", EMAIL, job="sendEmail", data=data, jobs=[{"attempts": 1, "priority": 4}])
    await node.ask("log", EMAIL, id="1", line="sent to jane@example.org with token=hunter2")
    await node.ask("fail", EMAIL, reasons=["550 no such mailbox jane@example.org"])
    reply = await ask("email", "1")
    assert (reply.title, reply.level) == ("Job 1 of email: sendEmail", Level.CRITICAL)
    text = said(reply)
    for expected in (
        "attempt 1 of 1",
        "priority 4",
        "550 no such mailbox <email>",
        "sent to <email> with token=***",
        "Its data has to (text), secret (text), tries (number), list (list).",
        "at ",
    ):
        assert expected in text
    for secret in ("hunter2", "somebody", "jane"):
        assert secret not in text
    assert problems(render(reply).blocks) == []


async def test_a_job_that_is_none_is_said(ask: Ask, raw: Redis) -> None:
    await raw.set(f"bull:{EMAIL}:text", "no job")
    for job in ("17", "text"):
        with pytest.raises(UserError, match="There is no job"):
            await ask("email", job)


async def test_a_job_that_does_not_fail_any_more_is_shown(ask: Ask, node: NodeQueues) -> None:
    await node.ask("add", EMAIL, jobs=[{}])
    reply = await ask("email", "1")
    assert reply.level is Level.INFO
    assert "not among the failed jobs" in said(reply)


async def test_giants_are_not_fetched(ask: Ask, raw: Redis) -> None:
    await fill(raw, ["x" * 100_000], data="y" * 100_000, stacktrace="z" * 100_000, opts="o" * 100_000)
    await raw.rpush(f"bull:{EMAIL}:1:logs", "l" * 100_000)
    reply = await ask("email", "1")
    assert len(said(reply)) < 2_000
    assert "more than 65,536 bytes" in said(reply)


async def test_plain_lists_and_missing_queues_have_no_single_jobs(ask: Ask, raw: Redis) -> None:
    await raw.delete("bull:nova-email:meta", "bull:nova-webhook:meta")
    await raw.rpush("nova:email:failed", "1")
    with pytest.raises(UserError, match="plain lists"):
        await ask("email", "1")
    with pytest.raises(UserError, match="The job is unknown"):
        await ask("webhook", "1")


@pytest.mark.parametrize("queue", ["", "all", "email,webhook"])
async def test_a_job_is_looked_for_in_the_queue_that_is_said(ask: Ask, queue: str) -> None:
    with pytest.raises(Incomplete, match="Say in which queue the job is: email, webhook"):
        await ask(queue, "1042")
