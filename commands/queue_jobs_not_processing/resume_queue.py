"""``/resume-queue``: a plan to have the workers begin jobs of a paused queue again."""

from typing import Annotated

from pydantic import Field

from bot.clients.queues import Queues
from bot.command import command
from bot.errors import UserError
from bot.pausing import Pausable, pausing_steps
from bot.plan import Change, Plan, Undo
from bot.queue_choice import chosen_queues


@command(
    "/resume-queue",
    permission="queues:resume",
    section="Queue Jobs Not Processing",
    runbook=("Access dashboard at configured URL",),
    examples=("/resume-queue email", "/resume-queue all"),
)
async def resume_queue(
    queue: Annotated[str, Field(description="The queue's short name such as email, several with commas, or all")],
    *,
    queues: Queues,
) -> Plan:
    """Resume a paused queue; this also aborts a /drain-queues that waits for it."""
    shorts = chosen_queues(queue, queues.shorts, resume_queue.usage)
    found = Pausable.of(shorts, await queues.snapshot())
    chosen = found.paused(are=True)
    if not chosen:
        names = ", ".join(found.paused(are=False))
        message = f"Not paused: {names}. There is nothing to change."
        hint = "Where nothing is worked on all the same: /queue-stats, /pods worker."
        raise UserError(message, hint=hint + "".join(map(" {}".format, found.warnings)))
    said = ", ".join(chosen)
    return Plan(
        title=f"Resume {said}",
        target="queues/resume",
        changes=tuple(Change(what=f"queue {short}", before="paused", after="worked on") for short in chosen),
        facts=found.facts,
        steps=pausing_steps(chosen, pause=False),
        undo=Undo(
            title=f"Pause {said} again",
            command="/pause-queue",
            arguments={"queue": ",".join(chosen)},
            expects={f"{short} paused": False for short in chosen},
        ),
        blast_radius=(f"The workers begin what waits in {said} at once.",),
        warnings=(*found.warnings, *_nobody(found, chosen)),
        notes=found.notes,
    )


def _nobody(found: Pausable, chosen: tuple[str, ...]) -> tuple[str, ...]:
    idle = [queue.short for queue in found.found if queue.short in chosen and queue.workers == 0]
    return (f"No worker is connected to {', '.join(idle)}: resuming alone moves nothing.",) if idle else ()
