"""The workloads as the API keeps them, with their whole pod template: read, and patched as they were read."""

from collections.abc import Callable
from typing import Any, Final, Literal, get_args

from kubernetes.aio import client
from pydantic import AliasPath, Field, JsonValue

from bot.clients.cluster_connection import SYSTEM, ClusterConnection
from bot.clients.cluster_objects import Anything, Metadata, Object
from bot.clients.platform_words import KUBERNETES
from bot.errors import NotFound, PermanentError, TemporaryError, Unavailable
from bot.settings import PlatformSettings

STRATEGIC: Final = "application/strategic-merge-patch+json"
MANAGER: Final = "novapulse-bot"
Role = Literal["api", "worker", "redis"]
Body = dict[str, Any]
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
# A workload that is rolling out has a new version at every change of its status.
_ATTEMPTS: Final = 5


class EnvironmentEntry(Object):
    """One variable of a container: its value in clear, or where it comes from."""

    name: str
    value: str = Field(default="", repr=False)
    value_from: dict[str, dict[str, JsonValue]] | None = None


class SourceName(Object):
    """The name of a ConfigMap or a Secret."""

    name: str = ""


class EnvironmentSource(Object):
    """A ConfigMap or Secret whose every key becomes a variable; ``prefix`` stands before each."""

    prefix: str = ""
    config_map_ref: SourceName | None = None
    secret_ref: SourceName | None = None


class Resources(Object):
    """What a container asks for and may have at most, as Kubernetes writes it (``512Mi``, ``500m``)."""

    requests: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, str] = Field(default_factory=dict)


class TemplateContainer(Object):
    """A container as the template declares it."""

    name: str
    image: str = ""
    env: list[EnvironmentEntry] = Field(default_factory=list)
    env_from: list[EnvironmentSource] = Field(default_factory=list)
    resources: Resources = Resources()


class TemplateSpec(Object):
    """What the pods of a template are made of."""

    containers: list[TemplateContainer] = Field(min_length=1)


class TemplateMetadata(Object):
    """The labels and annotations every pod of a template gets; a template's has no name."""

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class PodTemplate(Object):
    """A pod template."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: TemplateSpec

    def container(self, role: str) -> TemplateContainer:
        """Return the container of the workload itself where sidecars run beside it."""
        return next((found for found in self.spec.containers if found.name == role), self.spec.containers[0])


class UpdateStrategy(Object):
    """How a stateful set replaces its pods."""

    type: str = "RollingUpdate"


class WorkloadSpec(Object):
    """What is wanted; the template is kept whole too, so that it can be compared and put back whole."""

    replicas: int = 1
    paused: bool = False
    template: PodTemplate
    whole_template: dict[str, JsonValue] = Field(validation_alias=AliasPath("template"), repr=False)
    update_strategy: UpdateStrategy = UpdateStrategy()


class WorkloadStatus(Object):
    """What the controller saw; the revisions are a stateful set's."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""


class WorkloadObject(Object):
    """A deployment or stateful set."""

    metadata: Metadata
    spec: WorkloadSpec
    status: WorkloadStatus = WorkloadStatus()


class Workloads:
    """Reads and patches the workloads by role; every call ends within ``seconds``.

    Raises Unavailable, TimedOut, Forbidden or NotConfigured where the cluster could not be read.
    """

    words: Final = KUBERNETES

    def __init__(self, settings: PlatformSettings, connection: ClusterConnection, *, seconds: float = 5.0) -> None:
        self.namespace = settings.kube_namespace
        self.connection = connection
        self.seconds = seconds
        self._names: dict[str, str] = {
            "api": settings.api_deployment,
            "worker": settings.worker_deployment,
            "redis": settings.redis_statefulset,
        }

    def name(self, role: str) -> str:
        """Return what the workload is called; raises UsageError where there is none of that role."""
        if role not in self._names:
            raise NotFound(f"There is no workload {role!r}: those that exist are {', '.join(get_args(Role))}.")
        return self._names[role]

    def kind(self, role: str) -> str:
        """Return its kind in the words of a lock: ``deployment`` or ``statefulset``."""
        return "statefulset" if role == "redis" else "deployment"

    async def read(self, role: str) -> WorkloadObject:
        """Return a workload; Unavailable where it does not exist."""
        name = self.name(role)
        found = await self.connection.ask_or_none(
            WorkloadObject, lambda api: _reading(api, role)(name, self.namespace), self.seconds, none_for=_NOT_FOUND
        )
        if found is None:
            raise Unavailable(SYSTEM, f"there is no {self.kind(role)} {name} in namespace {self.namespace}")
        return found

    async def change(
        self, role: str, expect_uid: str, wanted: Callable[[WorkloadObject], Body | None]
    ) -> WorkloadObject | None:
        """Patch a workload by what ``wanted`` makes of it; None where that is nothing.

        Returns it as it was before. PermanentError where it was made anew, TemporaryError where others keep
        changing it.
        """
        for _ in range(_ATTEMPTS):
            found = await self.read(role)
            if expect_uid and found.metadata.uid != expect_uid:
                raise PermanentError(f"{self.name(role)} was deleted and made anew since the plan: nothing was done.")
            body = wanted(found)
            if body is None:
                return None
            if await self._patch(role, found, body):
                return found
        raise TemporaryError(f"{self.name(role)} kept changing while it was patched: nothing was done.")

    async def _patch(self, role: str, found: WorkloadObject, body: Body) -> bool:
        """Patch exactly the version that was read; False where it is no longer that one."""
        metadata = {**body.get("metadata", {}), "resourceVersion": found.metadata.resource_version}
        answer = await self.connection.ask_or_none(
            Anything,
            lambda api: _patching(api, role)(
                found.metadata.name,
                self.namespace,
                {**body, "metadata": metadata},
                field_manager=MANAGER,
                _content_type=STRATEGIC,
            ),
            self.seconds,
            none_for=_CONFLICT,
        )
        return answer is not None


def _reading(api: Any, role: str) -> Any:
    apps = client.AppsV1Api(api)
    if role == "redis":
        return apps.read_namespaced_stateful_set_without_preload_content
    return apps.read_namespaced_deployment_without_preload_content


def _patching(api: Any, role: str) -> Any:
    apps = client.AppsV1Api(api)
    if role == "redis":
        return apps.patch_namespaced_stateful_set_without_preload_content
    return apps.patch_namespaced_deployment_without_preload_content
