"""``/pause-queue``: a plan to have no worker begin another job of a queue."""

from typing import Annotated

from pydantic import Field

from bot.clients.queues import Queues
from bot.command import command
from bot.errors import UserError
from bot.pausing import Pausable, pausing_steps, queue_locks
from bot.plan import Change, Plan, Undo
from bot.queue_choice import chosen_queues


@command(
    "/pause-queue",
    permission="queues:pause",
    section="Queue Jobs Not Processing",
    runbook=("Access dashboard at configured URL",),
    examples=("/pause-queue email", "/pause-queue email,webhook", "/pause-queue all"),
)
async def pause_queue(
    queue: Annotated[str, Field(description="The queue's short name such as email, several with commas, or all")],
    *,
    queues: Queues,
) -> Plan:
    """Pause a queue: jobs in work go on to their end, no other is begun, new ones wait.

    It is done as the version of BullMQ that works on the queue does it; another version than 5 or 6 is refused.
    """
    shorts = chosen_queues(queue, queues.shorts, pause_queue.usage)
    found = Pausable.of(shorts, await queues.snapshot())
    chosen = found.paused(are=False)
    if not chosen:
        names = ", ".join(found.paused(are=True))
        message = f"Paused already: {names}. There is nothing to change."
        raise UserError(
            message, hint="/resume-queue has the workers go on." + "".join(map(" {}".format, found.warnings))
        )
    said = ", ".join(chosen)
    return Plan(
        title=f"Pause {said}",
        target=queue_locks(chosen)[0],
        also=queue_locks(chosen)[1:],
        changes=tuple(Change(what=f"queue {short}", before="worked on", after="paused") for short in chosen),
        facts=found.facts,
        steps=pausing_steps(chosen, pause=True),
        undo=Undo(
            title=f"Resume {said}",
            command="/resume-queue",
            arguments={"queue": ",".join(chosen)},
            expects={f"{short} paused": True for short in chosen},
        ),
        blast_radius=(f"No job of {said} is begun until somebody resumes it. What is added waits.",),
        warnings=found.warnings,
        notes=found.notes,
    )
