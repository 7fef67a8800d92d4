"""``/approvals``: what waits for a decision, or for its turn."""

from datetime import datetime
from typing import Final

from bot import access
from bot.command import command
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Bold, Button, Buttons, Code, Level, Note, Part, Person, Reply, Span, Text, When, say
from bot.request import Actor
from bot.sentence import sentence
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Locks

# Each takes up to three blocks of a message that may have 50.
SHOWN: Final = 10
_PLANNED_AGAIN: Final = "Each is planned again once it is approved: what no longer fits by then does not start."


@command("/approvals", permission="approvals:read", section="Administration", examples=("/approvals",))
async def approvals(*, plans: Plans, locks: Locks, policy: PolicyFile, actor: Actor, now: datetime) -> Reply:
    """Show the plans that wait for a decision, with buttons on those that you may decide."""
    waiting = [plan for plan in await plans.undecided() if plan.status != "waiting" or plan.approve_by > now]
    if not waiting:
        return say("Nothing waits for approval", level=Level.OK, private=True)
    held = await locks.held()
    parts: list[Part] = []
    for plan in waiting[:SHOWN]:
        approved = [vote.actor.name for vote in await plans.votes(plan.id) if vote.action == "approve"]
        same = [other.id for other in waiting if other.id != plan.id and other.plan.target == plan.plan.target]
        runs = list(dict.fromkeys(lock.run_id for lock in held if lock.target in plan.plan.targets))
        parts += [
            _what(plan, same, runs),
            _how_far(plan, approved, policy.current),
            *_buttons(plan, policy.current, actor),
        ]
    if len(waiting) > SHOWN:
        parts.append(Note.of(f"{len(waiting) - SHOWN} more wait; the oldest are shown."))
    title = "1 plan waits" if len(waiting) == 1 else f"{len(waiting)} plans wait"
    return say(title, *parts, Note.of(_PLANNED_AGAIN), private=True)


def _what(plan: StoredPlan, same: list[str], runs: list[str]) -> Text:
    requester = Person(id=plan.requester.id, name=plan.requester.name)
    changes = "".join(f"\n{change.what}: {change.before} → {change.after}" for change in plan.plan.changes)
    warnings = "".join(f"\nWarning: {warning}" for warning in plan.plan.warnings)
    asked: tuple[Span, ...] = (" asked for by ", requester, ", planned ", When(at=plan.created_at))
    others: tuple[Span, ...] = (f"\nWaits for the same target: {', '.join(same)}",) if same else ()
    if runs:
        others += (
            f"\nA run for the same target has not ended: {', '.join(runs)}. The plan's card says what that means.",
        )
    return Text.of(Bold(text=plan.plan.title), *asked, f"{changes}{warnings}", *others)


def _how_far(plan: StoredPlan, approved: list[str], policy: Policy) -> Note:
    if plan.status == "approved":
        why = f": {plan.reason}" if plan.reason else ""
        by = f"Approved by {', '.join(approved)}" if approved else "Started alone"
        by = by if plan.needed else "Needs no approval"
        return Note.of(f"{sentence(f'{by}, waits for its turn{why}')} ", Code(text=plan.id))
    may = access.approvers(policy, command=plan.command, requester=plan.requester.id)
    names = ", ".join(map(policy.name, may)) or "nobody at present"
    so_far = f"{len(approved)} of {plan.needed} approvals" + (f" ({', '.join(approved)})" if approved else "")
    return Note.of(f"{so_far}. Who may: {names}. Expires ", When(at=plan.approve_by), ". ", Code(text=plan.id))


def _buttons(plan: StoredPlan, policy: Policy, actor: Actor) -> list[Part]:
    refusal = access.approver_refusal(policy, actor, command=plan.command, requester=plan.requester.id)
    if plan.status == "approved" or refusal is not None:
        return []
    approve = Button(label="Approve", action="approve", value=plan.id, style="primary")
    return [Buttons(buttons=(approve, Button(label="Deny", action="deny", value=plan.id, style="danger")))]
