"""What changed in the cluster, against the sandbox's or, with TEST_CLUSTER=yes, a real one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bot.clients.cluster import Cluster
from bot.clients.cluster_changes import ClusterChanges
from bot.clients.cluster_configuration import Configuration
from bot.clients.cluster_revisions import Revisions
from bot.clients.cluster_workloads import Workloads
from bot.clients.platform_changes import SystemChange
from tests.clients.any_cluster import AnyCluster

NEW_ENOUGH = timedelta(minutes=10)


class NoVault:
    async def value(self, reference: str) -> SecretStr:
        raise KeyError(reference)


@pytest.fixture
def changes(workloads: Workloads) -> ClusterChanges:
    return ClusterChanges(workloads, Revisions(workloads))


async def _until(changes: ClusterChanges, kind: str, *words: str) -> SystemChange:
    async with asyncio.timeout(30):
        while True:
            found = await changes.since(datetime.now(UTC) - NEW_ENOUGH)
            assert not found.problems
            for change in found.found:
                if change.kind == kind and all(word in change.what for word in words):
                    return change
            await asyncio.sleep(0.05)


async def test_a_release_is_a_revision_with_its_image(changes: ClusterChanges) -> None:
    change = await _until(changes, "release", "novapulse-worker revision 1: ")
    assert "image unknown" not in change.what


async def test_who_scaled_and_what_the_controller_did(world: AnyCluster, changes: ClusterChanges) -> None:
    cluster = Cluster(world.settings)
    await cluster.scale("worker", 3)
    await cluster.close()
    # Kubernetes has written "from 2 to 3" since 1.26, before that "to 3".
    assert not (await _until(changes, "scale", "Scaled up replica set novapulse-worker-", " to 3")).by
    assert (await _until(changes, "scale", "deployment novapulse-worker was scaled")).by


async def test_who_edited_the_configuration(workloads: Workloads, changes: ClusterChanges) -> None:
    configuration = Configuration(workloads, NoVault())
    uid = (await configuration.config_map()).metadata.uid
    await configuration.set_keys({"QUEUE_CONCURRENCY": "7"}, uid)
    change = await _until(changes, "configuration", "ConfigMap novapulse-config was edited")
    assert change.by == "novapulse-bot"


async def test_what_changed_before_is_left_out(changes: ClusterChanges) -> None:
    await _until(changes, "release", "novapulse-worker")
    found = await changes.since(datetime.now(UTC) + NEW_ENOUGH)
    assert (found.found, found.problems) == ((), ())


async def test_a_restart_says_how_the_container_ended(world: AnyCluster, changes: ClusterChanges) -> None:
    (name, *_) = world.sandbox.ready_pods("novapulse-worker")
    at = datetime.now(UTC).isoformat()

    def killed(found: dict[str, Any]) -> None:
        ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": at}
        found["status"]["containerStatuses"][0] |= {"restartCount": 1, "lastState": {"terminated": ended}}

    world.sandbox.store.change("pods", "novapulse", name, killed)
    change = await _until(changes, "restart", name)
    assert change.what == f"{name}: its container ended (OOMKilled) and was started again"


async def test_a_pod_that_was_evicted_is_a_change(world: AnyCluster, changes: ClusterChanges) -> None:
    (name, *_) = world.sandbox.ready_pods("novapulse-worker")
    at = datetime.now(UTC)

    def evict(found: dict[str, Any]) -> None:
        found["status"] |= {"phase": "Failed", "reason": "Evicted"}
        found["status"]["conditions"] = [
            {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": f"{at:%FT%TZ}"}
        ]

    world.sandbox.store.change("pods", "novapulse", name, evict)
    change = await _until(changes, "restart", name)
    assert (change.what, change.at) == (
        f"{name}: it ended (Evicted), not to be started again",
        at.replace(microsecond=0),
    )


async def test_every_source_that_cannot_be_read_is_a_problem(world: AnyCluster, changes: ClusterChanges) -> None:
    await world.sandbox.down(True)
    found = await changes.since(datetime.now(UTC) - NEW_ENOUGH)
    await world.sandbox.down(False)
    assert found.found == ()
    assert found.problems
