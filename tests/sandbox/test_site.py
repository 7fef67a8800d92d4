import json
from pathlib import Path

import pytest
import redis.asyncio as redis

from sandbox.cluster.cluster import API, NAMESPACE, WORKER, Cluster
from sandbox.faults import FAULTS
from sandbox.site import EVERYTHING, Sandbox, running

NAMED = {"redis-down", "redis-slow", "api-down", "api-hang", "mongo-down", "cluster-down", "cluster-forbidden"}
NAMED |= {"mongo-slow", "cluster-slow"}
NAMED |= {"slack-429", "slack-drop-socket", "workers-crash", "poison-jobs"}


async def connected_workers(client: redis.Redis) -> set[str]:
    names = [found["name"] for found in await client.client_list()]
    return {name.rpartition(":w:")[2] for name in names if ":w:" in name}


async def at_rest(cluster: Cluster) -> None:
    """Wait until the API's pods are there too and its autoscaler has reported: nothing else moves by itself."""
    events = cluster.store.listen()
    await cluster.wait_ready(API, 3)
    while "currentMetrics" not in cluster.store.get("horizontalpodautoscalers", NAMESPACE, f"{API}-hpa")["status"]:
        await events.get()
    cluster.store.unlisten(events)


async def test_the_worker_pods_are_the_connected_workers(tmp_path: Path) -> None:
    async with running(tmp_path, parts=["redis", "workers", "cluster"], speed=10) as sandbox:
        assert sandbox.cluster is not None
        assert sandbox.redis is not None
        await sandbox.cluster.wait_ready(WORKER, 2)
        async with redis.Redis.from_url(sandbox.redis.url, decode_responses=True) as client:
            assert await connected_workers(client) == set(sandbox.cluster.ready_pods(WORKER))
            await at_rest(sandbox.cluster)
            await sandbox.load("nova-report", burst=3)
            events = sandbox.cluster.store.listen()
            while await client.zcard("bull:nova-report:completed") < 3:
                await client.ping()
            assert await client.hget("bull:nova-report:meta", "version") == "bullmq:5.65.1"
            assert events.empty()


async def test_poisoned_jobs_fail_and_crashing_workers_leave(tmp_path: Path) -> None:
    async with running(tmp_path, parts=["redis", "workers", "cluster"], speed=20) as sandbox:
        assert sandbox.cluster is not None
        assert sandbox.redis is not None
        await sandbox.cluster.wait_ready(WORKER, 2)
        await sandbox.fault("poison-jobs", on=True)
        await sandbox.load("webhook", burst=2)
        async with redis.Redis.from_url(sandbox.redis.url, decode_responses=True) as client:
            while await client.zcard("bull:nova-webhook:delayed") < 2:
                await client.ping()
        await sandbox.fault("workers-crash", on=True)
        events = sandbox.cluster.store.listen()
        while sandbox.cluster.ready_pods(WORKER):
            await events.get()
        await sandbox.fault("workers-crash", on=False)
        await sandbox.cluster.wait_ready(WORKER, 2)


async def test_two_run_side_by_side(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "a", parts=["redis", "mongo", "api"]) as one,
        running(tmp_path / "b", parts=["redis", "mongo", "api"]) as two,
    ):
        assert not set(one.endpoints.values()) & set(two.endpoints.values())
        written = json.loads((tmp_path / "a" / "endpoints.json").read_text(encoding="utf-8"))
        assert written == one.endpoints


async def test_a_part_that_does_not_run_has_no_endpoint_and_no_variable(tmp_path: Path) -> None:
    async with running(tmp_path, parts=["mongo"]) as sandbox:
        assert set(sandbox.endpoints) == {"bot", "mongo"}
        environment = sandbox.environment()
        assert environment["MONGO_URL"] == sandbox.endpoints["mongo"]
        assert "REDIS_URL" not in environment
        assert environment["STATE_URL"] == f"sqlite:///{sandbox.directory}/state/novapulse-bot.db"
        with pytest.raises(ValueError, match="without that part"):
            await sandbox.fault("redis-down", on=True)
        with pytest.raises(ValueError, match="no queues"):
            await sandbox.load("email", burst=1)
        assert sandbox.cluster_changes() == []
        assert sandbox.status()["faults"] == []


async def test_unknown_names_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown parts"):
        async with running(tmp_path, parts=["kafka"]):
            pass
    async with running(tmp_path, parts=["redis"]) as sandbox:
        with pytest.raises(ValueError, match="redis-down"):
            await sandbox.fault("gremlins", on=True)
        with pytest.raises(ValueError, match="no queue named nova-fax"):
            await sandbox.load("fax", burst=1)


def test_every_documented_fault_has_a_switch(tmp_path: Path) -> None:
    assert NAMED.issubset(FAULTS)
    assert set(Sandbox(tmp_path, 1, 1).faults._switches) == set(FAULTS)
    assert "slack" in EVERYTHING
