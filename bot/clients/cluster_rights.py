"""The rights the bot needs in the cluster: the manifests grant exactly these, ``check`` asks for exactly these."""

from dataclasses import dataclass
from typing import Any

from bot.settings import PlatformSettings


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource; with a ``name`` on that one object only."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    name: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        group = f".{self.group}" if self.group else ""
        return f"{self.verb} {resource}{group}" + (f" {self.name}" if self.name else "")


def rights_needed(settings: PlatformSettings) -> tuple[Right, ...]:
    """Return every right the bot uses, all inside ``KUBE_NAMESPACE``."""
    deployments = (settings.api_deployment, settings.worker_deployment)
    return (
        *(Right("get", "apps", "deployments", name=name) for name in deployments),
        *(Right("patch", "apps", "deployments", "scale", name=name) for name in deployments),
        Right("list", "", "pods"),
        Right("get", "", "pods", "log"),
        Right("list", "autoscaling", "horizontalpodautoscalers"),
        Right("list", "keda.sh", "scaledobjects"),
    )


def review_of(right: Right, namespace: str) -> dict[str, Any]:
    """Return the SelfSubjectAccessReview that asks whether the bot has a right."""
    attributes = {
        "namespace": namespace,
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "subresource": right.subresource,
        "name": right.name,
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
