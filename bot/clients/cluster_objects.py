"""The few fields the bot reads of what the Kubernetes API answers.

Kubernetes leaves out a field that has its zero value, hence the defaults. What must always be there has none, so
that an answer of something else (a proxy's page, an empty object) is an error instead of "no pods".
"""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Object(BaseModel):
    """What every object read here has in common: camel case, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Metadata(Object):
    """Who an object is."""

    name: str
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Container(Object):
    """A container of a pod's template."""

    name: str
    image: str = ""


class PodSpec(Object):
    """What a pod is made of."""

    containers: list[Container] = Field(min_length=1)
    node_name: str = ""


class Terminated(Object):
    """How a container ended."""

    reason: str = ""
    exit_code: int = 0
    finished_at: datetime | None = None


class Waiting(Object):
    """Why a container does not run."""

    reason: str = ""


class Running(Object):
    """Since when a container runs."""

    started_at: datetime | None = None


class ContainerState(Object):
    """The state of a container, now or before its last restart."""

    running: Running | None = None
    waiting: Waiting | None = None
    terminated: Terminated | None = None


class ContainerStatus(Container):
    """One container of a pod as its node sees it."""

    restart_count: int = 0
    ready: bool = False
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class StatusCondition(Object):
    """A condition of a pod or a deployment."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class PodStatus(Object):
    """A pod as its node sees it."""

    phase: str = "Unknown"
    reason: str = ""
    start_time: datetime | None = None
    conditions: list[StatusCondition] = Field(default_factory=list)
    container_statuses: list[ContainerStatus] = Field(default_factory=list)


class Pod(Object):
    """A pod."""

    metadata: Metadata
    spec: PodSpec
    status: PodStatus = PodStatus()


class ListMetadata(Object):
    """Whether a list goes on."""

    continue_: str = Field(default="", alias="continue")


class PodList(Object):
    """Pods, at most as many as were asked for."""

    metadata: ListMetadata = ListMetadata()
    items: list[Pod]


class Expression(Object):
    """One requirement of a selector."""

    key: str
    operator: str
    values: list[str] = Field(default_factory=list)


class Selector(Object):
    """Which pods belong to a deployment."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: list[Expression] = Field(default_factory=list)

    def query(self) -> str:
        """Return it as the API's ``labelSelector``; an empty one, which would select every pod, is a ValueError."""
        parts = [f"{key}={value}" for key, value in self.match_labels.items()]
        parts += [_requirement(expression) for expression in self.match_expressions]
        if not parts:
            raise ValueError("the deployment selects no pods")
        return ",".join(parts)


def _requirement(expression: Expression) -> str:
    if expression.operator == "Exists":
        return expression.key
    if expression.operator == "DoesNotExist":
        return f"!{expression.key}"
    if expression.operator not in ("In", "NotIn"):
        raise ValueError(f"unknown operator {expression.operator} in the deployment's selector")
    return f"{expression.key} {expression.operator.lower()} ({','.join(expression.values)})"


class Template(Object):
    """What a deployment's pods are made of."""

    spec: PodSpec


class DeploymentSpec(Object):
    """What is wanted; one replica is Kubernetes' own default."""

    replicas: int = 1
    paused: bool = False
    selector: Selector
    template: Template


class DeploymentStatus(Object):
    """What the controller saw."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    conditions: list[StatusCondition] = Field(default_factory=list)


class Deployment(Object):
    """A deployment."""

    metadata: Metadata
    spec: DeploymentSpec
    status: DeploymentStatus = DeploymentStatus()


class TargetReference(Object):
    """What an autoscaler scales; a KEDA object may leave the kind out."""

    kind: str = "Deployment"
    name: str


class HpaSpec(Object):
    """The limits of a HorizontalPodAutoscaler."""

    scale_target_ref: TargetReference
    min_replicas: int = 1
    max_replicas: int


class Hpa(Object):
    """A HorizontalPodAutoscaler."""

    metadata: Metadata
    spec: HpaSpec


class HpaList(Object):
    """The HorizontalPodAutoscalers of a namespace."""

    metadata: ListMetadata = ListMetadata()
    items: list[Hpa]


class ScaledObjectSpec(Object):
    """The limits of a KEDA ScaledObject, with KEDA's defaults."""

    scale_target_ref: TargetReference
    min_replica_count: int = 0
    max_replica_count: int = 100


class ScaledObject(Object):
    """A KEDA ScaledObject."""

    metadata: Metadata
    spec: ScaledObjectSpec


class ScaledObjectList(Object):
    """The ScaledObjects of a namespace."""

    metadata: ListMetadata = ListMetadata()
    items: list[ScaledObject]


class Version(Object):
    """The API server's version."""

    git_version: str


class Anything(Object):
    """An answer whose arrival is all that counts."""
