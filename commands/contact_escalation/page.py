"""``/page``: call a level of the escalation path now, by every way there is; or say that it is over."""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.command import command
from bot.errors import Refused, UsageError, UserError
from bot.nearest import shown
from bot.plan import Change, Plan, Step
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.request import Request
from bot.rota import Rota
from bot.stores.overrides import Overrides
from bot.stores.pages import Page, Pages

# So many pages of one person within so much time are enough to be heard.
MOST: Final = 3
WITHIN: Final = timedelta(minutes=10)
_END: Final = "end"


@command(
    "/page",
    permission="oncall:page",
    section="Contact & Escalation",
    runbook=("Level 1: On-call engineer", "Level 2: Team lead", "Level 3: Engineering manager", "Level 4: CTO"),
    examples=(
        "/page 1 customers cannot log in",
        "/page 3 we need a decision about the rollback",
        "/page end 5d41402a",
    ),
)
async def page(  # noqa: PLR0913 - two arguments of the command, five things it needs
    level: Annotated[
        Literal["1", "2", "3", "4", "5", "6", "7", "8", "9", "end"],
        Field(description="Of the escalation path, as /oncall shows it; or end"),
    ],
    reason: Annotated[
        str,
        Field(
            max_length=200,
            description="Why; whoever is called reads it first. With end the page's id",
            json_schema_extra={"rest": True},
        ),
    ],
    *,
    policy: PolicyFile,
    overrides: Overrides,
    pages: Pages,
    request: Request,
    now: datetime,
) -> Plan:
    """Call whoever is on call at a level now, in Slack, by PagerDuty and by mail, whatever fires.

    For what no alert sees, or when somebody else has to decide; nobody has to approve it. It is open until somebody
    says that it is over, which resolves it in PagerDuty too: by its card's button, or by end with its id.
    """
    if level == _END:
        return await _end(reason, pages, request)
    rules, why = policy.current, " ".join(reason.split())
    if not why:
        raise UsageError("A page needs a reason: whoever is called reads it first.", argument="reason")
    rota = Rota(rules.oncall, await overrides.standing(now))
    people = _called(rota, int(level), request, now)
    recent = await pages.count_of(request.actor.id, request.received_at - WITHIN)
    if recent >= MOST:
        raise Refused(f"You have paged {recent} times within {WITHIN.seconds // 60} minutes. /oncall says how to call.")
    title = rota.rules.levels[int(level) - 1].title
    return _plan(_page(int(level), people, why, request), rules, title)


def _called(rota: Rota, level: int, request: Request, now: datetime) -> tuple[str, ...]:
    if level not in rota.levels:
        raise UsageError(f"There is no level {level}: the policy has {len(rota.levels)}.", argument="level")
    people = rota.on_call(level, request.received_at).people
    if not people:
        known = [str(one) for one in rota.levels if rota.on_call(one, now).people]
        hint = f"Somebody is known at level {', '.join(known)}." if known else ""
        raise UserError(f"Nobody is known to be on call at level {level}.", hint=hint)
    return people


def _page(level: int, people: tuple[str, ...], reason: str, request: Request) -> Page:
    name = hashlib.sha256(request.id.encode()).hexdigest()[:8]
    return Page(id=name, level=level, people=people, reason=reason, by=request.actor, at=request.received_at)


def _plan(new: Page, policy: Policy, title: str) -> Plan:
    names = ", ".join(policy.name(person) for person in new.people)
    return Plan(
        title=f"Page level {new.level}, {title}: {names}",
        target=f"page/{new.id}",
        changes=(Change(what=names, before="not called", after=f"called: {new.reason}"),),
        facts={"page": new.id},
        steps=(Step(title=f"Call {names}", operation="oncall.page", arguments={"page": new.model_dump(mode="json")}),),
        no_undo=f"Who was called was called; /page end {new.id} says that it is over.",
    )


async def _end(name: str, pages: Pages, request: Request) -> Plan:
    found = await pages.find(name)
    if found is None:
        there = ", ".join(one.page.id for one in await pages.open()) or "none"
        raise UserError(f"There is no page {shown(name)}; open are: {there}.")
    if found.ended_at is not None:
        by = f"{found.ended_by} said so" if found.ended_by else "it was so"
        raise UserError(f"It is over: {by} at {found.ended_at:%Y-%m-%d %H:%M} UTC.")
    ended, by = found.page, request.actor.name
    return Plan(
        title=f"Page resolved: {ended.reason}",
        target=f"page/{ended.id}",
        changes=(Change(what=ended.reason, before="open", after=f"{by} says that it is over"),),
        facts={"page": ended.id},
        steps=(
            Step(
                title="Show on its card that it is over, and resolve it in PagerDuty",
                operation="oncall.end",
                arguments={"page": ended.id, "by": by},
            ),
        ),
        no_undo="/page calls again.",
        thread=f"page:{ended.id}",
    )
