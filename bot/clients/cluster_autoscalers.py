"""Who would revert a manual scale: a HorizontalPodAutoscaler, KEDA, or what applies manifests from Git."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

from kubernetes.aio import client

from bot.clients.cluster_connection import SYSTEM, ClusterConnection
from bot.clients.cluster_objects import HpaList, Metadata, ScaledObjectList, TargetReference
from bot.clients.cluster_state import Autoscaler, Owner
from bot.errors import PermanentError, Unavailable

# Each of these is put on an object by the controller that applies it; see the controllers' documentation on tracking.
_GITOPS_MARKS: Final = (
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
)
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_NOT_FOUND: Final = 404
LIMIT: Final = 500
_GITOPS_MANAGERS: Final = {"flux": "Flux", "argocd": "Argo CD", "argo-cd": "Argo CD"}


@dataclass(frozen=True, slots=True)
class AutoscalerReader:
    """Reads a namespace's autoscalers; each call ends within ``seconds``."""

    connection: ClusterConnection
    namespace: str
    seconds: float

    async def hpas(self, deployment: str) -> list[Autoscaler]:
        """Return the HorizontalPodAutoscalers of a deployment."""
        answer = await self.connection.ask(
            HpaList,
            lambda api: client.AutoscalingV2Api(api).list_namespaced_horizontal_pod_autoscaler_without_preload_content(
                self.namespace, limit=LIMIT
            ),
            self.seconds,
        )
        _require_all(answer, "HorizontalPodAutoscalers")
        return from_hpas(answer, deployment)

    async def scaled_objects(self, deployment: str) -> list[Autoscaler]:
        """Return the KEDA objects of a deployment; a cluster without KEDA answers 404, which is none."""
        answer = await self.connection.ask_or_none(
            ScaledObjectList,
            lambda api: client.CustomObjectsApi(api).list_namespaced_custom_object_without_preload_content(
                "keda.sh", "v1alpha1", self.namespace, "scaledobjects", limit=LIMIT
            ),
            self.seconds,
            none_for=_NOT_FOUND,
        )
        if answer is not None:
            _require_all(answer, "objects of KEDA")
        return from_scaled_objects(answer, deployment)


def _require_all(answer: HpaList | ScaledObjectList, what: str) -> None:
    if answer.metadata.continue_:
        raise Unavailable(SYSTEM, f"there are more than {LIMIT} {what}")


async def or_problem(kind: Owner, reading: Awaitable[list[Autoscaler]]) -> list[Autoscaler]:
    """Return what was read, or one entry that says why that kind is unknown."""
    try:
        return await reading
    except (Unavailable, PermanentError) as error:
        return [Autoscaler(kind=kind, problem=str(error))]


def from_hpas(answer: HpaList, deployment: str) -> list[Autoscaler]:
    """Return the HorizontalPodAutoscalers of a deployment; their minimum is 1 where none is given."""
    return [
        Autoscaler(
            kind="HPA",
            name=item.metadata.name,
            minimum=item.spec.min_replicas,
            maximum=item.spec.max_replicas,
        )
        for item in answer.items
        if _targets(item.spec.scale_target_ref, deployment)
    ]


def from_scaled_objects(answer: ScaledObjectList | None, deployment: str) -> list[Autoscaler]:
    """Return the KEDA objects of a deployment; None is a cluster without KEDA."""
    return [
        Autoscaler(
            kind="KEDA",
            name=item.metadata.name,
            minimum=item.spec.min_replica_count,
            maximum=item.spec.max_replica_count,
        )
        for item in (answer.items if answer else [])
        if _targets(item.spec.scale_target_ref, deployment)
    ]


def from_marks(metadata: Metadata) -> list[Autoscaler]:
    """Return what applies the deployment from Git, judged by the labels and annotations it leaves."""
    marks = metadata.annotations | metadata.labels
    for mark, product in _GITOPS_MARKS:
        if marks.get(mark):
            return [Autoscaler(kind="GitOps", name=f"{product} {_instance(marks[mark])}")]
    product = _GITOPS_MANAGERS.get(marks.get(_MANAGED_BY, "").lower(), "")
    return [Autoscaler(kind="GitOps", name=product)] if product else []


def from_git(metadata: Metadata) -> tuple[str, ...]:
    """Warn of what applies an object from Git, and would put back what a person changes; empty where nothing does."""
    words = "from Git and may put back what stands there: change it there as well."
    return tuple(f"{owner.name} applies {metadata.name} {words}" for owner in from_marks(metadata))


def _instance(mark: str) -> str:
    """Return the application's name; Argo CD's tracking id goes on with the object's own."""
    return mark.partition(":")[0]


def _targets(reference: TargetReference, deployment: str) -> bool:
    return reference.kind == "Deployment" and reference.name == deployment
