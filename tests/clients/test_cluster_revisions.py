"""A rollback while somebody else changes the same deployment, and where the cluster refuses it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.clients.cluster import Cluster
from bot.clients.cluster_configuration import Configuration
from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_revisions import REVISION, Revisions
from bot.clients.cluster_workloads import WorkloadObject, Workloads
from bot.errors import PermanentError, TemporaryError
from bot.settings import PlatformSettings
from tests.clients.any_cluster import AnyCluster
from tests.clients.kubernetes_server import DEPLOYMENTS, deployment, kubernetes_server, status
from tests.clients.test_cluster_changes import OneSecret

IMAGE = "novapulse/worker:2.14.1-hotfix"


class Elsewhere(Workloads):
    """Lets somebody else change the deployment right after it was read, as often as there are changes."""

    def __init__(self, settings: PlatformSettings, connection: ClusterConnection) -> None:
        super().__init__(settings, connection)
        self.changes: list[Callable[[], Awaitable[object]]] = []

    async def read(self, role: str) -> WorkloadObject:
        found = await super().read(role)
        if self.changes:
            await self.changes.pop()()
        return found


async def released(workloads: Workloads) -> tuple[str, str]:
    """Make a second revision, and return the deployment's UID and the ReplicaSet of the first."""
    uid = (await workloads.read("worker")).metadata.uid
    (first,) = await Revisions(workloads).history("worker")
    await Configuration(workloads, OneSecret()).set_variable("worker", "MONGO_URI", "kept:1", uid)
    return uid, first.replica_set


@pytest.fixture
async def elsewhere(workloads: Workloads, world: AnyCluster) -> Elsewhere:
    return Elsewhere(world.settings, workloads.connection)


@pytest.fixture
async def cluster(world: AnyCluster) -> AsyncIterator[Cluster]:
    opened = Cluster(world.settings)
    yield opened
    await opened.close()


async def test_what_somebody_released_meanwhile_is_not_overwritten(
    elsewhere: Elsewhere, workloads: Workloads, world: AnyCluster
) -> None:
    def release(found: Any) -> None:
        found.spec.template.spec.containers[0].image = IMAGE

    uid, first = await released(workloads)
    elsewhere.changes = [partial(world.edit, "novapulse-worker", release)]
    with pytest.raises(PermanentError, match="Somebody else released novapulse-worker meanwhile: nothing was done"):
        await Revisions(elsewhere).roll_back("worker", first, uid)
    assert (await workloads.read("worker")).spec.template.container("worker").image == IMAGE


async def test_what_is_only_scaled_meanwhile_is_rolled_back(
    elsewhere: Elsewhere, workloads: Workloads, cluster: Cluster
) -> None:
    uid, first = await released(workloads)
    elsewhere.changes = [partial(cluster.scale, "worker", replicas) for replicas in (4, 3)]
    assert (await Revisions(elsewhere).roll_back("worker", first, uid))["changed"] is True
    found = await workloads.read("worker")
    assert (found.spec.replicas, found.spec.template.container("worker").env) == (4, [])


async def test_what_never_stands_still_is_given_up(
    elsewhere: Elsewhere, workloads: Workloads, cluster: Cluster
) -> None:
    uid, first = await released(workloads)
    elsewhere.changes = [partial(cluster.scale, "worker", 3 + number % 2) for number in range(40)]
    with pytest.raises(TemporaryError, match="kept changing"):
        await Revisions(elsewhere).roll_back("worker", first, uid)
    assert (await Revisions(workloads).history("worker"))[0].replica_set != first


def replica_set(name: str, revision: str, image: str) -> dict[str, Any]:
    spec = {"containers": [{"name": "worker", "image": image}]}
    metadata = {"name": name, "uid": name, "annotations": {REVISION: revision}, "ownerReferences": [{"uid": "uid-1"}]}
    return {"metadata": metadata, "spec": {"replicas": 0, "template": {"spec": spec}}}


async def test_what_the_cluster_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    async with kubernetes_server() as server:
        sets = [replica_set("old", "1", "novapulse/worker:1"), replica_set("new", "2", "novapulse/worker:2")]
        server.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = deployment()
        server.answers[f"GET {DEPLOYMENTS.replace('deployments', 'replicasets')}"] = {"metadata": {}, "items": sets}
        server.answers[f"PATCH {DEPLOYMENTS}/novapulse-worker"] = status(422, "exceeded quota: small")
        settings = PlatformSettings(kubeconfig=server.kubeconfig(tmp_path))
        connection = ClusterConnection(settings)
        with pytest.raises(PermanentError, match="The cluster refused: exceeded quota: small"):
            await Revisions(Workloads(settings, connection)).roll_back("worker", "old", "uid-1")
        await connection.close()
        assert len(server.patches()) == 1
