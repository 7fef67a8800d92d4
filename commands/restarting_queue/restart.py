"""``/restart``: a plan to replace every pod of a workload one after the other, watched to its end."""

from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue

from bot.attempt import attempt, is_missing, together, why
from bot.clients.cluster_restarts import RESTARTED_AT
from bot.clients.cluster_workloads import WorkloadObject
from bot.clients.platform import WorkloadReading
from bot.clients.platform_words import Words
from bot.clients.working_jobs import WorkingJobs
from bot.command import command
from bot.draining import in_flight
from bot.errors import BotError, Refused
from bot.plan import Change, Plan, Step
from bot.request import Request
from bot.rollout_steps import ROLLOUT_TIMEOUT, connected, healthy, restarted

_Role = Literal["api", "worker", "redis"]
_BLAST: Final = {
    "api": "Requests move to other {pod}s; long ones on a {pod} that stops may fail.",
    "worker": "Jobs in work are finished within the {pod}s' grace period; those that are not are tried again.",
    "redis": "No queue works while Redis is away, and what it has not yet written to disk is lost.",
}
_UNKNOWN: Final = "What the workers do is unknown, and nobody looks whether they are connected again."
_ALL_AT_ONCE: Final = "Recreate"


@command(
    "/restart",
    permission="deployments:restart",
    section="Restarting Queue",
    runbook=(
        "kubectl rollout restart deployment/novapulse-worker -n novapulse",
        "kubectl rollout restart deployment/novapulse-api -n novapulse",
        "kubectl rollout restart statefulset/redis -n novapulse",
        "docker-compose restart worker",
    ),
    examples=("/restart worker", "/restart api", "/restart redis"),
)
async def restart(
    workload: Annotated[_Role, Field(description="What to restart")],
    *,
    workloads: WorkloadReading,
    working_jobs: WorkingJobs,
    request: Request,
) -> Plan:
    """Restart the workers, the API or Redis gracefully, and watch it to its end.

    New pods come before old ones go, except for Redis, whose one pod is replaced. Forcing it is
    /force-restart-workers.
    """
    found, working = await together(workloads.read(workload), attempt(working_jobs.read()))
    name, words = found.metadata.name, workloads.words
    if found.spec.paused:
        raise Refused(f"Rollouts of {name} are paused: a restart would not begin.", hint="Resume them first.")
    if found.spec.replicas == 0:
        raise Refused(
            f"{name} is scaled to 0: there is nothing to restart.", hint=f"/scale-workers starts {words.pod}s."
        )
    workers = await attempt(workloads.read("worker")) if workload == "redis" else found
    # What is unknown is not waited for: a worker that nobody can count would fail a restart that went well.
    replicas = 0 if isinstance(workers, BotError) else workers.spec.replicas
    unknown = (f"{_UNKNOWN} {why(workers)}",) if isinstance(workers, BotError) else ()
    last = found.spec.template.metadata.annotations.get(RESTARTED_AT, "never")
    facts: dict[str, JsonValue] = {"workload": name, "uid": found.metadata.uid, "last restart": last}
    return Plan(
        title=f"Restart {name}",
        target=f"{workloads.kind(workload)}/{name}",
        touches=(f"restart of {name}",),
        changes=(Change(what=f"{words.pod}s of {name}", before="as they are", after=f"all {words.restarted}"),),
        facts=facts,
        steps=_steps(workload, found, request, (replicas, words), verifies=not is_missing(working)),
        no_undo="a restart cannot be taken back",
        blast_radius=(_blast(workload, found, words),),
        warnings=(*_warnings(found, words), *unknown),
        notes=in_flight(working, request.received_at) if workload != "api" else (),
    )


def _steps(
    role: _Role, found: WorkloadObject, request: Request, counted: tuple[int, Words], *, verifies: bool
) -> tuple[Step, ...]:
    name, stamp, (workers, words) = found.metadata.name, request.id, counted
    steps = restarted(role, name, found.metadata.uid, stamp, request.received_at.isoformat(), words)
    if role == "api":
        return (*steps, healthy())
    if role == "redis":
        wait = Step(
            title=f"Wait until {name} is restarted",
            kind="wait",
            operation="restarts.stateful_restarted",
            arguments={"role": role, "stamp": stamp},
            timeout=ROLLOUT_TIMEOUT,
        )
        steps = (steps[0], wait)
    return (*steps, connected(workers)) if verifies and workers else steps


def _blast(role: _Role, found: WorkloadObject, words: Words) -> str:
    if role == "api" and found.spec.update_strategy.type == _ALL_AT_ONCE:
        return "No request is answered until it is up again."
    return _BLAST[role].format(pod=words.pod)


def _warnings(found: WorkloadObject, words: Words) -> tuple[str, ...]:
    spec, status, warnings = found.spec, found.status, []
    if status.ready_replicas < spec.replicas:
        warnings.append(f"Only {status.ready_replicas} of {words.pods(spec.replicas)} are ready now.")
    if spec.update_strategy.type == _ALL_AT_ONCE:
        warnings.append("All of it stops and starts at the same time: for that long nothing of it runs.")
    if spec.update_strategy.type == "OnDelete":
        warnings.append("Its update strategy is OnDelete: each pod has to be deleted by hand.")
    return tuple(warnings)
