"""``/ack``: a plan to say that you have an alert, or what somebody paged for, in hand."""

from typing import Annotated

from pydantic import Field

from bot.command import command
from bot.errors import UserError
from bot.nearest import shown
from bot.plan import Change, Plan, Step
from bot.request import Request
from bot.stores.incidents import Incidents
from bot.stores.pages import PREFIX, Paged, Pages, page_card_key


@command(
    "/ack",
    permission="alerts:acknowledge",
    section="Administration",
    examples=("/ack 3fa91c02", "/ack page-5d41402a"),
)
async def ack(
    incident: Annotated[str, Field(description="The alert's id or the page's, as its card and /alerts name it")],
    *,
    incidents: Incidents,
    pages: Pages,
    request: Request,
) -> Plan:
    """Take an alert or a page in hand: everybody sees who has it, and nobody else is called for it.

    PagerDuty is told so too. It is void when the alert turns from warning to critical. The alert goes on until what it
    is about is mended, and a page until somebody ends it.
    """
    paged = await pages.find(incident) if incident.startswith(PREFIX) else None
    if paged is not None:
        return _page(paged, request.actor.name)
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


def _page(paged: Paged, by: str) -> Plan:
    page = paged.page
    if paged.ended_at is not None:
        raise UserError(f"It is over since {paged.ended_at:%Y-%m-%d %H:%M} UTC.")
    if paged.acknowledged_at is not None:
        raise UserError(f"{paged.acknowledged_by} has it since {paged.acknowledged_at:%H:%M} UTC.")
    return Plan(
        title=f"Acknowledge: {page.reason}",
        target=f"page/{page.id}",
        changes=(Change(what=page.reason, before="nobody has it", after=f"{by} has it"),),
        facts={"page": page.id},
        steps=(
            Step(
                title="Show who has it on the page's card, and in PagerDuty",
                operation="oncall.acknowledge",
                arguments={"page": page.id, "by": by},
            ),
        ),
        no_undo=f"It ends with /page end {page.id}.",
        thread=page_card_key(page.id),
    )
