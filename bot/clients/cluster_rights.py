"""The rights the bot needs in the cluster: the manifests grant exactly these, ``check`` asks for exactly these."""

from collections.abc import Sequence
from dataclasses import dataclass

from kubernetes.aio import client

from bot.clients.cluster_configuration import CONFIG_MAP
from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_objects import Object
from bot.settings import PlatformSettings

_CHANGED = ("get", "patch")


class ReviewStatus(Object):
    """Whether something is allowed."""

    allowed: bool


class Review(Object):
    """The answer of a SelfSubjectAccessReview."""

    status: ReviewStatus


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
        *(Right(verb, "apps", "deployments", name=name) for verb in _CHANGED for name in deployments),
        *(Right("patch", "apps", "deployments", "scale", name=name) for name in deployments),
        *(Right(verb, "apps", "statefulsets", name=settings.redis_statefulset) for verb in _CHANGED),
        Right("list", "apps", "replicasets"),
        *(Right(verb, "", "configmaps", name=CONFIG_MAP) for verb in _CHANGED),
        *(Right(verb, "", "pods") for verb in ("list", "patch", "delete")),
        Right("list", "metrics.k8s.io", "pods"),
        Right("get", "", "pods", "log"),
        Right("list", "", "events"),
        Right("list", "autoscaling", "horizontalpodautoscalers"),
        Right("list", "keda.sh", "scaledobjects"),
        Right("get", "batch", "cronjobs"),
        Right("list", "batch", "jobs"),
    )


async def missing_rights(
    connection: ClusterConnection, rights: Sequence[Right], namespace: str, seconds: float
) -> list[Right]:
    """Return which of the rights the bot does not have, each asked for within ``seconds``."""
    return [right for right in rights if not await _allowed(connection, right, namespace, seconds)]


async def _allowed(connection: ClusterConnection, right: Right, namespace: str, seconds: float) -> bool:
    answer = await connection.ask(
        Review,
        lambda api: client.AuthorizationV1Api(api).create_self_subject_access_review_without_preload_content(
            _review(right, namespace)
        ),
        seconds,
    )
    return answer.status.allowed


def _review(right: Right, namespace: str) -> client.V1SelfSubjectAccessReview:
    attributes = client.V1ResourceAttributes(
        namespace=namespace,
        verb=right.verb,
        group=right.group,
        resource=right.resource,
        subresource=right.subresource,
        name=right.name,
    )
    return client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
