"""``/promote-delayed``: a plan to have delayed jobs done now."""

from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field, JsonValue

from bot.clients.queue_layout import QueueSnapshot
from bot.clients.queues import Queues
from bot.command import command
from bot.duration import read_duration
from bot.errors import UsageError, UserError
from bot.nearest import shown
from bot.pausing import Pausable
from bot.plan import Change, Plan, Step
from bot.queue_choice import chosen_queues
from bot.request import Request

_TIMEOUT: Final = 3600.0  # seconds; a Redis that is slow makes the work wait


@command(
    "/promote-delayed",
    permission="queues:promote",
    section="Queue Jobs Not Processing",
    runbook=("Access dashboard at configured URL",),
    examples=("/promote-delayed email", "/promote-delayed all --due-within 15m"),
)
async def promote_delayed(
    queue: Annotated[str, Field(description="The queue's short name such as email, several with commas, or all")],
    due_within: Annotated[str, Field(description="Only what is due within this time, such as 15m or 2h")] = "",
    *,
    queues: Queues,
    request: Request,
) -> Plan:
    """Have the workers do delayed jobs now, with their priorities, instead of when they are due.

    Jobs that are added after you ask are not touched, nor those that a worker tries meanwhile and puts off again.
    """
    shorts = chosen_queues(queue, queues.shorts, promote_delayed.usage)
    within = _within(due_within)
    found = Pausable.of(shorts, await queues.snapshot())
    chosen = found.found
    said = ", ".join(one.short for one in chosen)
    if all(one.counts.delayed == 0 for one in chosen):
        raise UserError(f"No job is delayed in {said}: there is nothing to do.", hint=" ".join(found.warnings))
    which = f"due within {due_within}" if due_within else "all"
    return Plan(
        title=f"Promote the delayed jobs of {said}",
        target=f"delayed/{chosen[0].short}",
        also=tuple(f"delayed/{one.short}" for one in chosen[1:]),
        changes=tuple(
            Change(what=f"{one.short}: delayed jobs, {which}", before="delayed", after="waiting") for one in chosen
        ),
        facts={f"{one.short} library": one.version for one in chosen},
        steps=tuple(_step(one.short, request, within) for one in chosen),
        no_undo="what is begun early cannot be put off again",
        blast_radius=("Retries lose their distance to the last try, and scheduled jobs run before their time.",),
        warnings=(*found.warnings, *_paused(chosen)),
        notes=found.notes,
    )


def _within(due_within: str) -> timedelta | None:
    if not due_within:
        return None
    try:
        return read_duration(due_within)
    except ValueError:
        message = f"{shown(due_within)} is no duration: write 15m, 2h or 7d."
        raise UsageError(message, usage=promote_delayed.usage, argument="due_within") from None


def _step(short: str, request: Request, within: timedelta | None) -> Step:
    at = request.received_at
    arguments: dict[str, JsonValue] = {
        "queue": short,
        "at": at.timestamp() * 1000,
        "due_until": None if within is None else (at + within).timestamp() * 1000,
    }
    return Step(
        title=f"Bring forward the delayed jobs of {short}",
        operation="queue_pause.promote",
        arguments=arguments,
        timeout=_TIMEOUT,
    )


def _paused(chosen: tuple[QueueSnapshot, ...]) -> tuple[str, ...]:
    paused = ", ".join(one.short for one in chosen if one.is_paused)
    return (f"Paused: {paused}. The jobs wait there until /resume-queue.",) if paused else ()
