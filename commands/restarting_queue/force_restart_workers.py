"""``/force-restart-workers``: a plan to end every worker pod at once, where a graceful restart fails."""

from datetime import datetime
from typing import Final

from pydantic import JsonValue

from bot.attempt import attempt, is_missing, together
from bot.clients.cluster_usage import ListedPod
from bot.clients.cluster_workloads import WorkloadObject
from bot.clients.platform import PodChanging, WorkloadReading
from bot.clients.platform_words import Words
from bot.clients.working_jobs import WorkingJobs
from bot.command import command
from bot.draining import in_flight
from bot.errors import Refused
from bot.plan import Change, Plan, Step
from bot.rollout_steps import CHANGE_TIMEOUT, ROLLOUT_TIMEOUT, connected

STALLED_AFTER: Final = 75.0  # seconds: a lock of 30, a look every 30, and some time to write
STALLED_TIMEOUT: Final = 300.0


@command(
    "/force-restart-workers",
    permission="pods:delete",
    section="Restarting Queue",
    runbook=(
        "kubectl delete pod -l app=novapulse-worker -n novapulse",
        "docker-compose stop worker",
        "docker-compose start worker",
    ),
    examples=("/force-restart-workers",),
)
async def force_restart_workers(
    *, workloads: WorkloadReading, pods: PodChanging, working_jobs: WorkingJobs, now: datetime
) -> Plan:
    """End every worker pod at once and wait for new ones, if a graceful restart fails.

    Exactly the pods that are shown are ended. The jobs in flight are shown first; what stalls is counted after.
    """
    deployment, found, working = await together(
        workloads.read("worker"), pods.of("worker"), attempt(working_jobs.read())
    )
    name, words = deployment.metadata.name, workloads.words
    if not found:
        raise Refused(f"There is no {words.pod} of {name} to end.", hint="/rollout-status worker shows how it stands.")
    uids: dict[str, JsonValue] = {pod.name: pod.uid for pod in found}
    return Plan(
        title=f"Force the restart of {name}: {words.pods(len(found))}",
        target=f"{words.workload}/{name}",
        touches=(f"restart of {name}",),
        changes=tuple(Change(what=f"{words.pod} {pod.name}", before=pod.state, after=words.ended) for pod in found),
        facts={words.workload: name, "uid": deployment.metadata.uid, f"{words.pod}s": uids},
        steps=_steps(deployment, found, words, verifies=not is_missing(working)),
        no_undo=words.no_return,
        blast_radius=(
            f"No job of any queue is worked on until {words.until_back}.",
            "Jobs in flight that do not end within the grace period stall, and run a second time.",
        ),
        warnings=_warnings(deployment),
        notes=in_flight(working, now),
    )


def _steps(deployment: WorkloadObject, found: list[ListedPod], words: Words, *, verifies: bool) -> tuple[Step, ...]:
    replicas = deployment.spec.replicas
    pods: dict[str, JsonValue] = {pod.name: pod.uid for pod in found}
    waiting: dict[str, JsonValue] = {"role": "worker", "uids": [pod.uid for pod in found], "replicas": replicas}
    steps = (
        Step(title=words.end_them, operation="pods.delete", arguments={"pods": pods}, timeout=CHANGE_TIMEOUT),
        Step(
            title=words.wait_for_new,
            kind="wait",
            operation="pods.replaced",
            arguments=waiting,
            timeout=ROLLOUT_TIMEOUT,
        ),
    )
    if not verifies or not replicas:
        return steps
    counted = Step(
        title="Count the jobs that stalled",
        kind="wait",
        operation="aftermath.stalls_counted",
        arguments={"seconds": STALLED_AFTER},
        timeout=STALLED_TIMEOUT,
        interval=5.0,
        watches=True,
    )
    return (*steps, connected(replicas), counted)


def _warnings(deployment: WorkloadObject) -> tuple[str, ...]:
    return ("The deployment is scaled to 0: no new pods come.",) if deployment.spec.replicas == 0 else ()
