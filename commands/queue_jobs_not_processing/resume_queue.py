"""``/resume-queue``: a plan to have the workers begin jobs of a paused queue again."""

from typing import Annotated

from pydantic import Field

from bot.attempt import why
from bot.clients.queues import Queues
from bot.command import command
from bot.errors import BotError, UserError
from bot.pausing import Pausable, pausing_steps, queue_locks
from bot.plan import Change, Plan, Step, Undo
from bot.queue_choice import chosen_queues
from bot.running_drains import RunningDrain, running_drains
from bot.stores.plans import Plans
from bot.stores.runs import Runs


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
    runs: Runs,
    plans: Plans,
) -> Plan:
    """Resume a paused queue; this also aborts a /drain-queues that is under way for it, of either kind."""
    shorts = chosen_queues(queue, queues.shorts, resume_queue.usage)
    drains = tuple(one for one in await running_drains(runs, plans) if set(one.queues) & set(shorts))
    try:
        found = Pausable.of(shorts, await queues.snapshot())
    except BotError as error:
        if not drains:
            raise
        # What scales the workers away can be given up while Redis is down.
        return _plan(drains, None, (), (f"No queue is resumed: {why(error)}",))
    held = {short for drain in drains for short in drain.held}
    chosen = tuple(short for short in found.paused(are=True) if short not in held)
    if not chosen and not drains:
        names = ", ".join(found.paused(are=False))
        message = f"Not paused: {names}. There is nothing to change."
        hint = "Where nothing is worked on all the same: /queue-stats, /pods worker."
        raise UserError(message, hint=hint + "".join(map(" {}".format, found.warnings)))
    return _plan(drains, found, chosen, (*found.warnings, *_nobody(found, chosen), *_left(found, drains)))


def _plan(
    drains: tuple[RunningDrain, ...], found: Pausable | None, chosen: tuple[str, ...], warnings: tuple[str, ...]
) -> Plan:
    """Plan to abort the drains, which put back themselves what they hold, and to resume what none of them holds."""
    targets = (*(f"abort of drain {drain.name}" for drain in drains), *queue_locks(chosen))
    said = ", ".join(chosen)
    titles = [f"Abort {_run(drain)}" for drain in drains] + ([f"Resume {said}"] if chosen else [])
    resumed = (Change(what=f"queue {short}", before="paused", after="worked on") for short in chosen)
    undo = Undo(
        title=f"Pause {said} again",
        command="/pause-queue",
        arguments={"queue": ",".join(chosen)},
        expects={f"{short} paused": False for short in chosen},
    )
    return Plan(
        title=" and ".join(titles),
        target=targets[0],
        also=targets[1:],
        touches=queue_locks((*chosen, *(short for drain in drains for short in drain.paused))),
        changes=(*map(_aborted, drains), *resumed),
        facts={f"drain {drain.name}": drain.run for drain in drains} | (found.facts if found else {}),
        steps=(*map(_abort, drains), *(pausing_steps(chosen, pause=False) if chosen else ())),
        undo=undo if chosen else None,
        no_undo="" if chosen else "a drain that was given up is begun anew with /drain-queues",
        blast_radius=(f"The workers begin what waits in {said} at once.",) if chosen else (),
        warnings=warnings,
        notes=found.notes if found else (),
    )


def _run(drain: RunningDrain) -> str:
    return f"the drain of {', '.join(drain.queues)} (run {drain.run})"


def _aborted(drain: RunningDrain) -> Change:
    back = "" if drain.replicas is None else f", {drain.replicas} workers"
    back = f", {', '.join(drain.paused)} worked on" if drain.paused else back
    return Change(what=_run(drain), before="under way", after=f"given up, and all as it was before{back}")


def _abort(drain: RunningDrain) -> Step:
    return Step(title=f"Abort {_run(drain)}", operation="drains.abort", arguments={"drain": drain.name})


def _left(found: Pausable, drains: tuple[RunningDrain, ...]) -> tuple[str, ...]:
    """Name what is paused and stays so, because a drain that has not paused it holds it."""
    held = {short for drain in drains for short in drain.held if short not in drain.paused}
    left = ", ".join(short for short in found.paused(are=True) if short in held)
    return (
        (f"{left}: paused, and stays so. /resume-queue {left.replace(' ', '')} once the drain has ended.",)
        if left
        else ()
    )


def _nobody(found: Pausable, chosen: tuple[str, ...]) -> tuple[str, ...]:
    idle = [queue.short for queue in found.found if queue.short in chosen and queue.workers == 0]
    return (f"No worker is connected to {', '.join(idle)}: resuming alone moves nothing.",) if idle else ()
