"""``/drain-queues``: a plan to bring the queues to rest before a maintenance."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.attempt import together
from bot.backlog import backlog
from bot.clients.cluster_state import Autoscaler, DeploymentState
from bot.clients.platform import Platform
from bot.clients.platform_words import Words
from bot.clients.queue_layout import MissingQueue, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.worker_drain import PODS_GONE
from bot.command import command
from bot.duration import read_duration
from bot.errors import Conflicting, Refused, UsageError, UserError
from bot.nearest import shown
from bot.pausing import Pausable, queue_locks
from bot.plan import Change, Plan, Step, Undo
from bot.queue_choice import chosen_queues
from bot.request import Request
from bot.running_drains import PAUSING, SCALING
from bot.stores.samples import Samples

# Seconds that a step may take beyond what it waits: it has to resume and to say so.
_AFTERWARDS: Final = 120.0
_LONGEST: Final = timedelta(hours=12)
_Seen = Mapping[str, QueueSnapshot | MissingQueue]


@dataclass(frozen=True)
class _Workers:
    found: DeploymentState
    owners: list[Autoscaler]
    words: Words


@command(
    "/drain-queues",
    permission="queues:drain",
    section="Planned Maintenance",
    runbook=("Scale down workers (drain queues)", "Wait for queues to empty"),
    examples=("/drain-queues", "/drain-queues email,webhook --within 10m", "/drain-queues all --how scale --within 1h"),
)
async def drain_queues(  # noqa: PLR0913 - three arguments of the command, five things it needs
    queue: Annotated[str, Field(description="The queues' short names with commas, or all")] = "all",
    how: Annotated[
        Literal["pause", "scale"],
        Field(description="pause: nothing new is begun; scale: wait until all is worked off, then no worker is left"),
    ] = "pause",
    within: Annotated[str, Field(description="How long to wait, such as 15m; then everything is as before")] = "15m",
    *,
    queues: Queues,
    cluster: Platform,
    samples: Samples,
    request: Request,
    now: datetime,
) -> Plan:
    """Bring the queues to rest before a maintenance, and watch how far it is.

    With `pause` the queues are paused and the jobs in work end; with `scale` the queues are worked off, and then the
    workers are scaled to 0. Where that takes too long, or somebody aborts it by /resume-queue, all is as it was.
    """
    shorts, seconds = chosen_queues(queue, queues.shorts, drain_queues.usage), _within(within)
    drain = hashlib.sha256(request.id.encode()).hexdigest()[:10]
    if how == "pause":
        return _pausing(shorts, await queues.snapshot(), seconds, drain)
    seen, found, owners = await together(queues.snapshot(), cluster.deployment("worker"), cluster.autoscalers("worker"))
    if set(shorts) != set(queues.shorts):
        raise Conflicting(
            "Workers work on every queue: scale drains all of them.", usage="/drain-queues all --how scale"
        )
    forecasts = (await backlog(seen, samples, now)).forecasts(found.replicas, found.replicas)
    return _scaling(
        seen, _Workers(found, owners, cluster.words), _scaling_step(shorts, found, seconds, drain), forecasts
    )


def _within(within: str) -> float:
    try:
        found = read_duration(within)
    except ValueError:
        found = timedelta(0)
    if not timedelta(0) < found <= _LONGEST:
        message = f"{shown(within)} is no time to wait: write 90s, 15m or 2h, at most 12h."
        raise UsageError(message, usage=drain_queues.usage, argument="within")
    return found.total_seconds()


def _pausing(shorts: tuple[str, ...], seen: _Seen, seconds: float, drain: str) -> Plan:
    found = Pausable.of(shorts, seen)
    if found.problems:
        raise Refused(
            f"They cannot all be paused: {'. '.join(found.problems)}.", hint="Name the others, or --how scale."
        )
    chosen, names = found.paused(are=False), ", ".join(shorts)
    if not chosen and all(queue.counts.active == 0 for queue in found.found):
        raise UserError(f"{names}: paused already, and no job is in work. There is nothing to wait for.")
    step = Step(
        title=f"Pause {names} and wait until no job is in work",
        operation=PAUSING,
        arguments={"queues": list(shorts), "pause": list(chosen), "within": seconds, "drain": drain},
        timeout=seconds + _AFTERWARDS,
    )
    undo = Undo(
        title=f"Resume {', '.join(chosen)}",
        command="/resume-queue",
        arguments={"queue": ",".join(chosen)},
        expects={f"{short} paused": True for short in chosen},
    )
    return Plan(
        title=f"Drain {names}",
        # What it only waits for it changes nothing of.
        target=f"drain/{drain}",
        also=queue_locks(chosen),
        touches=queue_locks(chosen),
        changes=tuple(Change(what=f"queue {short}", before="worked on", after="paused") for short in chosen),
        facts=found.facts,
        steps=(step,),
        undo=undo if chosen else None,
        no_undo="" if chosen else "nothing is changed, it only waits",
        blast_radius=(f"No job of {names} is begun until somebody resumes it. What is added waits.",),
        notes=(*found.notes, f"To abort it: /resume-queue {shorts[0]}. All it paused are resumed then."),
    )


def _scaling(seen: _Seen, workers: _Workers, step: Step, notes: tuple[str, ...]) -> Plan:
    found, words = workers.found, workers.words
    missing = [queue.sentence() for queue in seen.values() if isinstance(queue, MissingQueue)]
    missing += [f"What is in {queue.name}:waiting is no list" for queue in _plain(seen) if queue.counts.ready is None]
    if missing:
        raise Refused(f"Whether all queues are worked off could not be seen. {'. '.join(missing)}.")
    if found.replicas == 0:
        raise UserError(f"{found.name} is set to 0 {words.pod}s: nobody would work the queues off.")
    paused = [queue.short for queue in seen.values() if isinstance(queue, QueueSnapshot) and queue.is_paused]
    if paused:
        raise Refused(f"Paused: {', '.join(paused)}. Paused queues are never worked off.", hint="/resume-queue first.")
    return Plan(
        title=f"Drain all queues and scale {found.name} to 0",
        target=f"{words.workload}/{found.name}",
        # A queue that is paused meanwhile is never worked off.
        also=queue_locks(tuple(seen)),
        touches=(f"replicas of {found.name}",),
        changes=(Change(what=f"{found.name} {words.pod}s", before=f"{found.replicas}", after="0"),),
        facts={words.workload: found.name, "uid": found.uid, "replicas": found.replicas},
        steps=(step,),
        undo=Undo(
            title=f"Back to {words.pods(found.replicas)}",
            command="/scale-workers",
            arguments={"replicas": found.replicas, "deployment": "worker", "yes_zero": False},
            expects={"replicas": 0, "uid": found.uid},
        ),
        blast_radius=("No job of any queue is worked on until workers are scaled up again. What is added waits.",),
        warnings=(*map(_blind, _plain(seen)), *(owner.sentence() for owner in workers.owners)),
        notes=(
            *notes,
            "Delayed jobs are not waited for. Whatever is added keeps it waiting: stop the source first.",
            f"To abort it: /resume-queue all. Then it is {words.pods(found.replicas)} again.",
        ),
    )


def _plain(seen: _Seen) -> list[QueueSnapshot]:
    return [queue for queue in seen.values() if isinstance(queue, QueueSnapshot) and queue.layout == "plain"]


def _blind(queue: QueueSnapshot) -> str:
    return (
        f"{queue.short} is kept in plain lists: it is waited for until nothing waits there. Which of its jobs are in "
        "work then is unknown; one that takes longer than a worker is given to end is broken off."
    )


def _scaling_step(shorts: tuple[str, ...], found: DeploymentState, seconds: float, drain: str) -> Step:
    return Step(
        title=f"Wait until the queues are worked off, then scale {found.name} to 0",
        operation=SCALING,
        arguments={
            "queues": list(shorts),
            "within": seconds,
            "replicas": found.replicas,
            "expect_uid": found.uid,
            "drain": drain,
        },
        timeout=seconds + PODS_GONE + _AFTERWARDS,
    )
