"""What the objects of the Kubernetes API say, in the bot's words."""

from datetime import UTC, datetime
from typing import Final

from bot.clients.cluster_objects import (
    ContainerStatus,
    Deployment,
    Pod,
    PodSpec,
    PodStatus,
    StatusCondition,
    Terminated,
)
from bot.clients.cluster_state import Condition, DeploymentState, Ending, PodState, Restart
from bot.masking import cut, mask

_REVISION: Final = "deployment.kubernetes.io/revision"
_DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_MESSAGE_LIMIT: Final = 300
_ENDED: Final = frozenset({"Failed", "Succeeded"})
_AT_THE_END: Final = frozenset({("Ready", "False"), ("DisruptionTarget", "True")})
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def deployment_state(deployment: Deployment, role: str) -> DeploymentState:
    """Read a deployment; ``image`` is that of the role's own container."""
    metadata, spec, status = deployment.metadata, deployment.spec, deployment.status
    name = main_container(spec.template.spec, role, {})
    return DeploymentState(
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        replicas=spec.replicas,
        total=status.replicas,
        ready=status.ready_replicas,
        updated=status.updated_replicas,
        available=status.available_replicas,
        unavailable=status.unavailable_replicas,
        generation=metadata.generation,
        observed_generation=status.observed_generation,
        revision=_whole_number(metadata.annotations.get(_REVISION)),
        image=next(container.image for container in spec.template.spec.containers if container.name == name),
        paused=spec.paused,
        conditions=tuple(_condition(condition) for condition in status.conditions),
    )


def pod_state(pod: Pod, role: str) -> PodState:
    """Read a pod; the restarts of all its containers count."""
    status = pod.status
    container = main_container(pod.spec, role, pod.metadata.annotations)
    return PodState(
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        phase=status.phase,
        ready=any(condition.type == "Ready" and condition.status == "True" for condition in status.conditions),
        terminating=pod.metadata.deletion_timestamp is not None,
        restarts=sum(container.restart_count for container in status.container_statuses),
        last_restart_reason=last_restart_reason(status.container_statuses),
        waiting=_waiting(status.container_statuses),
        started_at=status.start_time,
        node=pod.spec.node_name,
        deletion_cost=_whole_number(pod.metadata.annotations.get(_DELETION_COST)) or 0,
        container=container,
        last_restart_at=last_restart_at(status.container_statuses),
        restart=_restart(next((each for each in status.container_statuses if each.name == container), None)),
        ending=ending_of(status),
    )


def ending_of(status: PodStatus) -> Ending | None:
    """Return how a pod ended; None where it has not. Its object then stays, for as long as nobody removes it.

    An older Kubernetes takes the containers' states away as it evicts a pod, and then nothing tells when that was.
    """
    if status.phase not in _ENDED:
        return None
    ends = [found.state.terminated.finished_at for found in status.container_statuses if found.state.terminated]
    ends += [found.last_transition_time for found in status.conditions if (found.type, found.status) in _AT_THE_END]
    return Ending(at=max(filter(None, ends), default=None), reason=status.reason or status.phase.lower())


def main_container(spec: PodSpec, role: str, annotations: dict[str, str]) -> str:
    """Return the container that is meant where sidecars run beside it, chosen as kubectl does, then by role."""
    names = [container.name for container in spec.containers]
    wanted = annotations.get(_DEFAULT_CONTAINER, "")
    return next((name for name in (wanted, role) if name in names), names[0])


def last_restart_reason(containers: list[ContainerStatus]) -> str:
    """Return how that container ended which was restarted last; empty where none was."""
    end = _last_end(containers)
    return "" if end is None else end.reason or f"exit code {end.exit_code}"


def last_restart_at(containers: list[ContainerStatus]) -> datetime | None:
    """Return when that container ended which was restarted last; None where nothing tells."""
    end = _last_end(containers)
    return None if end is None else end.finished_at


def _last_end(containers: list[ContainerStatus]) -> Terminated | None:
    ended = [container.last_state.terminated for container in containers if container.last_state.terminated]
    return max(ended, key=lambda end: end.finished_at or _NEVER, default=None)


def _restart(container: ContainerStatus | None) -> Restart | None:
    if container is None or not container.restart_count:
        return None
    ended, runs = container.last_state.terminated, container.state.running
    return Restart(
        at=(ended.finished_at if ended else None) or (runs.started_at if runs else None),
        reason=(ended.reason or f"exit code {ended.exit_code}") if ended else "",
        count=container.restart_count,
        waits=container.state.waiting is not None,
    )


def _waiting(containers: list[ContainerStatus]) -> str:
    waits = (container.state.waiting for container in containers)
    return next((wait.reason for wait in waits if wait is not None and wait.reason), "")


def _condition(condition: StatusCondition) -> Condition:
    return Condition(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=cut(mask(condition.message), _MESSAGE_LIMIT),
    )


def _whole_number(text: str | None) -> int | None:
    """Return an annotation's number, or None where there is none that anybody could mean."""
    try:
        return int(text) if text else None
    except ValueError:
        return None
