"""A cluster with NovaPulse's objects in it: the sandbox's, or with TEST_CLUSTER=yes the one KUBECONFIG points at.

On a real one a namespace of its own is made and removed. Its pods run ``TEST_CLUSTER_IMAGE`` (any image that has
``sleep``), and what only the sandbox can do is skipped there.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import client, config

from bot.settings import PlatformSettings
from sandbox.cluster.cluster import API, WORKER
from sandbox.cluster.cluster import Cluster as SandboxCluster
from sandbox.cluster.objects import create_all
from tests.clients.kubernetes_types import check

IMAGE = os.environ.get("TEST_CLUSTER_IMAGE", "busybox:stable")
ON_A_REAL_ONE = os.environ.get("TEST_CLUSTER") == "yes"
PACE = 20.0


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
        await running.wait_ready(API, 3)
        await running.wait_ready(WORKER, 2)
        yield AnyCluster(PlatformSettings(kubeconfig=running.kubeconfig), running)
    finally:
        await running.stop()
    for asked in running.asked():
        check(asked.method, asked.path, asked.query, asked.content_type, asked.body)


@asynccontextmanager
async def _real_cluster() -> AsyncIterator[PlatformSettings]:
    path = Path(os.environ["KUBECONFIG"])
    namespace = f"novapulse-test-{secrets.token_hex(4)}"
    configuration = client.Configuration()
    await config.load_kube_config(config_file=str(path), client_configuration=configuration)  # type: ignore[no-untyped-call]
    async with client.ApiClient(configuration) as api:
        await client.CoreV1Api(api).create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=namespace)))
        try:
            await _create(api, namespace)
            await _wait_ready(api, namespace)
            yield PlatformSettings(kubeconfig=path, kube_namespace=namespace)
        finally:
            await client.CoreV1Api(api).delete_namespace(namespace)


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
    }
    declared = _Declared()
    create_all(declared, {"MONGO_URI": "mongodb://mongodb/novapulse"})  # type: ignore[arg-type]
    for resource, body in declared.objects:
        if resource in makers:
            for container in body.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
                tiny = {"limits": {"memory": "32Mi", "cpu": "100m"}, "requests": {"memory": "8Mi", "cpu": "10m"}}
                container |= {"image": IMAGE, "command": ["sleep", "86400"], "resources": tiny}
            make, model = makers[resource]
            body.pop("status", None)
            await make(namespace, model.model_validate(body))


async def _wait_ready(api: Any, namespace: str) -> None:
    async with asyncio.timeout(180):
        while True:
            found: Any = (await client.AppsV1Api(api).list_namespaced_deployment(namespace)).items
            if all((one.status.ready_replicas or 0) == one.spec.replicas for one in found):
                return
            await asyncio.sleep(1)
