"""Which pod works on which job, with real BullMQ workers where their own names and fields matter."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.busy_pods import Busy, busy_pods
from bot.clients.cluster_usage import ListedPod
from bot.clients.working_jobs import LIMIT, WorkingJobs
from bot.settings import RedisSettings
from sandbox.ports import free_port
from tests.servers import node_queues

APP = "novapulse-worker"
EMAIL = "nova-email"
CONNECTION = "bull:bm92YS1lbWFpbA==:w:"
NOT_A_POD = "no pod is called email-worker as a worker of email is, nor does its address tell"


def pod(name: str, *addresses: str, app: str = APP, state: str = "ready") -> ListedPod:
    return ListedPod(
        name=name,
        uid=name,
        app=app,
        ready=1,
        containers=1,
        state=state,
        restarts=0,
        reason="",
        created_at=None,
        started_at=None,
        node="",
        image="",
        requested={},
        limits={},
        addresses=addresses,
    )


PODS = (pod("pod-a", "127.0.0.11"), pod("pod-b", "127.0.0.12", "fd00::b"))


@pytest.fixture
async def jobs(redis_url: str, raw: Redis) -> AsyncIterator[WorkingJobs]:
    # It listens on loopback only, and would take no other address of that for a local one.
    await raw.config_set("protected-mode", "no")
    await raw.hset(f"bull:{EMAIL}:meta", mapping={"version": "bullmq:5.65.1"})
    client = WorkingJobs(RedisSettings(redis_url=SecretStr(redis_url), queues={"email": EMAIL}))
    yield client
    await client.close()


async def work(raw: Redis, *workers: str) -> None:
    for number, worker in enumerate(workers):
        await raw.hset(f"bull:{EMAIL}:{number}", mapping={"name": "sendEmail", "pb": worker})
        await raw.lpush(f"bull:{EMAIL}:active", str(number))


@asynccontextmanager
async def connected(redis_url: str, workers: Sequence[tuple[str, str]]) -> AsyncIterator[None]:
    """Hold a connection from each address, with the name that BullMQ gives a worker's."""
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    async with AsyncExitStack() as stack:
        for address, worker in workers:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            stack.push_async_callback(writer.wait_closed)
            stack.callback(writer.close)
            writer.write(f"CLIENT SETNAME {CONNECTION}{worker}\r\n".encode())
            assert await reader.readline() == b"+OK\r\n"
        yield


async def test_workers_that_are_named_after_their_pods_tell(raw: Redis, jobs: WorkingJobs) -> None:
    assert await busy_pods(jobs, PODS, APP) == Busy({})
    await work(raw, "pod-a", "pod-a", "pod-c")
    leaving = pod("pod-c", state="stopping")
    assert await busy_pods(jobs, (*PODS, leaving), APP) == Busy({"pod-a": 2, "pod-c": 1})
    assert (await busy_pods(jobs, PODS, APP)).unknown.startswith("no pod is called pod-c")


@pytest.mark.parametrize("library", ["bullmq", "bullmq6"])
async def test_workers_of_another_name_do_not_tell(redis_url: str, jobs: WorkingJobs, library: str) -> None:
    async with node_queues(redis_url, library) as node:
        await node.ask("worker", EMAIL, worker="email-worker")
        await node.ask("add", EMAIL, jobs=[{}])
        await node.ask("take", EMAIL, worker="email-worker")
        assert await busy_pods(jobs, PODS, APP) == Busy({}, NOT_A_POD)
        # The same worker, where its connection does come from the only pod.
        assert await busy_pods(jobs, [pod("pod-a", "127.0.0.1")], APP) == Busy({"pod-a": 1})
        await node.ask("add", EMAIL, jobs=[{}])
        await node.ask("take", EMAIL)
    assert await busy_pods(jobs, PODS, APP) == Busy({}, "the workers of email have no name")


async def test_the_addresses_of_their_connections_tell(redis_url: str, raw: Redis, jobs: WorkingJobs) -> None:
    await work(raw, "one", "two", "two")
    async with connected(redis_url, [("127.0.0.11", "one"), ("127.0.0.12", "two")]):
        assert await busy_pods(jobs, PODS, APP) == Busy({"pod-a": 1, "pod-b": 2})
        # A pod of which no connection is seen may have that name too.
        assert (await busy_pods(jobs, (*PODS, pod("pod-c", "127.0.0.13")), APP)).unknown
        assert not (await busy_pods(jobs, (*PODS, pod("pod-c", "127.0.0.13", state="pending")), APP)).unknown
        # Two pods in their node's network have one address.
        assert (await busy_pods(jobs, (*PODS, pod("pod-d", "127.0.0.12", app="other")), APP)).unknown


@pytest.mark.parametrize(
    "workers",
    [
        [("127.0.0.11", "email-worker"), ("127.0.0.12", "email-worker")],
        [("127.0.0.11", "email-worker")],
        [("127.0.0.9", "email-worker"), ("127.0.0.9", "another")],
        [("127.0.0.11", "one"), ("127.0.0.12", "two")],
    ],
    ids=["one name for all", "one is not seen", "a proxy in between", "gone since"],
)
async def test_addresses_that_do_not_tell(
    redis_url: str, raw: Redis, jobs: WorkingJobs, workers: list[tuple[str, str]]
) -> None:
    await work(raw, "email-worker")
    proxy = pod("proxy", "127.0.0.9", app="proxy")
    async with connected(redis_url, workers):
        assert await busy_pods(jobs, (*PODS, proxy), APP) == Busy({}, NOT_A_POD)


async def test_who_is_connected_may_be_forbidden(redis_url: str, raw: Redis) -> None:
    await raw.hset(f"bull:{EMAIL}:meta", mapping={"version": "bullmq:5.65.1"})
    await work(raw, "email-worker")
    await raw.execute_command("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@all", "-client|list")  # type: ignore[no-untyped-call]
    address = redis_url.replace("redis://", "redis://reader:secret@")
    jobs = WorkingJobs(RedisSettings(redis_url=SecretStr(address), queues={"email": EMAIL}))
    assert "could not be read" in (await busy_pods(jobs, PODS, APP)).unknown
    await jobs.close()
    await raw.execute_command("ACL", "DELUSER", "reader")  # type: ignore[no-untyped-call]


async def test_jobs_that_do_not_tell(raw: Redis, jobs: WorkingJobs) -> None:
    await work(raw, *["pod-a"] * (LIMIT + 1))
    assert await busy_pods(jobs, PODS, APP) == Busy({}, "there are more jobs in work than are read")
    await raw.flushall()
    assert await busy_pods(jobs, PODS, APP) == Busy({}, "email: no such keys in Redis")


async def test_without_a_redis_it_is_unknown() -> None:
    none = WorkingJobs(RedisSettings(redis_url=None))
    assert "REDIS_URL" in (await busy_pods(none, PODS, APP)).unknown
    dead = WorkingJobs(RedisSettings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0")))
    assert await busy_pods(dead, PODS, APP) == Busy({}, "Redis could not be read: connection refused")
    await dead.close()
