"""``/rollout-status``: done, under way, stuck or unknown."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from bot.clients.cluster import Cluster
from bot.reply import Level, Reply, Table
from bot.stores.samples import Sample, Samples
from commands.adding_a_new_worker.rollout_status import rollout_status
from tests.clients.kubernetes_server import DEPLOYMENTS, PODS, KubernetesServer, deployment, pod, status
from tests.commands.said import line, said

WORKER = f"GET {DEPLOYMENTS}/novapulse-worker"


Ask = Callable[..., Awaitable[Reply]]


@pytest.fixture
def ask(cluster: Cluster, samples: Samples, now: datetime) -> Ask:
    async def asked(deployment: str | None = None) -> Reply:
        reply = await rollout_status.handler(deployment, cluster=cluster, samples=samples, now=now)
        assert isinstance(reply, Reply)
        return reply

    return asked


async def test_both_deployments_and_their_pods(ask: Ask) -> None:
    reply = await ask()
    assert (reply.title, reply.level) == ("Rolled out", Level.OK)
    assert line(reply, "novapulse-worker").value == "rolled out: 2 of 2 available"
    assert line(reply, "novapulse-api").level is Level.OK
    tables = [part for part in reply.parts if isinstance(part, Table)]
    assert tables[0].rows[0] == ("worker-a", "ready", "1", "1 h")
    assert "novapulse/worker:1.4.2" in said(reply)


async def test_one_under_way(kubernetes: KubernetesServer, ask: Ask) -> None:
    kubernetes.answers[WORKER] = deployment(status={"availableReplicas": 1, "readyReplicas": 1})
    waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
    ended = {"terminated": {"reason": "OOMKilled"}}
    container = {"name": "worker", "restartCount": 4, "state": waiting, "lastState": ended}
    pods = [
        pod("worker-a", ready=False, status={"containerStatuses": [container], "startTime": None}),
        pod("worker-b", metadata={"name": "worker-b", "deletionTimestamp": "2026-07-01T08:59:00Z"}),
    ]
    kubernetes.answers[f"GET {PODS}"] = {"kind": "PodList", "items": pods}
    reply = await ask("worker")
    assert (reply.title, reply.level) == ("Rolling out", Level.WARNING)
    assert "novapulse-api" not in said(reply)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert table.rows == (
        ("worker-a", "CrashLoopBackOff", "4 (OOMKilled)", "?"),
        ("worker-b", "stopping", "1", "1 h"),
    )


async def test_one_that_does_not_get_on(kubernetes: KubernetesServer, ask: Ask) -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "x"}
    kubernetes.answers[WORKER] = deployment(
        status={"conditions": [condition]}, spec={**deployment()["spec"], "paused": True}
    )
    reply = await ask()
    assert (reply.title, reply.level) == ("A rollout does not get on", Level.CRITICAL)
    assert "exceeded its progress deadline" in line(reply, "novapulse-worker").value
    assert ("Rollouts", "paused") in [pair for part in reply.parts if part.kind == "fields" for pair in part.pairs]


@pytest.mark.parametrize("path", [WORKER, f"GET {PODS}"])
async def test_what_cannot_be_read_is_unknown(kubernetes: KubernetesServer, ask: Ask, path: str) -> None:
    kubernetes.answers[path] = status(403, "this is not allowed")
    reply = await ask("worker")
    unknown = [part for part in reply.parts if part.kind == "line" and part.level is Level.UNKNOWN]
    assert "The cluster could not be read: this is not allowed." in unknown[0].value


async def test_since_when_the_cluster_is_down(
    kubernetes: KubernetesServer, ask: Ask, samples: Samples, now: datetime
) -> None:
    kubernetes.answers[WORKER] = status(503, "the server is starting")
    moments = ((50, 1.0), (44, 0.0))
    await samples.add([Sample("system/cluster/up", now - timedelta(minutes=ago), up) for ago, up in moments])
    assert line(await ask("worker"), "novapulse-worker").value.endswith("the server is starting since 08:16 UTC.")
