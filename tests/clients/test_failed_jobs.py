"""Failed jobs as Node's BullMQ leaves them, and as the runbook's plain lists might hold them."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.failed_jobs import FETCHED, JOBS_READ, REASON_LIMIT, FailedJob, FailedJobs
from bot.clients.queue_layout import MissingQueue
from bot.clients.queues import Queues
from bot.errors import Forbidden, TimedOut, Unavailable
from bot.settings import RedisSettings
from sandbox.ports import free_port
from sandbox.tcp_gate import TcpGate
from tests.servers import NodeQueues

EMAIL = "nova-email"
FAILED = "bull:nova-email:failed"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def reader(url: str) -> Queues:
    return Queues(RedisSettings(redis_url=SecretStr(url), queues={"email": EMAIL, "report": "nova-report"}))


@pytest.fixture
async def queues(redis_url: str) -> AsyncIterator[Queues]:
    client = reader(redis_url)
    yield client
    await client.close()


async def email(queues: Queues) -> FailedJobs:
    found = (await queues.failed_jobs(["email"]))["email"]
    assert isinstance(found, FailedJobs)
    return found


async def put(raw: Redis, number: int, **fields: str) -> None:
    """Write a failed job by hand, a second younger than the one before."""
    await raw.hset("bull:nova-email:meta", "version", "bullmq:5.65.1")
    await raw.zadd(FAILED, {str(number): (AT + timedelta(seconds=number)).timestamp() * 1000})
    if fields:
        await raw.hset(f"bull:nova-email:{number}", mapping=dict[Any, Any](fields))


async def test_what_nodes_bullmq_left_is_read(queues: Queues, node: NodeQueues, raw: Redis) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    data = {"to": "somebody@example.org", "secret": "whsec_abcdef"}
    await node.ask("add", EMAIL, job="sendEmail", data=data, jobs=[{"attempts": 2}, {}])
    await node.ask("fail", EMAIL, reasons=["first attempt", "it broke"])
    await node.ask("fail", EMAIL, reasons=["timed out after 5000 ms"])
    assert await raw.zcard(FAILED) == 2
    found = await email(queues)
    assert (found.total, found.is_capped, found.unread, found.layout) == (2, False, 0, "bullmq5")
    assert [(job.name, job.reason, job.attempts) for job in found.jobs] == [
        ("sendEmail", "timed out after 5000 ms", 2),
        ("sendEmail", "it broke", 1),
    ]
    newest, oldest = (job.failed_at for job in found.jobs)
    assert newest is not None
    assert oldest is not None
    assert before <= oldest <= newest <= datetime.now(UTC)
    assert "somebody" not in repr(found)
    assert "whsec" not in repr(found)


async def test_a_queue_without_failed_jobs_has_a_real_zero(queues: Queues, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    assert await email(queues) == FailedJobs("email", "bullmq5", 0, is_capped=False)


async def test_only_the_newest_thousand_are_read(queues: Queues, raw: Redis) -> None:
    async with raw.pipeline(transaction=False) as pipeline:
        for number in range(JOBS_READ + 50):
            pipeline.zadd(FAILED, {str(number): number + 1})
            pipeline.hset(f"bull:nova-email:{number}", "name", f"job-{number}")
        await pipeline.execute()
    found = await email(queues)
    assert (found.total, found.is_capped, len(found.jobs)) == (1050, False, JOBS_READ)
    assert (found.jobs[0].name, found.jobs[-1].name) == ("job-1049", "job-50")


@pytest.mark.parametrize(
    ("options", "kept", "is_capped"),
    [
        ('{"removeOnFail":{"count":3}}', 3, True),
        ('{"removeOnFail":3}', 3, True),
        ('{"removeOnFail":{"count":2,"age":60}}', 2, False),
        ('{"removeOnFail":{"age":60}}', None, False),
        ('{"removeOnFail":true}', None, False),
        ('{"attempts":5}', None, False),
        ("[]", None, False),
        ("no JSON", None, False),
        ('{"removeOnFail":3}' + " " * FETCHED, None, False),
    ],
)
async def test_how_many_are_kept_is_said_by_the_newest_or_unknown(
    queues: Queues, raw: Redis, options: str, kept: int | None, is_capped: bool
) -> None:
    for number in range(2):
        await put(raw, number, name="sendEmail", opts='{"removeOnFail":1}')
    await put(raw, 2, name="sendEmail", opts=options)
    found = await email(queues)
    assert (found.total, found.kept, found.is_capped) == (3, kept, is_capped)


async def test_what_node_is_told_to_keep_is_read(queues: Queues, node: NodeQueues) -> None:
    await node.ask("add", EMAIL, jobs=[{"removeOnFail": {"count": 1}}])
    await node.ask("fail", EMAIL, reasons=["it broke"])
    found = await email(queues)
    assert (found.total, found.kept, found.is_capped) == (1, 1, True)


async def test_jobs_whose_hash_is_gone_or_no_hash_are_counted_as_unread(queues: Queues, raw: Redis) -> None:
    await put(raw, 1)
    await put(raw, 2)
    await put(raw, 3, name="sendEmail", failedReason="it broke", attemptsMade="3")
    await raw.set("bull:nova-email:2", "no hash")
    found = await email(queues)
    assert (found.total, found.unread) == (3, 2)
    # BullMQ 4 wrote the number of attempts out; without a time of its own the job failed when the set says.
    assert found.jobs == (FailedJob("sendEmail", "it broke", 3, AT + timedelta(seconds=3)),)


async def test_secrets_and_addresses_are_masked_and_reasons_cut(queues: Queues, raw: Redis) -> None:
    reason = "connect redis://user:hunter2@redis:6379 for jane.doe@example.org\n" + "x" * 50_000
    await put(raw, 1, name="token=hunter2 " + "n" * 500, failedReason=reason)
    (job,) = (await email(queues)).jobs
    assert job.reason.startswith("connect redis://user:***@redis:6379 for <email>\nxxx")
    assert len(job.reason) == REASON_LIMIT
    assert job.name is not None
    assert len(job.name) <= 80
    assert "hunter2" not in repr(job)


async def test_a_secret_across_the_cut_is_masked(queues: Queues, raw: Redis) -> None:
    await put(raw, 1, failedReason="x" * (REASON_LIMIT - 25) + " redis://user:hunter2hunter2@redis:6379")
    assert "hunter2" not in (await email(queues)).jobs[0].reason


async def test_a_giant_reason_is_not_fetched(queues: Queues, raw: Redis) -> None:
    await put(raw, 1, name="sendEmail", failedReason="x" * 70_000)
    (job,) = (await email(queues)).jobs
    assert (job.name, job.reason) == ("sendEmail", "(a reason of more than 65,536 bytes, which was not read)")


async def test_a_giant_name_and_a_giant_entry_of_a_plain_list_are_not_fetched(queues: Queues, raw: Redis) -> None:
    await put(raw, 1, name="x" * 70_000, failedReason="it broke")
    (job,) = (await email(queues)).jobs
    assert (job.name, job.reason) == (None, "it broke")
    await raw.flushall()
    await raw.rpush("nova:email:failed", json.dumps({"error": "x" * 70_000}), json.dumps({"error": "it broke"}))
    giant, small = (await email(queues)).jobs
    assert (giant.reason, small.reason) == ("", "it broke")


@pytest.mark.parametrize("number", ["many", "-1", "9" * 30, "1e400", ""])
async def test_numbers_that_are_none_are_unknown(queues: Queues, raw: Redis, number: str) -> None:
    await put(raw, 1, name="job", atm=number, finishedOn=number)
    (job,) = (await email(queues)).jobs
    assert (job.attempts, job.reason) == (None, "")
    assert job.failed_at in (AT + timedelta(seconds=1), datetime.fromtimestamp(-0.001, UTC))


async def test_plain_lists_of_the_runbook(queues: Queues, raw: Redis) -> None:
    full = {"name": "sendEmail", "failedReason": "no password=abc", "attemptsMade": 5, "finishedOn": 1_700_000_000_000}
    entries = ["17", json.dumps(full), json.dumps({"data": {"to": "x"}, "error": "it broke"}), "[" * 50_000, "[1]"]
    await raw.rpush("nova:email:failed", *entries)
    found = await email(queues)
    assert (found.layout, found.total, found.is_capped) == ("plain", 5, False)
    nothing = FailedJob(None, "", None, None)
    assert found.jobs == (
        nothing,
        FailedJob("sendEmail", "no password=***", 5, datetime.fromtimestamp(1_700_000_000, UTC)),
        FailedJob(None, "it broke", None, None),
        nothing,
        nothing,
    )


async def test_a_plain_queue_whose_failed_key_is_no_list_is_unknown(queues: Queues, raw: Redis) -> None:
    await raw.rpush("nova:email:waiting", "1")
    await raw.set("nova:email:failed", "text")
    assert (await email(queues)).total is None


async def test_a_queue_that_is_not_there_is_missing(queues: Queues, node: NodeQueues) -> None:
    await node.ask("open", EMAIL)
    found = await queues.failed_jobs(["report", "email"])
    assert list(found) == ["report", "email"]
    assert isinstance(found["report"], MissingQueue)
    assert isinstance(found["email"], FailedJobs)


async def test_a_redis_that_is_down_is_unavailable() -> None:
    queues = reader(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(Unavailable, match="connection refused"):
        await queues.failed_jobs(["email"])
    await queues.close()


async def test_a_redis_that_hangs_is_given_up(redis_url: str) -> None:
    gate = TcpGate(int(redis_url.rpartition(":")[2].partition("/")[0]))
    await gate.open()
    queues = reader(f"redis://127.0.0.1:{gate.port}/0")
    gate.delay = 60.0
    with pytest.raises(TimedOut):
        await queues.failed_jobs(["email"], seconds=0.05)
    await queues.close()
    await gate.close()


async def test_what_redis_forbids_is_said(redis_url: str, raw: Redis) -> None:
    await put(raw, 1, name="job")
    rules = ("reset", "on", ">s3cret", "~*", "+@all", "-hstrlen")
    await raw.execute_command("ACL", "SETUSER", "bot", *rules)  # type: ignore[no-untyped-call]
    await raw.zadd(FAILED, {"1": 1})
    queues = reader(redis_url.replace("redis://", "redis://bot:s3cret@"))
    with pytest.raises(Forbidden):
        await queues.failed_jobs(["email"])
    await queues.close()
