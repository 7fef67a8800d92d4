"""What needs somebody now, for a person's home tab: the plans that wait for them, the other plans, what calls."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, TypeVar

import structlog

from bot.access import approver_refusal, refusal
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Bold, Link, Note, Part, Span, Text, When
from bot.request import Actor
from bot.stores.database import Database
from bot.stores.incidents import Incident, Incidents
from bot.stores.pages import Paged, Pages, page_card_key
from bot.stores.plans import Plans, StoredPlan

SHOWN: Final = 10
READS_PLANS: Final = "approvals:read"
_T = TypeVar("_T")


class Overview:
    """Says what waits and what is wrong; what cannot be read is said instead."""

    def __init__(self, database: Database, policy: PolicyFile, clock: Callable[[], datetime]) -> None:
        self._plans, self._incidents, self._pages = Plans(database), Incidents(database), Pages(database)
        self.policy = policy
        self._clock = clock

    async def __call__(self, actor: Actor) -> tuple[Part, ...]:
        """Return the parts, the most urgent for this person first."""
        try:
            plans = await self._of_plans(actor)
        except Exception:  # noqa: BLE001 - whatever it is, the incidents are still of use
            plans = _unreadable("What waits for approval")
        try:
            firing, paged = list((await self._incidents.firing()).values()), await self._pages.open()
        except Exception:  # noqa: BLE001 - whatever it is, the plans are still of use
            return (*plans, *_unreadable("Which alerts are firing"))
        fires = (*_listed("Open pages", paged, _page), *_listed("Firing", sorted(firing, key=_urgency), _incident))
        return (*plans, *fires) or (Note.of("Nothing waits."),)

    async def _of_plans(self, actor: Actor) -> tuple[Part, ...]:
        policy, now = self.policy.current, self._clock()
        waiting = [plan for plan in await self._plans.undecided() if plan.status != "waiting" or plan.approve_by > now]
        mine = [plan for plan in waiting if plan.status == "waiting" and _may_decide(policy, actor, plan)]
        others = [plan for plan in waiting if plan not in mine]
        if refusal(policy, actor, READS_PLANS) is not None:
            others = [plan for plan in others if plan.requester.id == actor.id]
        return (*_listed("Waiting for your decision", mine, _plan), *_listed("Other plans that wait", others, _plan))


def _may_decide(policy: Policy, actor: Actor, plan: StoredPlan) -> bool:
    return approver_refusal(policy, actor, command=plan.command, requester=plan.requester.id) is None


def _unreadable(what: str) -> tuple[Part, ...]:
    structlog.get_logger(__name__).exception("a part of the overview could not be read", part=what)
    return (Note.of(f"{what} could not be read."),)


def _listed(title: str, found: list[_T], line: Callable[[_T], Iterable[Span]]) -> tuple[Part, ...]:
    if not found:
        return ()
    spans: list[Span] = [Bold(text=f"{title} ({len(found)})")]
    for one in found[:SHOWN]:
        spans += ["\n", *line(one)]
    if len(found) > SHOWN:
        spans.append(f"\n{len(found) - SHOWN} more")
    return (Text(spans=tuple(spans)),)


def _plan(plan: StoredPlan) -> Iterable[Span]:
    yield Link(text=plan.plan.title, key=f"plan:{plan.id}")
    yield f", asked for by {plan.requester.name}, "
    if plan.status == "approved":
        yield "approved, waits for its turn"
    else:
        yield "expires "
        yield When(at=plan.approve_by)


def _incident(incident: Incident) -> Iterable[Span]:
    yield f"{incident.severity.capitalize()}: "
    yield Link(text=incident.alert.summary, key=f"incident:{incident.id}")
    yield ", since "
    yield When(at=incident.alert.since)


def _page(paged: Paged) -> Iterable[Span]:
    owner = f"{paged.acknowledged_by} has it" if paged.acknowledged_at else "nobody has it"
    yield Link(text=paged.page.reason, key=page_card_key(paged.page.id))
    yield f", {paged.page.by.name} called level {paged.page.level}, {owner}, since "
    yield When(at=paged.page.at)


def _urgency(incident: Incident) -> tuple[bool, datetime]:
    return incident.severity != "critical", incident.opened_at
