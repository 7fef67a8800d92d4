import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_pod_changes import PodChanges
from bot.clients.cluster_usage import PodMetrics
from bot.clients.cluster_workloads import Workloads
from bot.clients.working_jobs import WorkingJobs
from bot.errors import Unavailable, UsageError
from bot.reply import Level, Reply, Table
from bot.settings import PlatformSettings, RedisSettings
from commands.emergency_procedures.pods import pods
from tests.clients.any_cluster import AnyCluster
from tests.clients.kubernetes_server import PODS, KubernetesServer, pod
from tests.commands.performing import call
from tests.commands.said import said

Systems = dict[str, Any]


async def _pods(systems: Systems, app: str | None = None) -> Reply:
    reply = await call(pods, systems, app=app)
    assert isinstance(reply, Reply)
    return reply


async def test_shows_every_pod(systems: Systems, world: AnyCluster) -> None:
    await world.sandbox.wait_ready("redis", 1)
    reply = await _pods(systems)
    assert (reply.title, reply.level) == ("6 pods, all ready", Level.OK)
    assert "novapulse-worker: registry.novapulse.example/worker:2.14.0" in said(reply)
    assert "redis-0 | ready | 1/1 | 0 | " in said(reply)


@pytest.mark.parametrize("app", ["worker", "novapulse-worker", "Worker"])
async def test_one_app_by_role_or_name(systems: Systems, app: str) -> None:
    assert (await _pods(systems, app)).title == "2 pods, all ready"


async def test_an_app_without_pods_is_said_to_have_none(systems: Systems) -> None:
    await systems["cluster"].scale("worker", 0)
    async with asyncio.timeout(30):
        while any(pod.app == "novapulse-worker" for pod in await systems["pod_metrics"].pods()):  # noqa: ASYNC110 - no watch
            await asyncio.sleep(0.05)
    reply = await _pods(systems, "worker")
    assert (reply.title, reply.level) == (
        "There are no pods of worker; /rollout-status says how many are wanted",
        Level.WARNING,
    )


async def test_an_unknown_app_names_those_that_exist(systems: Systems) -> None:
    with pytest.raises(UsageError, match="some of novapulse-api, novapulse-worker, redis") as caught:
        await _pods(systems, "wroker")
    assert caught.value.nearest == "worker"


async def test_why_a_pod_restarted_is_said(systems: Systems, world: AnyCluster) -> None:
    (name, *_) = world.sandbox.ready_pods("novapulse-worker")

    at = f"{datetime.now(UTC) - timedelta(days=15, seconds=5):%Y-%m-%dT%H:%M:%SZ}"
    last = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": at}

    def killed(found: dict[str, Any]) -> None:
        status = found["status"]["containerStatuses"][0]
        status |= {"restartCount": 3, "lastState": {"terminated": last}}
        status["ready"] = False
        status["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
        found["status"]["conditions"] = [{"type": "Ready", "status": "False"}]

    world.sandbox.store.change("pods", "novapulse", name, killed)
    reply = await _pods(systems, "worker")
    assert (reply.title, reply.level) == ("2 pods, 1 not ready", Level.WARNING)
    assert f"{name} | CrashLoopBackOff | 0/1 | 3 (OOMKilled 15 d ago) | " in said(reply)


@pytest.fixture
async def listed(kubernetes: KubernetesServer, tmp_path: Path) -> AsyncIterator[Systems]:
    settings = PlatformSettings(kubeconfig=kubernetes.kubeconfig(tmp_path))
    connection = ClusterConnection(settings)
    workloads = Workloads(settings, connection)
    metrics = PodMetrics(workloads)
    jobs = WorkingJobs(RedisSettings(redis_url=None))
    yield {"workloads": workloads, "pod_metrics": metrics, "pods": PodChanges(workloads, metrics, jobs)}
    await jobs.close()
    await connection.close()


def evicted(name: str) -> dict[str, Any]:
    twenty_days_ago = f"{datetime.now(UTC) - timedelta(days=20, seconds=5):%Y-%m-%dT%H:%M:%SZ}"
    conditions = [{"type": "Ready", "status": "False", "lastTransitionTime": twenty_days_ago}]
    how = {"phase": "Failed", "reason": "Evicted", "containerStatuses": [], "conditions": conditions}
    return pod(name, status={**pod(name)["status"], **how})


async def test_a_pod_that_was_evicted_is_listed_last_and_is_no_trouble(
    listed: Systems, kubernetes: KubernetesServer
) -> None:
    kubernetes.answers[f"GET {PODS}"] = {"items": [evicted("worker-a"), pod("worker-b")]}
    reply = await pods.handler(
        None, workloads=listed["workloads"], pod_metrics=listed["pod_metrics"], now=datetime.now(UTC)
    )
    assert isinstance(reply, Reply)
    assert (reply.title, reply.level) == ("1 pod, all ready; 1 has ended", Level.OK)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert [row[:2] for row in table.rows] == [("worker-b", "ready"), ("worker-a", "Evicted 20 d ago")]
    assert "Nothing runs in a pod that has ended" in said(reply)
    # Nor is there anything in it that could be ended by force, or that works on jobs.
    assert [found.name for found in await listed["pods"].of("worker")] == ["worker-b"]


async def test_where_every_pod_has_ended_nothing_runs(listed: Systems, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {PODS}"] = {"items": [evicted("worker-a"), evicted("worker-b")]}
    reply = await pods.handler(
        None, workloads=listed["workloads"], pod_metrics=listed["pod_metrics"], now=datetime.now(UTC)
    )
    assert isinstance(reply, Reply)
    assert (reply.title, reply.level) == ("No pod runs; 2 have ended", Level.WARNING)


async def test_a_cluster_that_is_down_is_said(systems: Systems, world: AnyCluster) -> None:
    await world.sandbox.down(True)
    with pytest.raises(Unavailable):
        await _pods(systems)
    await world.sandbox.down(False)
