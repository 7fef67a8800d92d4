"""A cluster with NovaPulse's objects in it: the sandbox's, or with TEST_CLUSTER=yes the one KUBECONFIG points at.

On a real one a namespace of its own is made and removed. Its pods run ``TEST_CLUSTER_IMAGE`` (any image that has
``sleep``), and what only the sandbox can do is skipped there.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import client, config

from bot.settings import PlatformSettings
from sandbox.cluster.cluster import API, WORKER
from sandbox.cluster.cluster import Cluster as SandboxCluster
from sandbox.cluster.objects import create_all
from sandbox.cluster.resources import RESOURCES
from tests.clients.kubernetes_types import check, holds

IMAGE = os.environ.get("TEST_CLUSTER_IMAGE", "busybox:stable")
ON_A_REAL_ONE = os.environ.get("TEST_CLUSTER") == "yes"
PACE = 20.0
READY = {API: 3, WORKER: 2, "redis": 1}
MODELS = {"events": "CoreV1Event", "horizontalpodautoscalers": "V2HorizontalPodAutoscaler"}
SAID = "it runs"
"""What each pod of a real cluster writes to its log."""


@dataclass
class AnyCluster:
    """Where the bot finds it, and the sandbox's own handle on it where it is the sandbox's."""

    settings: PlatformSettings
    own: SandboxCluster | None

    @property
    def sandbox(self) -> SandboxCluster:
        """The sandbox's cluster; skips the test on a real one."""
        if self.own is None:
            pytest.skip("a real cluster cannot be told to do this: it needs the sandbox's")
        return self.own

    async def edit(self, deployment: str, change: Callable[[Any], None]) -> None:
        """Change a deployment (the library's object) as somebody else would."""
        async with _api(self.settings.kubeconfig) as api:
            await _until(lambda: _edited(client.AppsV1Api(api), deployment, self.settings.kube_namespace, change))

    async def wait_ready(self, app: str, count: int) -> None:
        """Return once an app has exactly so many pods and all are ready."""
        if self.own is not None:
            await self.own.wait_ready(app, count)
            return
        async with _api(self.settings.kubeconfig) as api:
            await _until(lambda: _has_ready(api, self.settings.kube_namespace, app, count))


@asynccontextmanager
async def any_cluster(directory: Path) -> AsyncIterator[AnyCluster]:
    """Open the cluster the tests are to run against."""
    if ON_A_REAL_ONE:
        async with _real_cluster() as settings:
            yield AnyCluster(settings, None)
        return
    running = SandboxCluster(directory, lambda: datetime.now(UTC), pace=PACE)
    await running.start({"MONGO_URI": "mongodb://mongodb/novapulse"})
    try:
        for app, count in READY.items():
            await running.wait_ready(app, count)
        yield AnyCluster(PlatformSettings(kubeconfig=running.kubeconfig), running)
    finally:
        await running.stop()
    for asked in running.asked():
        check(asked.method, asked.path, asked.query, asked.content_type, asked.body)
    for resource, known in RESOURCES.items():
        for found in running.store.list(resource, None):
            holds(found, MODELS.get(resource, f"V1{known.kind}"))


@asynccontextmanager
async def _api(kubeconfig: Path | None) -> AsyncIterator[Any]:
    configuration = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    async with client.ApiClient(configuration) as api:
        yield api


async def _edited(apps: Any, deployment: str, namespace: str, change: Callable[[Any], None]) -> bool:
    """Change what was read; False where its controller has written its status since."""
    found: Any = await apps.read_namespaced_deployment(deployment, namespace)
    change(found)
    try:
        await apps.replace_namespaced_deployment(deployment, namespace, found)
    except client.exceptions.ConflictException:
        return False
    return True


@asynccontextmanager
async def _real_cluster() -> AsyncIterator[PlatformSettings]:
    path = Path(os.environ["KUBECONFIG"])
    namespace = f"novapulse-test-{secrets.token_hex(4)}"
    async with _api(path) as api:
        core = client.CoreV1Api(api)
        try:
            await core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
            await _create(api, namespace)
            for app, count in READY.items():
                await _until(partial(_has_ready, api, namespace, app, count))
            yield PlatformSettings(kubeconfig=path, kube_namespace=namespace)
        finally:
            await core.delete_namespace(namespace)


class _Declared:
    """Takes what the sandbox would store, so that a real cluster gets the same objects."""

    def __init__(self) -> None:
        self.objects: list[tuple[str, Any]] = []

    def create(self, resource: str, _namespace: str, body: Any) -> None:
        self.objects.append((resource, body))


async def _create(api: Any, namespace: str) -> None:
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)
    makers: dict[str, tuple[Any, Any]] = {
        "configmaps": (core.create_namespaced_config_map, client.V1ConfigMap),
        "secrets": (core.create_namespaced_secret, client.V1Secret),
        "services": (core.create_namespaced_service, client.V1Service),
        "deployments": (apps.create_namespaced_deployment, client.V1Deployment),
        "statefulsets": (apps.create_namespaced_stateful_set, client.V1StatefulSet),
        "horizontalpodautoscalers": (
            client.AutoscalingV2Api(api).create_namespaced_horizontal_pod_autoscaler,
            client.V2HorizontalPodAutoscaler,
        ),
        "cronjobs": (client.BatchV1Api(api).create_namespaced_cron_job, client.V1CronJob),
    }
    declared = _Declared()
    create_all(declared, {"MONGO_URI": "mongodb://mongodb/novapulse"})  # type: ignore[arg-type]
    for resource, body in declared.objects:
        if resource in makers:
            for container in body.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
                tiny = {"limits": {"memory": "32Mi", "cpu": "100m"}, "requests": {"memory": "8Mi", "cpu": "10m"}}
                container |= {
                    "image": IMAGE,
                    "command": ["sh", "-c", f"echo {SAID}; exec sleep 86400"],
                    "resources": tiny,
                }
            make, model = makers[resource]
            body.pop("status", None)
            await make(namespace, model.model_validate(body))


async def _has_ready(api: Any, namespace: str, app: str, count: int) -> bool:
    found: Any = await client.CoreV1Api(api).list_namespaced_pod(namespace, label_selector=f"app={app}")
    pods = [pod for pod in found.items if pod.metadata.deletion_timestamp is None]
    ready = [pod for pod in pods if any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or ())]
    return len(pods) == len(ready) == count


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(180):
        while not await holds():  # noqa: ASYNC110 - a watch would miss what it is not open for
            await asyncio.sleep(0.2)
