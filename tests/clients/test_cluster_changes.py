"""What changes the cluster, against the sandbox's or, with TEST_CLUSTER=yes, a real one."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes.aio import client
from pydantic import SecretStr

from bot.clients.cluster import Cluster
from bot.clients.cluster_configuration import CONFIG_MAP, Configuration, entry_of, origin_of, why_ineffective
from bot.clients.cluster_pod_changes import PodChanges
from bot.clients.cluster_restarts import Restarts
from bot.clients.cluster_revisions import Revisions, differences
from bot.clients.cluster_rights import rights_needed
from bot.clients.cluster_usage import PodMetrics
from bot.clients.cluster_workloads import Workloads
from bot.clients.connected_workers import Connection
from bot.clients.working_jobs import Working, WorkingJob, WorkingJobs
from bot.errors import Forbidden, PermanentError, Refused, Unavailable, UsageError
from bot.plan import Progress
from bot.settings import RedisSettings
from tests.clients.any_cluster import AnyCluster
from tests.clients.kubernetes_types import CONTAINER_METRICS, POD_METRICS

AT = "2026-07-01T09:00:00+00:00"
PASSWORD = "mongodb://nova:hunter2@new-primary/novapulse"  # to be found nowhere


class OneSecret:
    """A vault with one value."""

    async def value(self, reference: str) -> SecretStr:
        if reference != "kept:1":
            raise Refused("The value is no longer kept.")
        return SecretStr(PASSWORD)


class Busy(WorkingJobs):
    """Knows who works on how much without a Redis."""

    def __init__(self) -> None:
        super().__init__(RedisSettings(redis_url=None))
        self.found: dict[str, int] = {}
        self.connected: dict[str, list[Connection]] = {}

    async def read(self) -> Working:
        workers = [worker for worker, count in self.found.items() for _ in range(count)]
        jobs = (WorkingJob("email", f"{number}", "sendEmail", worker, None) for number, worker in enumerate(workers))
        return Working(tuple(jobs), more=False, known=("email",), unknown={})

    async def connections(self) -> dict[str, list[Connection]]:
        return self.connected


@pytest.fixture
async def cluster(world: AnyCluster) -> AsyncIterator[Cluster]:
    opened = Cluster(world.settings)
    yield opened
    await opened.close()


@pytest.fixture
def busy() -> Busy:
    return Busy()


@pytest.fixture
def pods(workloads: Workloads, busy: Busy) -> PodChanges:
    return PodChanges(workloads, PodMetrics(workloads), busy)


async def _done(look: Callable[[], Awaitable[Progress]]) -> str:
    async with asyncio.timeout(120):
        while True:
            seen = await look()
            assert not seen.failed, seen.message
            if seen.done:
                return seen.message
            await asyncio.sleep(0.05)


async def _uid(workloads: Workloads, role: str) -> str:
    return (await workloads.read(role)).metadata.uid


# Restarts


async def test_a_restart_is_done_once_a_stamp(workloads: Workloads, cluster: Cluster, pods: PodChanges) -> None:
    restarts, uid = Restarts(workloads), await _uid(workloads, "worker")
    before = {pod.uid for pod in await pods.of("worker")}
    assert await restarts.restart("worker", "run-1", AT, uid) == {"changed": True}
    await _done(lambda: cluster.rollout_done("worker"))
    after = {pod.uid for pod in await pods.of("worker")}
    assert len(after) == 2
    assert not before & after
    assert await restarts.restart("worker", "run-1", AT, uid) == {"changed": False}
    assert await restarts.restart("worker", "run-2", AT, uid) == {"changed": True}


async def test_redis_is_restarted_to_its_end(workloads: Workloads) -> None:
    restarts, metrics = Restarts(workloads), PodMetrics(workloads)
    (before,) = [pod.uid for pod in await metrics.pods() if pod.app == "redis"]
    await restarts.restart("redis", "run-1", AT, await _uid(workloads, "redis"))
    assert await _done(lambda: restarts.stateful_restarted("redis", "run-1")) == "redis: 1 of 1 pods restarted, 1 ready"
    (after,) = [pod.uid for pod in await metrics.pods() if pod.app == "redis"]
    assert after != before
    assert (await restarts.stateful_restarted("redis", "run-0")).failed


async def test_a_workload_made_anew_is_left_alone(workloads: Workloads) -> None:
    with pytest.raises(PermanentError, match="made anew"):
        await Restarts(workloads).restart("worker", "run-1", AT, "another-uid")


async def test_an_unknown_role_names_those_that_exist(workloads: Workloads) -> None:
    with pytest.raises(UsageError, match="api, worker, redis"):
        await workloads.read("web")


# Pods


async def test_exactly_the_pods_that_were_seen_are_ended(pods: PodChanges) -> None:
    found = {pod.name: pod.uid for pod in await pods.of("worker")}
    (first, *_) = found
    wrong = {**found, first: "00000000-0000-0000-0000-000000000000", "gone": "x"}
    assert (await pods.delete(wrong))["message"] == "1 told to end, 2 gone already"
    await pods.delete(found)
    uids = list(found.values())
    assert await _done(lambda: pods.replaced("worker", uids, 2)) == "0 of 2 old pods left, 2 of 2 new ones ready"
    assert (await pods.delete(found))["deleted"] == 0


async def test_the_idle_pods_go_first(pods: PodChanges, busy: Busy, world: AnyCluster, cluster: Cluster) -> None:
    await cluster.scale("worker", 4)
    await world.wait_ready("novapulse-worker", 4)
    names = [pod.name for pod in await cluster.pods("worker")]
    busy.found = {names[0]: 3, names[2]: 1}
    assert (await pods.spare_the_busy("worker"))["message"] == "2 of 4 pods are idle and go first"
    await cluster.scale("worker", 2)
    await world.wait_ready("novapulse-worker", 2)
    assert {pod.name for pod in await pods.of("worker")} == {names[0], names[2]}


async def test_no_mark_stays_on_a_pod(pods: PodChanges, busy: Busy, cluster: Cluster) -> None:
    names = [pod.name for pod in await pods.of("worker")]
    busy.found = {names[0]: 3}
    await pods.spare_the_busy("worker")
    assert {pod.name: pod.deletion_cost for pod in await cluster.pods("worker")}[names[0]] == 3
    assert await pods.unmark("worker") == {"changed": True, "message": "2 pods are no longer marked"}
    assert {pod.deletion_cost for pod in await cluster.pods("worker")} == {0}
    assert (await pods.unmark("worker"))["changed"] is False


async def test_who_is_busy_may_be_unknown(pods: PodChanges, busy: Busy, cluster: Cluster) -> None:
    (first, *_) = [pod.name for pod in await pods.of("worker")]
    busy.found = {first: 3}
    await pods.spare_the_busy("worker")  # its marks say what was
    busy.found = {"email-worker": 4}
    assert await pods.spare_the_busy("worker") == {
        "changed": True,
        "message": "which pod works on which job is unknown, any may go first: "
        "no pod is called email-worker as a worker of email is, nor does its address tell",
    }
    assert {pod.deletion_cost for pod in await cluster.pods("worker")} == {0}
    assert not any(pod.is_marked for pod in await pods.of("worker"))


async def test_a_pod_is_known_by_its_address(pods: PodChanges, busy: Busy, world: AnyCluster, cluster: Cluster) -> None:
    names = [pod.name for pod in await pods.of("worker")]
    for number, name in enumerate(names):
        world.sandbox.store.change("pods", "novapulse", name, _at(f"10.42.1.{number}"))
    busy.found = {"one": 3}
    busy.connected = {"email": [Connection(worker, f"10.42.1.{n}:5000") for n, worker in enumerate(("two", "one"))]}
    assert (await pods.spare_the_busy("worker"))["message"] == "1 of 2 pods are idle and go first"
    assert {pod.name: pod.deletion_cost for pod in await cluster.pods("worker")} == {names[0]: 0, names[1]: 3}


def _at(address: str) -> Callable[[Any], None]:
    def change(found: Any) -> None:
        found["status"]["podIPs"] = [{"ip": address}]

    return change


# Revisions


async def test_goes_back_to_the_revision_before_and_forth(workloads: Workloads, cluster: Cluster) -> None:
    revisions, uid = Revisions(workloads), await _uid(workloads, "worker")
    await _done(lambda: cluster.rollout_done("worker"))
    (only,) = await revisions.history("worker")
    assert (only.is_current, only.number) == (True, 1)
    await Configuration(workloads, OneSecret()).set_variable("worker", "MONGO_URI", "kept:1", uid)
    await _done(lambda: cluster.rollout_done("worker"))
    new, old = await revisions.history("worker")
    assert (new.number, new.is_current, old.number, old.replica_set) == (2, True, 1, only.replica_set)
    assert differences(new.template, old.template) == [
        ("containers[worker].env[MONGO_URI].value", "a value", "not set")
    ]
    assert (await revisions.roll_back("worker", old.replica_set, uid))["changed"] is True
    await _done(lambda: cluster.rollout_done("worker"))
    back = (await revisions.history("worker"))[0]
    assert (back.replica_set, back.number, back.is_current) == (only.replica_set, 3, True)
    assert await revisions.roll_back("worker", old.replica_set, uid) == {"changed": False}
    with pytest.raises(PermanentError, match="no longer keeps"):
        await revisions.roll_back("worker", "novapulse-worker-gone", uid)
    with pytest.raises(PermanentError, match="made anew"):
        await revisions.roll_back("worker", new.replica_set, "another")


async def test_why_a_revision_was_made_is_told(workloads: Workloads, cluster: Cluster, world: AnyCluster) -> None:
    def annotate(found: Any) -> None:
        found.metadata.annotations["kubernetes.io/change-cause"] = "release 2.15.0"
        found.spec.template.spec.termination_grace_period_seconds = 7

    await _done(lambda: cluster.rollout_done("worker"))
    await world.edit("novapulse-worker", annotate)
    await _done(lambda: cluster.rollout_done("worker"))
    revisions = Revisions(workloads)
    new, old = await revisions.history("worker")
    assert (new.cause, old.cause) == ("release 2.15.0", "")
    await revisions.roll_back("worker", old.replica_set, await _uid(workloads, "worker"))
    assert "kubernetes.io/change-cause" not in (await workloads.read("worker")).metadata.annotations


# Configuration


async def test_the_config_map_is_changed_once(workloads: Workloads) -> None:
    configuration = Configuration(workloads, OneSecret())
    found = await configuration.config_map()
    assert found.data["QUEUE_CONCURRENCY"] == "5"
    changed = await configuration.set_keys({"QUEUE_CONCURRENCY": "8"}, found.metadata.uid)
    assert changed == {"changed": True, "message": "QUEUE_CONCURRENCY 5 → 8"}
    assert await configuration.set_keys({"QUEUE_CONCURRENCY": "8"}, found.metadata.uid) == {"changed": False}
    assert (await configuration.config_map()).data["NODE_ENV"] == "production"
    with pytest.raises(PermanentError, match=CONFIG_MAP):
        await configuration.set_keys({"QUEUE_CONCURRENCY": "9"}, "another")


async def test_a_variable_is_set_and_its_value_said_nowhere(workloads: Workloads) -> None:
    configuration, uid = Configuration(workloads, OneSecret()), await _uid(workloads, "worker")
    assert why_ineffective(await workloads.read("worker"), "worker", "MONGO_URI") == ""
    answer = await configuration.set_variable("worker", "MONGO_URI", "kept:1", uid)
    assert answer == {"changed": True, "message": "set"}
    found = await workloads.read("worker")
    container = await configuration.container("worker")
    entry = entry_of(container, "MONGO_URI")
    assert entry is not None
    assert entry.value == PASSWORD
    assert "hunter2" not in repr(found) + repr(container)
    assert origin_of(container, "MONGO_URI") == "a value of its own"
    assert "so that the ConfigMap has no effect" in why_ineffective(found, "worker", "MONGO_URI")
    assert (await configuration.set_variable("worker", "MONGO_URI", "kept:1", uid))["changed"] is False
    with pytest.raises(Refused):
        await configuration.set_variable("worker", "MONGO_URI", "kept:2", uid)


async def test_a_reference_to_a_secret_is_replaced(workloads: Workloads, world: AnyCluster) -> None:
    def refer(found: Any) -> None:
        key = client.V1SecretKeySelector(name="novapulse-secrets", key="MONGO_URI")
        source = client.V1EnvVarSource(secret_key_ref=key)
        found.spec.template.spec.containers[0].env = [client.V1EnvVar(name="MONGO_URI", value_from=source)]

    await world.edit("novapulse-worker", refer)
    configuration = Configuration(workloads, OneSecret())
    assert origin_of(await configuration.container("worker"), "MONGO_URI") == "Secret novapulse-secrets"
    await configuration.set_variable("worker", "MONGO_URI", "kept:1", await _uid(workloads, "worker"))
    (entry,) = (await configuration.container("worker")).env
    assert entry.value_from is None


# What pods use


async def test_pods_say_what_they_are_and_use(workloads: Workloads, world: AnyCluster) -> None:
    del world
    metrics = PodMetrics(workloads)
    pods = [pod for pod in await metrics.pods() if pod.app == "novapulse-api"]
    assert len(pods) == 3
    assert {(pod.state, pod.ready, pod.containers, pod.restarts) for pod in pods} == {("ready", 1, 1, 0)}
    assert all(pod.limits["memory"] and pod.requested["cpu"] and pod.created_at for pod in pods)


async def test_usage_is_read_as_the_metrics_server_states_it(workloads: Workloads, world: AnyCluster) -> None:
    assert world.sandbox.namespace == workloads.namespace
    usage = {found.pod: found for found in await PodMetrics(workloads).usage()}
    assert len(usage) == 6
    one = next(iter(usage.values()))
    assert one.cpu == pytest.approx(0.087)
    assert one.memory == 190_000 * 1024
    assert one.at is not None
    assert datetime.now(UTC) - one.at < timedelta(minutes=1)
    answer = await workloads.connection.ask_bytes(_usage_call(workloads), 5, limit=10**6)
    for item in json.loads(answer[0])["items"]:
        assert item.keys() <= POD_METRICS
        assert all(container.keys() <= CONTAINER_METRICS for container in item["containers"])


def _usage_call(workloads: Workloads) -> Any:
    return lambda api: client.CustomObjectsApi(api).list_namespaced_custom_object_without_preload_content(
        "metrics.k8s.io", "v1beta1", workloads.namespace, "pods"
    )


async def test_what_is_forbidden_is_said(workloads: Workloads, pods: PodChanges, world: AnyCluster) -> None:
    world.sandbox.forbid(True)
    for call in (workloads.read("api"), pods.of("api"), Revisions(workloads).history("api")):
        with pytest.raises(Forbidden):
            await call
    await world.sandbox.down(True)
    with pytest.raises(Unavailable):
        await workloads.read("api")
    await world.sandbox.down(False)


async def test_has_every_right_it_needs(cluster: Cluster, world: AnyCluster) -> None:
    assert await cluster.access_review(rights_needed(world.settings)) == []
