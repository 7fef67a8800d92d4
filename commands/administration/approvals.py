"""``/approvals``: what waits for a decision, or for its turn."""

from datetime import datetime
from typing import Final

from bot import access
from bot.command import command
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Bold, Button, Buttons, Code, Level, Note, Part, Person, Reply, Text, When, say
from bot.request import Actor
from bot.stores.plans import Plans, StoredPlan

# Each takes up to three blocks of a message that may have 50.
SHOWN: Final = 10


@command("/approvals", permission="approvals:read", section="Administration", examples=("/approvals",))
async def approvals(*, plans: Plans, policy: PolicyFile, actor: Actor, now: datetime) -> Reply:
    """Show the plans that wait for a decision, with buttons on those that you may decide."""
    waiting = [plan for plan in await plans.undecided() if plan.status != "waiting" or plan.approve_by > now]
    if not waiting:
        return say("Nothing waits for approval", level=Level.OK, private=True)
    parts: list[Part] = []
    for plan in waiting[:SHOWN]:
        approved = [vote.actor.name for vote in await plans.votes(plan.id) if vote.action == "approve"]
        parts += _entry(plan, approved, policy.current, actor)
    if len(waiting) > SHOWN:
        parts.append(Note.of(f"{len(waiting) - SHOWN} more wait; the oldest are shown."))
    title = "1 plan waits" if len(waiting) == 1 else f"{len(waiting)} plans wait"
    return say(title, *parts, private=True)


def _entry(plan: StoredPlan, approved: list[str], policy: Policy, actor: Actor) -> list[Part]:
    requester = Person(id=plan.requester.id, name=plan.requester.name)
    changes = "".join(f"\n{change.what}: {change.before} → {change.after}" for change in plan.plan.changes)
    warnings = "".join(f"\nWarning: {warning}" for warning in plan.plan.warnings)
    asked = (" asked for by ", requester, " ", When(at=plan.created_at))
    parts: list[Part] = [Text.of(Bold(text=plan.plan.title), *asked, f"{changes}{warnings}")]
    if plan.status == "approved":
        why = f": {plan.reason}" if plan.reason else ""
        return [*parts, Note.of(f"Approved by {', '.join(approved)}, waits for its turn{why}. ", Code(text=plan.id))]
    rule = policy.approval(plan.command)
    may = [policy.name(p) for p in policy.members(rule.approvers) if p != plan.requester.id]
    so_far = f"{len(approved)} of {plan.needed} approvals" + (f" ({', '.join(approved)})" if approved else "")
    ends = (" Expires ", When(at=plan.approve_by), ". ", Code(text=plan.id))
    parts.append(Note.of(f"{so_far}. Who may: {', '.join(may) or 'nobody at present'}.", *ends))
    if access.approver_refusal(policy, actor, command=plan.command, requester=plan.requester.id) is None:
        parts.append(
            Buttons(
                buttons=(
                    Button(label="Approve", action="approve", value=plan.id, style="primary"),
                    Button(label="Deny", action="deny", value=plan.id, style="danger"),
                )
            )
        )
    return parts
