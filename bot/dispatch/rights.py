"""What somebody may decide about a plan as it stands: asked before a form opens, and by every click."""

from datetime import datetime
from typing import Final

from bot import access
from bot.errors import Refused
from bot.policy import Policy
from bot.request import Decision
from bot.stores.plans import OPEN, PlanStatus, StoredPlan

_DECIDABLE: Final[dict[str, tuple[PlanStatus, ...]]] = {
    "approve": ("waiting",),
    "deny": OPEN,
    "cancel": OPEN,
    "break_glass": ("waiting",),
}


def refusal(
    policy: Policy, stored: StoredPlan, decision: Decision, now: datetime, *, alone: tuple[str, ...] = ()
) -> Refused | None:
    """Return None where the decision can be taken now, else why not; whether it has its reason is not looked at.

    ``alone`` are those who may act alone on the plan now.
    """
    if stored.is_due(now):
        return Refused(f"The time to decide on {stored.id} is over: it has expired.", hint="Plan it again.")
    if stored.status not in _DECIDABLE[decision.action]:
        return Refused(f"{stored.id} is {stored.status} already: this changes nothing.")
    if decision.action == "cancel":
        return _cancel_refusal(stored, decision)
    if decision.action == "break_glass":
        return access.break_glass_refusal(policy, decision.actor, stored.command, alone)
    return access.approver_refusal(policy, decision.actor, command=stored.command, requester=stored.requester.id)


def _cancel_refusal(stored: StoredPlan, decision: Decision) -> Refused | None:
    if decision.actor.id == stored.requester.id:
        return None
    who = stored.requester.name
    return Refused(f"Only {who}, who asked for it, can cancel it.", hint="Approvers deny, with a reason.")
