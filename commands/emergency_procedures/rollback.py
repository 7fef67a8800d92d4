"""``/rollback``: a plan to put an earlier revision of a deployment back, with what differs."""

from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.clients.cluster_autoscalers import from_git
from bot.clients.cluster_revisions import Revision, Revisions, differences
from bot.clients.cluster_workloads import WorkloadObject, Workloads
from bot.command import command
from bot.errors import NotFound, Refused, UserError
from bot.forecast import duration
from bot.plan import Change, Plan, Step, Undo
from bot.rollout_steps import connected, healthy, rolled_out

SHOWN: Final = 20
_Role = Literal["api", "worker"]


@command(
    "/rollback",
    permission="deployments:rollback",
    section="Emergency Procedures",
    runbook=(
        "kubectl rollout undo deployment/novapulse-api -n novapulse",
        "kubectl rollout undo deployment/novapulse-worker -n novapulse",
    ),
    examples=("/rollback api", "/rollback worker --to-revision 3"),
)
async def rollback(
    deployment: Annotated[_Role, Field(description="Which deployment")],
    to_revision: Annotated[int | None, Field(ge=1, description="Which revision; the one before when left out")] = None,
    *,
    workloads: Workloads,
    revisions: Revisions,
    now: datetime,
) -> Plan:
    """Put an earlier revision of a deployment back, and watch the rollout to its end.

    The plan lists the revisions that Kubernetes keeps and what differs from the present one. Scale is not changed, nor
    what a ConfigMap or Secret holds.
    """
    found = await workloads.read(deployment)
    if found.spec.paused:
        message = f"Rollouts of {found.metadata.name} are paused: a rollback would not begin."
        raise Refused(message, hint="Resume them first.")
    history = await revisions.history(deployment)
    current = next((revision for revision in history if revision.is_current), None)
    if current is None:
        raise Refused(f"The controller has not yet taken up the last change of {found.metadata.name}.")
    target = _target(deployment, history, current, to_revision)
    return _plan(deployment, found, current, target, _notes(history, now))


def _target(deployment: str, history: list[Revision], current: Revision, wanted: int | None) -> Revision:
    others = [revision for revision in history if not revision.is_current]
    if not others:
        message = f"There is nothing to go back to: Kubernetes keeps no other revision of {deployment}"
        raise Refused(f"{message} than {current.number}.", hint="An older image has to be deployed anew.")
    if wanted is None:
        return max(others, key=lambda revision: revision.number)
    if wanted == current.number:
        raise UserError(f"Revision {wanted} is the present one: there is nothing to change.")
    for revision in others:
        if revision.number == wanted:
            return revision
    kept = ", ".join(str(revision.number) for revision in others)
    raise NotFound(f"Kubernetes keeps no revision {wanted}, but {kept}.", argument="to_revision")


def _plan(role: _Role, found: WorkloadObject, current: Revision, target: Revision, notes: tuple[str, ...]) -> Plan:
    name, uid = found.metadata.name, found.metadata.uid
    changes = differences(current.template, target.template)
    return Plan(
        title=f"Roll {name} back from revision {current.number} to {target.number}",
        target=f"deployment/{name}",
        changes=tuple(Change(what=what, before=before, after=after) for what, before, after in changes[:SHOWN]),
        facts={
            "deployment": name,
            "uid": uid,
            "present": current.replica_set,
            "goes back to": target.replica_set,
            "revision": target.number,
        },
        steps=_steps(role, found, target),
        undo=Undo(
            title=f"Back to revision {current.number}",
            command="/rollback",
            arguments={"deployment": role, "to_revision": current.number},
            expects={"uid": uid, "present": target.replica_set, "goes back to": current.replica_set},
        ),
        blast_radius=(f"Every pod of {name} is replaced by one of revision {target.number}.",),
        warnings=_warnings(found, len(changes)),
        notes=notes,
    )


def _steps(role: _Role, found: WorkloadObject, target: Revision) -> tuple[Step, ...]:
    name = found.metadata.name
    put_back = Step(
        title=f"Put back the template of revision {target.number}",
        operation="revisions.roll_back",
        arguments={"role": role, "replica_set": target.replica_set, "expect_uid": found.metadata.uid},
    )
    if not found.spec.replicas:
        return (put_back, rolled_out(role, name))
    return (put_back, rolled_out(role, name), healthy() if role == "api" else connected(found.spec.replicas))


def _warnings(found: WorkloadObject, changes: int) -> tuple[str, ...]:
    warnings = ["The database is not rolled back: an older version has to understand what the newer one wrote."]
    warnings += from_git(found.metadata)
    if changes > SHOWN:
        warnings.append(f"{changes - SHOWN} more differences are not shown.")
    return tuple(warnings)


def _notes(history: list[Revision], now: datetime) -> tuple[str, ...]:
    return tuple(_note(revision, now) for revision in history[:SHOWN])


def _note(revision: Revision, now: datetime) -> str:
    created = revision.created_at
    age = "of unknown age" if created is None else f"made {duration((now - created).total_seconds())} ago"
    cause = f", {revision.cause}" if revision.cause else ""
    mark = " (the present one)" if revision.is_current else ""
    return f"revision {revision.number}{mark}: {revision.image or 'image unknown'}, {age}{cause}"
