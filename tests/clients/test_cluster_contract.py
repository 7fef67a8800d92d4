"""The client against the sandbox's cluster, or with TEST_CLUSTER=yes a real one: rollouts, selectors, rights, logs."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.clients.cluster import Cluster
from bot.clients.cluster_connection import LOADED, ClusterConnection
from bot.clients.cluster_cronjobs import CronJobs
from bot.clients.cluster_rights import rights_needed
from bot.clients.cluster_state import Feed
from bot.clients.cluster_workloads import Workloads
from bot.errors import Forbidden, Unavailable
from bot.settings import PlatformSettings
from sandbox.cluster.cluster import API, NAMESPACE
from sandbox.cluster.objects import BACKUP
from tests.clients.any_cluster import SAID, AnyCluster


@pytest.fixture
async def cluster(world: AnyCluster) -> AsyncIterator[Cluster]:
    client = Cluster(world.settings)
    yield client
    await client.close()


async def _until_done(cluster: Cluster, replicas: int) -> list[str]:
    """Look as the executor does, and return the messages."""
    seen = []
    async with asyncio.timeout(60):
        while True:
            rollout, pods = await cluster.rollout_done("worker"), await cluster.pods_ready("worker", replicas)
            assert not rollout.failed
            seen += [rollout.message, pods.message]
            if rollout.done and pods.done:
                return seen
            await asyncio.sleep(0.05)


async def test_scales_up_and_watches_it_to_its_end(cluster: Cluster) -> None:
    before = await cluster.deployment("worker")
    assert (before.replicas, before.ready) == (2, 2)
    assert await cluster.scale("worker", 5, before.uid) == {"changed": True, "before": 2, "after": 5}
    await _until_done(cluster, 5)
    assert len([pod for pod in await cluster.pods("worker") if pod.ready]) == 5
    assert (await cluster.deployment("worker")).uid == before.uid


async def test_scales_to_nothing_and_back_once_each(cluster: Cluster) -> None:
    changed = []
    for replicas in (0, 0, 1, 1):
        changed.append((await cluster.scale("worker", replicas))["changed"])
        await _until_done(cluster, replicas)
    assert changed == [True, False, True, False]


async def test_finds_the_autoscaler_of_the_api_only(cluster: Cluster) -> None:
    (hpa,) = await cluster.autoscalers("api")
    assert (hpa.kind, hpa.name, hpa.minimum, hpa.maximum) == ("HPA", "novapulse-api-hpa", 3, 10)
    assert await cluster.autoscalers("worker") == []


async def test_reads_the_logs_of_every_api_pod(world: AnyCluster, cluster: Cluster) -> None:
    if world.own is not None:
        for pod in range(3):
            world.own.log(API, pod, ["it starts", SAID])
    found = await cluster.logs("api", tail_lines=1)
    assert [log.data for log in found] == [f"{SAID}\n".encode()] * 3
    assert len({log.pod for log in found}) == 3


async def test_hands_over_the_log_from_before_a_restart_in_a_feed_of_its_own(
    world: AnyCluster, cluster: Cluster
) -> None:
    sandbox = world.sandbox
    name, read = sandbox.ready_pods(API)[0], dict[str, bytes]()

    def feed_of(log: str) -> Feed:
        async def feed(piece: bytes) -> None:
            read[log] = read.get(log, b"") + piece

        return feed

    sandbox.kubelet.log(name, "error: out of memory soon")
    sandbox.kubelet.kill(name, "OOMKilled")
    await sandbox.wait_restarted(name, 1)
    sandbox.kubelet.log(name, "info: started")
    found = await cluster.hand_over_logs("api", feed_of, tail_lines=100, since_seconds=3600)
    assert [(log.pod, log.problem) for log in found if log.before_restart] == [(name, "")]
    assert len(found) == 4
    assert read == {name: b"info: started\n", f"{name} before its restart": b"error: out of memory soon\n"}
    (restart,) = [log.restart for log in found if log.before_restart]
    assert restart is not None
    assert (restart.reason, restart.count, restart.waits) == ("OOMKilled", 1, False)


async def test_tells_how_the_last_runs_of_the_backup_ended(world: AnyCluster) -> None:
    sandbox, connection = world.sandbox, ClusterConnection(world.settings)
    cronjobs, events = CronJobs(Workloads(world.settings, connection)), sandbox.store.listen()
    try:
        while (await cronjobs.state(BACKUP)).succeeded_at is None:
            await events.get()
        sandbox.fail_backups(True)
        failed = (await cronjobs.state(BACKUP)).failed
        assert failed is not None
        assert failed.reason == "BackoffLimitExceeded: Job has reached the specified backoff limit"
        sandbox.fail_backups(False)
        assert (await cronjobs.state(BACKUP)).failed is None
        sandbox.forbid(True)
        with pytest.raises(Forbidden):
            await cronjobs.state(BACKUP)
    finally:
        sandbox.store.unlisten(events)
        await connection.close()


async def test_has_every_right_it_needs_until_they_are_taken(world: AnyCluster, cluster: Cluster) -> None:
    assert await cluster.access_review(rights_needed(world.settings)) == []
    world.sandbox.forbid(True)
    with pytest.raises(Forbidden):
        await cluster.pods("worker")
    assert {owner.kind for owner in await cluster.autoscalers("api") if owner.problem} == {"HPA", "KEDA", "GitOps"}


async def test_reads_the_version(cluster: Cluster) -> None:
    assert (await cluster.reachable()).startswith("v1.")


async def test_is_there_again_after_the_cluster_was_down(world: AnyCluster, cluster: Cluster) -> None:
    sandbox = world.sandbox
    await cluster.pods("worker")
    await sandbox.down(True)
    with pytest.raises(Unavailable):
        await cluster.pods("worker")
    await sandbox.down(False)
    assert len(await cluster.pods("worker")) == 2


def test_the_sandbox_has_the_default_namespace() -> None:
    assert PlatformSettings().kube_namespace == NAMESPACE


def test_no_group_of_the_api_is_first_loaded_in_the_middle_of_a_reading() -> None:
    named = set()
    for path in Path("bot/clients").glob("cluster*.py"):
        named |= set(re.findall(r"client\.(\w+Api)\b", path.read_text(encoding="utf-8")))
    assert named == {loaded.__name__ for loaded in LOADED}
