"""``/ack``: a plan to say that you have an alert in hand."""

from typing import Annotated

from pydantic import Field

from bot.command import command
from bot.errors import UserError
from bot.nearest import shown
from bot.plan import Change, Plan, Step
from bot.request import Request
from bot.stores.incidents import Incidents


@command(
    "/ack", permission="alerts:acknowledge", section="Administration", examples=("/ack 3fa91c02d41e55aa-1782900000",)
)
async def ack(
    incident: Annotated[str, Field(description="The alert's id, as its card and /alerts name it")],
    *,
    incidents: Incidents,
    request: Request,
) -> Plan:
    """Take an alert in hand: everybody sees who has it, and nobody else is called for it.

    It is void when the alert turns from warning to critical. The alert goes on until what it is about is mended.
    """
    found = await incidents.one_firing(incident)
    if found is None:
        raise UserError(f"No alert {shown(incident)} is firing.", hint="/alerts lists those that are.")
    if found.acknowledged_at is not None:
        raise UserError(f"{found.acknowledged_by} has it since {found.acknowledged_at:%H:%M} UTC.")
    name = request.actor.name
    return Plan(
        title=f"Acknowledge: {found.alert.summary}",
        target=f"incident/{found.id}",
        changes=(Change(what=found.alert.summary, before="nobody has it", after=f"{name} has it"),),
        facts={"incident": found.id},
        steps=(
            Step(
                title="Show who has it on the alert's card",
                operation="alerts.acknowledge",
                arguments={"incident": found.id, "by": name},
            ),
        ),
        no_undo="It ends with the alert, or when that becomes critical.",
        thread=f"incident:{found.id}",
    )
