"""Who would revert a manual scale: a HorizontalPodAutoscaler, KEDA, or what applies manifests from Git."""

from typing import Final

from bot.clients.cluster_objects import HpaList, Metadata, ScaledObjectList, TargetReference
from bot.clients.cluster_state import Autoscaler

# Each of these is put on an object by the controller that applies it; see the controllers' documentation on tracking.
_GITOPS_MARKS: Final = (
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
)
_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
_GITOPS_MANAGERS: Final = {"flux": "Flux", "argocd": "Argo CD", "argo-cd": "Argo CD"}


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


def _instance(mark: str) -> str:
    """Return the application's name; Argo CD's tracking id goes on with the object's own."""
    return mark.partition(":")[0]


def _targets(reference: TargetReference, deployment: str) -> bool:
    return reference.kind == "Deployment" and reference.name == deployment
