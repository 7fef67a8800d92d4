"""``/rollout-status``: done, under way, stuck or unknown."""

from datetime import datetime

import pytest

from bot.clients.cluster import Cluster
from bot.reply import Level, Reply, Table
from commands.adding_a_new_worker.rollout_status import rollout_status
from tests.clients.kubernetes_server import DEPLOYMENTS, PODS, KubernetesServer, deployment, pod, status
from tests.commands.said import line, said

WORKER = f"GET {DEPLOYMENTS}/novapulse-worker"


async def ask(cluster: Cluster, now: datetime, deployment: str | None = None) -> Reply:
    reply = await rollout_status.handler(deployment, cluster=cluster, now=now)
    assert isinstance(reply, Reply)
    return reply


async def test_both_deployments_and_their_pods(cluster: Cluster, now: datetime) -> None:
    reply = await ask(cluster, now)
    assert (reply.title, reply.level) == ("Rolled out", Level.OK)
    assert line(reply, "novapulse-worker").value == "novapulse-worker is rolled out: 2 of 2 available"
    assert line(reply, "novapulse-api").level is Level.OK
    tables = [part for part in reply.parts if isinstance(part, Table)]
    assert tables[0].rows[0] == ("worker-a", "ready", "1", "1 h")
    assert "novapulse/worker:1.4.2" in said(reply)


async def test_one_under_way(kubernetes: KubernetesServer, cluster: Cluster, now: datetime) -> None:
    kubernetes.answers[WORKER] = deployment(status={"availableReplicas": 1, "readyReplicas": 1})
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    ended = {"terminated": {"reason": "OOMKilled"}}
    container = {"name": "worker", "restartCount": 4, "state": waiting, "lastState": ended}
    pods = [
        pod("worker-a", ready=False, status={"containerStatuses": [container], "startTime": None}),
        pod("worker-b", metadata={"name": "worker-b", "deletionTimestamp": "2026-07-01T08:59:00Z"}),
    ]
    kubernetes.answers[f"GET {PODS}"] = {"kind": "PodList", "items": pods}
    reply = await ask(cluster, now, "worker")
    assert (reply.title, reply.level) == ("Rolling out", Level.WARNING)
    assert "novapulse-api" not in said(reply)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert table.rows == (
        ("worker-a", "CrashLoopBackOff", "4 (OOMKilled)", "?"),
        ("worker-b", "stopping", "1", "1 h"),
    )


async def test_one_that_does_not_get_on(kubernetes: KubernetesServer, cluster: Cluster, now: datetime) -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "x"}
    kubernetes.answers[WORKER] = deployment(
        status={"conditions": [condition]}, spec={**deployment()["spec"], "paused": True}
    )
    reply = await ask(cluster, now)
    assert (reply.title, reply.level) == ("A rollout does not get on", Level.CRITICAL)
    assert "exceeded its progress deadline" in line(reply, "novapulse-worker").value
    assert ("Rollouts", "paused") in [pair for part in reply.parts if part.kind == "fields" for pair in part.pairs]


@pytest.mark.parametrize("path", [WORKER, f"GET {PODS}"])
async def test_what_cannot_be_read_is_unknown(
    kubernetes: KubernetesServer, cluster: Cluster, now: datetime, path: str
) -> None:
    kubernetes.answers[path] = status(403, "this is not allowed")
    reply = await ask(cluster, now, "worker")
    unknown = [part for part in reply.parts if part.kind == "line" and part.level is Level.UNKNOWN]
    assert "The cluster could not be read: this is not allowed." in unknown[0].value
