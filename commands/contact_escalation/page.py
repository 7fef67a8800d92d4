"""``/page``: call a level of the escalation path now, by every way there is."""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from bot.command import command
from bot.errors import Refused, UsageError, UserError
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


@command(
    "/page",
    permission="oncall:page",
    section="Contact & Escalation",
    runbook=("Level 1: On-call engineer", "Level 2: Team lead", "Level 3: Engineering manager", "Level 4: CTO"),
    examples=('/page 1 "customers cannot log in"', '/page 3 "we need a decision about the rollback"'),
)
async def page(  # noqa: PLR0913 - two arguments of the command, five things it needs
    level: Annotated[int, Field(ge=1, le=9, description="Of the escalation path, as /oncall shows it")],
    reason: Annotated[str, Field(max_length=200, description="Why; whoever is called reads it first")],
    *,
    policy: PolicyFile,
    overrides: Overrides,
    pages: Pages,
    request: Request,
    now: datetime,
) -> Plan:
    """Call whoever is on call at a level now, in Slack, by PagerDuty and by mail, whatever fires.

    For what no alert sees, or when somebody else has to decide. Nobody has to approve it.
    """
    rules, why = policy.current, " ".join(reason.split())
    if not why:
        raise UsageError("A page needs a reason: whoever is called reads it first.", argument="reason")
    rota = Rota(rules.oncall, await overrides.standing(now))
    if level not in rota.levels:
        raise UsageError(f"There is no level {level}: the policy has {len(rota.levels)}.", argument="level")
    people = rota.on_call(level, request.received_at).people
    if not people:
        known = [str(one) for one in rota.levels if rota.on_call(one, now).people]
        hint = f"Somebody is known at level {', '.join(known)}." if known else ""
        raise UserError(f"Nobody is known to be on call at level {level}.", hint=hint)
    recent = await pages.count_of(request.actor.id, request.received_at - WITHIN)
    if recent >= MOST:
        raise Refused(f"You have paged {recent} times within {WITHIN.seconds // 60} minutes. /oncall says how to call.")
    return _plan(_page(level, people, why, request), rules, rota.rules.levels[level - 1].title)


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
        no_undo="Who was called was called; say in the thread that it is over.",
    )
