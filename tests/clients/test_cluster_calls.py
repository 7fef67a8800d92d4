"""Every call that the cluster's clients can make is made here once, and checked against the API's description.

A call that is new in ``bot/clients`` fails this until it is made here too: so none goes unchecked.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from pydantic import BaseModel, SecretStr

from bot.clients.cluster import Cluster
from bot.clients.cluster_changes import ClusterChanges
from bot.clients.cluster_configuration import Configuration
from bot.clients.cluster_connection import Call, ClusterConnection
from bot.clients.cluster_cronjobs import CronJobs
from bot.clients.cluster_pod_changes import PodChanges
from bot.clients.cluster_restarts import Restarts
from bot.clients.cluster_revisions import Revisions
from bot.clients.cluster_rights import rights_needed
from bot.clients.cluster_usage import PodMetrics
from bot.clients.cluster_workloads import Workloads
from bot.clients.working_jobs import Working, WorkingJob, WorkingJobs
from bot.settings import PlatformSettings, RedisSettings
from sandbox.cluster.objects import BACKUP
from tests.clients.any_cluster import AnyCluster
from tests.clients.kubernetes_types import answer_of, described, others, reads

SOURCES = sorted(Path("bot/clients").glob("cluster*.py"))
Answer = TypeVar("Answer", bound=BaseModel)
SUFFIX = "_without_preload_content"
CUSTOM = "list_namespaced_custom_object"


def named() -> list[str]:
    """Return the calls that stand in the clients' source, one an occurrence."""
    return [name for path in SOURCES for name in re.findall(rf"\.(\w+?){SUFFIX}\b", path.read_text(encoding="utf-8"))]


class OneSecret:
    async def value(self, reference: str) -> SecretStr:
        return SecretStr(reference)


class OneBusy(WorkingJobs):
    """Knows of one pod that works, without a Redis."""

    def __init__(self, pod: str) -> None:
        super().__init__(RedisSettings(redis_url=None))
        self.pod = pod

    async def read(self) -> Working:
        job = WorkingJob("email", "1", "sendEmail", self.pod, None)
        return Working((job,), more=False, known=("email",), unknown={})


class Noting(ClusterConnection):
    """Notes as what each answer is read."""

    def __init__(self, settings: PlatformSettings) -> None:
        super().__init__(settings)
        self.read: dict[type[BaseModel], set[str]] = {}

    async def ask_or_none(
        self, kind: type[Answer], call: Call, seconds: float, *, none_for: int | tuple[int, ...] = ()
    ) -> Answer | None:
        async def noted(api: Any) -> aiohttp.ClientResponse:
            response = await call(api)
            if found := answer_of(response.method, response.url.path):
                self.read.setdefault(kind, set()).add(found)
            return response

        return await super().ask_or_none(kind, noted, seconds, none_for=none_for)


async def read_everything(cluster: Cluster, workloads: Workloads, world: AnyCluster) -> None:
    await cluster.reachable()
    await cluster.deployment("worker")
    pods = await cluster.pods("worker")
    await cluster.autoscalers("api")
    await cluster.logs("worker", tail_lines=1)
    await cluster.pages("worker", "/metrics")
    await cluster.access_review(rights_needed(world.settings))
    await Configuration(workloads, OneSecret()).config_map()
    await PodMetrics(workloads).pods()
    await PodMetrics(workloads).usage()
    await CronJobs(workloads).state(BACKUP)
    await ClusterChanges(workloads, Revisions(workloads)).since(datetime.now(UTC))
    assert pods


async def change_everything(cluster: Cluster, workloads: Workloads) -> None:
    configuration, restarts, revisions = (
        Configuration(workloads, OneSecret()),
        Restarts(workloads),
        Revisions(workloads),
    )
    uid = {role: (await workloads.read(role)).metadata.uid for role in ("worker", "redis")}
    first, *_ = await cluster.pods("worker")
    pods = PodChanges(workloads, PodMetrics(workloads), OneBusy(first.name))
    await pods.spare_the_busy("worker")
    await pods.unmark("worker")
    await cluster.scale("worker", 3, uid["worker"])
    old = (await revisions.history("worker"))[0].replica_set
    await configuration.set_keys({"QUEUE_CONCURRENCY": "8"}, (await configuration.config_map()).metadata.uid)
    await configuration.set_variable("worker", "MONGO_URI", "kept:1", uid["worker"])
    await restarts.restart("worker", "run-1", "2026-07-01T09:00:00+00:00", uid["worker"])
    await restarts.restart("redis", "run-1", "2026-07-01T09:00:00+00:00", uid["redis"])
    await revisions.roll_back("worker", old, uid["worker"])
    await pods.delete({first.name: first.uid})


async def test_every_call_is_made_and_is_one_that_the_api_describes(world: AnyCluster) -> None:
    sandbox, connection = world.sandbox, Noting(world.settings)
    cluster, workloads = Cluster(world.settings, connection=connection), Workloads(world.settings, connection)
    try:
        await read_everything(cluster, workloads, world)
        await change_everything(cluster, workloads)
    finally:
        await cluster.close()
    assert {"V1Deployment", "V1StatefulSet", "V1PodList", "V1ReplicaSetList"} <= set().union(*connection.read.values())
    for model, kinds in connection.read.items():
        reads(model, kinds, model.__name__)
    made = {(asked.method, asked.path) for asked in sandbox.asked()}
    wanted = {name: [described(name)] for name in set(named()) - {CUSTOM}} | {CUSTOM: others()}
    for name, calls in wanted.items():
        for verb, path in calls:
            assert any(verb == method and path.fullmatch(at) for method, at in made), f"{name} was not made here"
    assert named().count(CUSTOM) == len(others())


def test_no_call_is_made_in_another_way() -> None:
    """So that a look for the suffix finds them all."""
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for called in re.findall(r"(?:Api\(api\)|\bcore|\bapps)\.(\w+)", text):
            assert called.endswith(SUFFIX), f"{path}: {called}"
        assert "call_api" not in text
