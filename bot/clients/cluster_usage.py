"""What the pods of the namespace are and what they use: every pod in one list, their usage from metrics.k8s.io."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from kubernetes.aio import client
from pydantic import AliasPath, Field

from bot.clients.cluster_connection import SYSTEM
from bot.clients.cluster_objects import ListMetadata, Metadata, Object, PodStatus
from bot.clients.cluster_pods import ending_of, last_restart_at, last_restart_reason
from bot.clients.cluster_quantities import amount
from bot.clients.cluster_state import Ending
from bot.clients.cluster_workloads import TemplateContainer, Workloads
from bot.clients.platform_words import KUBERNETES
from bot.errors import Unavailable

POD_LIMIT: Final = 500
DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_NOT_FOUND: Final = 404


class _ListedSpec(Object):
    containers: list[TemplateContainer] = Field(min_length=1)
    node_name: str = ""


class _Address(Object):
    ip: str


class _ListedStatus(PodStatus):
    pod_ips: list[_Address] = Field(default_factory=list, validation_alias="podIPs")


class _ListedMetadata(Metadata):
    creation_timestamp: datetime | None = None


class _ListedPod(Object):
    metadata: _ListedMetadata
    spec: _ListedSpec
    status: _ListedStatus = _ListedStatus()


class _Listed(Object):
    metadata: ListMetadata = ListMetadata()
    items: list[_ListedPod]


class _ContainerUsage(Object):
    name: str
    cpu: str = Field(validation_alias=AliasPath("usage", "cpu"))
    memory: str = Field(validation_alias=AliasPath("usage", "memory"))


class _Usage(Object):
    metadata: Metadata
    timestamp: datetime | None = None
    containers: list[_ContainerUsage]


class _Usages(Object):
    metadata: ListMetadata = ListMetadata()
    items: list[_Usage]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPod:
    """A pod as a list shows it. ``reason`` is how a container last ended or why one waits; empty where there is none.

    ``restarted_at`` is when that container ended which was restarted last. Nothing runs in one that has an ``ending``.
    Memory is in bytes and cpu in cores, summed over the containers; None where a container states none.
    """

    name: str
    uid: str
    app: str
    ready: int
    containers: int
    state: str
    restarts: int
    reason: str
    created_at: datetime | None
    started_at: datetime | None
    node: str
    image: str
    requested: dict[str, float | None]
    limits: dict[str, float | None]
    container_limits: dict[str, dict[str, float | None]] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()  # of both families where it has both
    is_marked: bool = False  # with what it would cost to end it: see DELETION_COST
    restarted_at: datetime | None = None
    ending: Ending | None = None

    @property
    def is_present(self) -> bool:
        """Whether it counts, as its ReplicaSet counts."""
        return self.state != "stopping" and self.ending is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodUsage:
    """What a pod uses: cores and bytes, as of ``at``; None for what the metrics server did not say legibly."""

    pod: str
    cpu: float | None
    memory: float | None
    at: datetime | None
    containers: dict[str, dict[str, float | None]] = field(default_factory=dict)


class PodMetrics:
    """Reads the namespace's pods and what they use."""

    words: Final = KUBERNETES

    def __init__(self, workloads: Workloads) -> None:
        self._workloads = workloads

    async def pods(self) -> list[ListedPod]:
        """Return every pod of the namespace, by name; raises as ``Workloads`` does, also where there are over 500."""
        found = await self._workloads.connection.ask(
            _Listed,
            lambda api: client.CoreV1Api(api).list_namespaced_pod_without_preload_content(
                self._workloads.namespace, limit=POD_LIMIT
            ),
            self._workloads.seconds,
        )
        if found.metadata.continue_:
            raise Unavailable(SYSTEM, f"there are more than {POD_LIMIT} pods")
        return sorted((_listed(pod) for pod in found.items), key=lambda pod: pod.name)

    async def usage(self) -> list[PodUsage]:
        """Return what each pod uses; Unavailable where the cluster has no metrics server."""
        found = await self._workloads.connection.ask_or_none(
            _Usages,
            lambda api: client.CustomObjectsApi(api).list_namespaced_custom_object_without_preload_content(
                "metrics.k8s.io", "v1beta1", self._workloads.namespace, "pods", limit=POD_LIMIT
            ),
            self._workloads.seconds,
            none_for=_NOT_FOUND,
        )
        if found is None:
            raise Unavailable(SYSTEM, "it has no metrics server (metrics.k8s.io is not there)")
        if found.metadata.continue_ or len(found.items) > POD_LIMIT:
            raise Unavailable(SYSTEM, f"there are more than {POD_LIMIT} pods")
        return [_usage(item) for item in found.items]


def _listed(pod: _ListedPod) -> ListedPod:
    statuses, containers = pod.status.container_statuses, pod.spec.containers
    app = pod.metadata.labels.get("app", "")
    own = next((found for found in containers if app.endswith(f"-{found.name}")), containers[0])
    return ListedPod(
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        app=app,
        ready=len(containers) if _is_ready(pod) else sum(found.ready for found in statuses),
        containers=len(containers),
        state=_state(pod),
        restarts=sum(found.restart_count for found in statuses),
        reason=last_restart_reason(statuses),
        created_at=pod.metadata.creation_timestamp,
        started_at=pod.status.start_time,
        node=pod.spec.node_name,
        image=own.image,
        requested={name: _sum([found.resources.requests for found in containers], name) for name in ("cpu", "memory")},
        limits={name: _sum([found.resources.limits for found in containers], name) for name in ("cpu", "memory")},
        container_limits={found.name: _each(found.resources.limits) for found in containers},
        addresses=tuple(address.ip for address in pod.status.pod_ips),
        is_marked=DELETION_COST in pod.metadata.annotations,
        restarted_at=last_restart_at(statuses),
        ending=ending_of(pod.status),
    )


def _is_ready(pod: _ListedPod) -> bool:
    return any(found.type == "Ready" and found.status == "True" for found in pod.status.conditions)


def _state(pod: _ListedPod) -> str:
    """Say the one thing about a pod's state that matters most."""
    if pod.metadata.deletion_timestamp is not None:
        return "stopping"
    waits = [found.state.waiting.reason for found in pod.status.container_statuses if found.state.waiting]
    if pod.status.reason or any(waits):
        return pod.status.reason or next(reason for reason in waits if reason)
    return "ready" if _is_ready(pod) else pod.status.phase.lower()


def _each(stated: dict[str, str]) -> dict[str, float | None]:
    return {name: amount(stated[name]) if name in stated else None for name in ("cpu", "memory")}


def _sum(stated: list[dict[str, str]], name: str) -> float | None:
    """Add up what every container states; one that states nothing has no bound, so neither has the pod."""
    found = [amount(each[name]) if name in each else None for each in stated]
    known = [number for number in found if number is not None]
    return sum(known) if len(known) == len(found) else None


def _usage(item: _Usage) -> PodUsage:
    cpu, memory = ([amount(getattr(found, name)) for found in item.containers] for name in ("cpu", "memory"))
    each = {found.name: {"cpu": amount(found.cpu), "memory": amount(found.memory)} for found in item.containers}
    name, at = item.metadata.name, item.timestamp
    return PodUsage(pod=name, cpu=_total(cpu), memory=_total(memory), at=at, containers=each)


def _total(found: list[float | None]) -> float | None:
    known = [number for number in found if number is not None]
    return sum(known) if known and len(known) == len(found) else None
