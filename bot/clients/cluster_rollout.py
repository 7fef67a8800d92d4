"""How far a rollout is, judged as ``kubectl rollout status`` does.

The order of the questions is that of kubectl's ``polymorphichelpers/rollout_status.go``: a status older than the
spec says nothing; then a passed progress deadline; then pods not updated, old pods, pods not available.
"""

from typing import Final

from bot.clients.cluster_state import Condition, DeploymentState, Rollout

_DEADLINE_PASSED: Final = "ProgressDeadlineExceeded"


def rollout_of(deployment: DeploymentState) -> Rollout:
    """Judge a deployment's rollout."""
    stalled = _observed(deployment) and _passed_deadline(deployment)
    waiting = _waiting_for(deployment)
    return Rollout(
        done=not stalled and not waiting,
        stalled=stalled,
        message=_message(deployment, stalled, waiting),
        ready=deployment.ready,
        updated=deployment.updated,
        total=deployment.replicas,
    )


def _message(deployment: DeploymentState, stalled: bool, waiting: str) -> str:
    if stalled:
        return f"{deployment.name} exceeded its progress deadline" + _why(deployment)
    if waiting:
        return f"{deployment.name}: {waiting}" + _why(deployment)
    return f"{deployment.name} is rolled out: {deployment.available} of {deployment.replicas} available"


def _waiting_for(deployment: DeploymentState) -> str:
    if not _observed(deployment):
        return "waiting for the change to be observed"
    if deployment.updated < deployment.replicas:
        return f"{deployment.updated} of {deployment.replicas} new replicas have been updated"
    if deployment.total > deployment.updated:
        return f"{deployment.total - deployment.updated} old replicas are pending termination"
    if deployment.available < deployment.updated:
        return f"{deployment.available} of {deployment.updated} updated replicas are available"
    return ""


def _observed(deployment: DeploymentState) -> bool:
    return deployment.generation <= deployment.observed_generation


def _passed_deadline(deployment: DeploymentState) -> bool:
    progressing = _condition(deployment, "Progressing")
    return progressing is not None and progressing.reason == _DEADLINE_PASSED


def _why(deployment: DeploymentState) -> str:
    """Say what kubectl leaves out: a pause, or why no pod can be made."""
    if deployment.paused:
        return " (the deployment is paused)"
    failure = _condition(deployment, "ReplicaFailure")
    return f" ({failure.message})" if failure and failure.status == "True" and failure.message else ""


def _condition(deployment: DeploymentState, kind: str) -> Condition | None:
    return next((condition for condition in deployment.conditions if condition.type == kind), None)
