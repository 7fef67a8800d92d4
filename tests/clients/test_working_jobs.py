"""Jobs in work, with real BullMQ workers from Node where their own fields matter."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.working_jobs import LIMIT, STALLED_LIMIT, Stalled, WorkingJobs
from bot.errors import NotConfigured, Unavailable
from bot.settings import RedisSettings
from sandbox.ports import free_port
from tests.servers import redis_server

BEGUN = datetime(2026, 7, 1, 9, tzinfo=UTC)
QUEUES = ("email", "webhook", "workflow", "report")
PLAIN = "in plain lists a job in work is in no list"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
async def redis(url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(url, decode_responses=True) as client:
        await client.flushall()
        for name in QUEUES:
            await client.hset(f"bull:nova-{name}:meta", mapping={"version": "bullmq:5.65.1"})
        yield client


@pytest.fixture
async def jobs(url: str) -> AsyncIterator[WorkingJobs]:
    client = WorkingJobs(RedisSettings(redis_url=SecretStr(url)))
    yield client
    await client.close()


async def _work(redis: Redis, job: str, *, worker: str = "", minutes: float = 0, queue: str = "nova-email") -> None:
    begun = BEGUN + timedelta(minutes=minutes)
    fields: Any = {"name": "sendEmail", "processedOn": f"{begun.timestamp() * 1000:.0f}"} | (
        {"pb": worker} if worker else {}
    )
    await redis.hset(f"bull:{queue}:{job}", mapping=fields)
    await redis.lpush(f"bull:{queue}:active", job)


async def test_names_the_longest_running_job(redis: Redis, jobs: WorkingJobs) -> None:
    await _work(redis, "7", worker="worker-a", minutes=2)
    await _work(redis, "3", worker="worker-b", queue="nova-report")
    working = await jobs.read()
    assert len(working.jobs) == 2
    assert working.longest is not None
    said = working.longest.sentence(BEGUN + timedelta(minutes=6))
    assert said == "report job 3 (sendEmail), running for 6 min on worker-b"
    assert [job.worker for job in working.jobs] == ["worker-a", "worker-b"]


async def test_a_job_that_has_just_ended_is_left_out(redis: Redis, jobs: WorkingJobs) -> None:
    await redis.lpush("bull:nova-email:active", "gone")
    working = await jobs.read()
    assert (working.jobs, working.longest) == ((), None)


async def test_reads_within_bounds(redis: Redis, jobs: WorkingJobs) -> None:
    for number in range(LIMIT + 1):
        await _work(redis, str(number), worker="worker-a")
    working = await jobs.read()
    assert (len(working.jobs), working.more) == (LIMIT, True)


async def test_queues_of_bullmq_in_which_nothing_is_in_work_say_so(redis: Redis, jobs: WorkingJobs) -> None:
    del redis
    working = await jobs.read()
    assert (working.jobs, working.known, working.unknown) == ((), QUEUES, {})
    assert await jobs.stalled_since(BEGUN) == {}


async def test_what_is_in_work_in_plain_lists_is_unknown(redis: Redis, jobs: WorkingJobs) -> None:
    await redis.delete("bull:nova-email:meta")
    await redis.rpush("nova:email:waiting", "1", "2")
    await _work(redis, "3", worker="worker-b", queue="nova-report")
    working = await jobs.read()
    assert [job.queue for job in working.jobs] == ["report"]
    assert (working.known, working.unknown) == (("webhook", "workflow", "report"), {"email": PLAIN})
    assert {short: str(stalled) for short, stalled in (await jobs.stalled_since(BEGUN)).items()} == {
        "email": f"unknown ({PLAIN})"
    }


async def test_what_is_in_work_in_queues_of_other_names_is_unknown(redis: Redis, url: str) -> None:
    await _work(redis, "1", worker="worker-a")
    elsewhere = WorkingJobs(RedisSettings(redis_url=SecretStr(url), queue_prefix="nova", queues={"email": "email"}))
    why = (
        "no such keys in Redis; found instead: bull:nova-email, bull:nova-report, bull:nova-webhook, bull:nova-workflow"
    )
    working = await elsewhere.read()
    assert (working.jobs, working.known, working.unknown) == ((), (), {"email": why})
    assert await elsewhere.stalled_since(BEGUN) == {"email": Stalled(0, unknown=why)}
    await redis.flushall()
    assert (await elsewhere.read()).unknown == {"email": "no such keys in Redis"}
    await elsewhere.close()


async def test_what_is_in_work_behind_keys_that_cannot_be_read_is_unknown(redis: Redis, jobs: WorkingJobs) -> None:
    await redis.set("bull:nova-email:active", "no list")
    working = await jobs.read()
    assert working.unknown == {"email": "the keys bull:nova-email:* are no queue of BullMQ"}
    assert (await jobs.stalled_since(BEGUN))["email"].unknown == working.unknown["email"]


async def test_counts_what_stalled_since_then(redis: Redis, jobs: WorkingJobs) -> None:
    early, late = (f"{int(moment.timestamp() * 1000)}-0" for moment in (BEGUN, BEGUN + timedelta(minutes=1)))
    await redis.xadd("bull:nova-email:events", {"event": "stalled", "jobId": "1"}, id=early)
    await redis.xadd("bull:nova-email:events", {"event": "stalled", "jobId": "2"}, id=late)
    await redis.xadd("bull:nova-email:events", {"event": "waiting", "jobId": "2"})
    assert await jobs.stalled_since(BEGUN) == {"email": Stalled(2)}
    assert await jobs.stalled_since(BEGUN + timedelta(seconds=30)) == {"email": Stalled(1)}
    assert await jobs.stalled_since(BEGUN + timedelta(minutes=2)) == {}


async def _events(redis: Redis, count: int, event: str) -> None:
    async with redis.pipeline(transaction=False) as pipeline:
        for number in range(count):
            moment = BEGUN + timedelta(milliseconds=number)
            pipeline.xadd("bull:nova-email:events", {"event": event}, id=f"{int(moment.timestamp() * 1000)}-0")
        await pipeline.execute()


async def test_what_was_trimmed_may_have_stalled_too(redis: Redis, jobs: WorkingJobs) -> None:
    await _events(redis, 10, "stalled")
    await redis.xtrim("bull:nova-email:events", maxlen=4, approximate=False)
    found = await jobs.stalled_since(BEGUN)
    assert {short: str(stalled) for short, stalled in found.items()} == {"email": "at least 4"}
    # An older event is left, so none of those since then is gone.
    assert await jobs.stalled_since(BEGUN + timedelta(milliseconds=8)) == {"email": Stalled(2)}
    await redis.xtrim("bull:nova-email:events", maxlen=0, approximate=False)
    found = await jobs.stalled_since(BEGUN)
    assert {short: str(stalled) for short, stalled in found.items()} == {
        "email": "unknown (its events since then are not all there)"
    }


async def test_more_events_than_are_read_make_it_the_least_there_were(redis: Redis, jobs: WorkingJobs) -> None:
    await _events(redis, STALLED_LIMIT + 1, "waiting")
    assert await jobs.stalled_since(BEGUN) == {"email": Stalled(0, at_least=True)}


async def test_without_a_redis_it_is_unknown() -> None:
    with pytest.raises(NotConfigured):
        await WorkingJobs(RedisSettings(redis_url=None)).read()
    dead = WorkingJobs(RedisSettings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0")))
    with pytest.raises(Unavailable):
        await dead.read()
    await dead.close()


async def test_a_giant_name_is_not_fetched(redis: Redis, jobs: WorkingJobs) -> None:
    await _work(redis, "7", worker="worker-a")
    await redis.hset("bull:nova-email:7", "name", "x" * 70_000)
    (job,) = (await jobs.read()).jobs
    assert (job.name, job.worker, job.since) == ("?", "worker-a", BEGUN)
