"""A scripted Kubernetes API over loopback: it answers what a test put there, and records what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from tests.clients.kubernetes_types import check

NAMESPACE = "novapulse"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
HPAS = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers"
SCALED_OBJECTS = f"/apis/keda.sh/v1alpha1/namespaces/{NAMESPACE}/scaledobjects"
CRONJOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/cronjobs"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

Answer = web.Response | dict[str, Any] | Callable[["Asked"], Any]


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    content_type: str
    token: str


@dataclass
class KubernetesServer:
    """Answers per ``METHOD path``; what is not there is Kubernetes' own 404."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    stuck: asyncio.Event = field(default_factory=asyncio.Event)

    def kubeconfig(self, directory: Path, *, token: str = "a-token") -> Path:
        path = directory / "kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
        path.write_text(yaml.safe_dump(content))
        return path

    def patches(self) -> list[Asked]:
        return [request for request in self.asked if request.method == "PATCH"]

    async def hang(self, _: Asked) -> web.Response:
        """Keep the caller waiting until the server stops."""
        await self.stuck.wait()
        return web.Response()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        asked = Asked(
            request.method,
            request.path,
            dict(request.query),
            json.loads(body) if body else None,
            request.content_type,
            request.headers.get("Authorization", ""),
        )
        self.asked.append(asked)
        answer = self.answers.get(f"{asked.method} {asked.path}", status(404, f"{asked.path} not found"))
        if callable(answer):
            answer = answer(asked)
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, dict):
            return web.json_response(answer)
        assert isinstance(answer, web.Response)
        # A response object can be sent once; the same answer may be asked for again.
        return web.Response(body=answer.body, status=answer.status, content_type=answer.content_type)


@asynccontextmanager
async def kubernetes_server() -> AsyncIterator[KubernetesServer]:
    """Run the server on a free loopback port."""
    server = KubernetesServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = "http://127.0.0.1:{1}".format(*runner.addresses[0])
    try:
        yield server
    finally:
        server.stuck.set()
        await runner.cleanup()
    for asked in server.asked:
        check(asked.method, asked.path, asked.query, asked.content_type, asked.body)


def status(code: int, message: str) -> web.Response:
    """Return a failure as Kubernetes words it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return web.json_response(body, status=code)


def deployment(name: str = "novapulse-worker", **changes: Any) -> dict[str, Any]:
    """Return a healthy deployment of two replicas; changes are merged into its parts."""
    found: dict[str, Any] = {
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "uid": "uid-1",
            "resourceVersion": "100",
            "generation": 3,
            "labels": {"app": name},
            "annotations": {"deployment.kubernetes.io/revision": "7"},
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "spec": {
                    "containers": [
                        {"name": "proxy", "image": "proxy:1"},
                        {"name": "worker", "image": "novapulse/worker:1.4.2"},
                    ]
                }
            },
        },
        "status": {
            "observedGeneration": 3,
            "replicas": 2,
            "readyReplicas": 2,
            "updatedReplicas": 2,
            "availableReplicas": 2,
            "conditions": [
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": "ok"}
            ],
        },
    }
    for part, values in changes.items():
        found[part] = {**found[part], **values}
    return found


def pod(name: str, *, ready: bool = True, **changes: Any) -> dict[str, Any]:
    """Return a running pod with a sidecar; changes are merged into its parts."""
    found: dict[str, Any] = {
        "metadata": {"name": name, "uid": f"uid-of-{name}", "labels": {"app": "novapulse-worker"}},
        "spec": {"containers": [{"name": "proxy"}, {"name": "worker"}], "nodeName": "node-a"},
        "status": {
            "phase": "Running",
            "startTime": "2026-07-01T08:00:00Z",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "proxy", "restartCount": 1}, {"name": "worker", "restartCount": 0}],
        },
    }
    for part, values in changes.items():
        found[part] = {**found[part], **values}
    return found


def cronjob(name: str, **changes: Any) -> dict[str, Any]:
    """Return a CronJob that succeeded on the last night of June 2026; changes are merged into its parts."""
    found: dict[str, Any] = {
        "kind": "CronJob",
        "metadata": {"name": name, "uid": f"uid-of-{name}", "creationTimestamp": "2026-06-01T00:00:00Z"},
        "spec": {"schedule": "0 2 * * *", "suspend": False},
        "status": {"lastScheduleTime": "2026-06-30T02:00:00Z", "lastSuccessfulTime": "2026-06-30T02:04:00Z"},
    }
    for part, values in changes.items():
        found[part] = {**found[part], **values}
    return found


def job(name: str, *, failed: str = "", completed: str = "", owner: str = "uid-of-mongo-backup") -> dict[str, Any]:
    """Return a Job that is under way, or ended at one of these times."""
    condition = {"type": "Complete", "status": "True", "lastTransitionTime": completed}
    if failed:
        condition = {"type": "Failed", "status": "True", "lastTransitionTime": failed, "reason": "BackoffLimitExceeded"}
        condition["message"] = "Job has reached the specified backoff limit"
    ended = {"conditions": [condition]} | ({"completionTime": completed} if completed else {})
    return {
        "metadata": {"name": name, "uid": f"uid-of-{name}", "ownerReferences": [{"kind": "CronJob", "uid": owner}]},
        "status": ended if failed or completed else {"active": 1},
    }
