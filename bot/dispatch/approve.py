"""A plan waits for people: who may decide, what counts, and what each click makes of it.

The database decides every race: each change is a compare-and-set in one transaction with the card that shows it.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import access
from bot.dispatch.cards import approvals
from bot.dispatch.checkpoint import Checkpoint
from bot.dispatch.notices import Notices
from bot.dispatch.planner import PolicyInForce
from bot.errors import Refused
from bot.masking import cut, mask
from bot.plan import Plan
from bot.request import Actor, Decision, Request
from bot.stores.database import Database
from bot.stores.plans import Plans, PlanStatus, StoredPlan, Vote
from bot.stores.requests import Requests
from bot.stores.requests import Status as AuditStatus

_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # base32 without what is mistaken for something else
_ID_LENGTH: Final = 10
_REASON_LIMIT: Final = 500
_OPEN: Final[tuple[PlanStatus, ...]] = ("waiting", "approved")
_AUDIT: Final[dict[str, AuditStatus]] = {
    "denied": "refused",
    "cancelled": "done",
    "expired": "refused",
    "stale": "refused",
}

_PAST: Final = {
    "approve": "approved",
    "deny": "denied it",
    "cancel": "cancelled it",
    "break_glass": "broken the glass",
}

Decide = Callable[[AsyncConnection, StoredPlan, Decision, datetime], Awaitable[str]]


@dataclass(frozen=True)
class Proposal:
    """What a request would change, before anybody has decided."""

    request: Request
    command: str
    arguments: dict[str, JsonValue]
    plan: Plan
    undo_of: str | None = None


class Approvals:
    """Proposes plans and takes decisions about them."""

    def __init__(self, database: Database, notices: Notices, policy: PolicyInForce, checkpoint: Checkpoint) -> None:
        self._database = database
        self._plans = Plans(database)
        self._requests = Requests(database)
        self._notices = notices
        self._policy = policy
        self._checkpoint = checkpoint

    async def propose(self, proposal: Proposal, now: datetime) -> StoredPlan:
        """Store the plan with its card; the plan there is already where the request was taken up again."""
        stored = self._stored(proposal, now)
        async with self._database.transaction() as connection:
            added = await self._plans.add(connection, stored)
            if added:
                await self._requests.planned(connection, stored.request_id, stored.id, f"plan {stored.id}")
                url = proposal.request.response_url
                await self._notices.card(connection, stored.id, now, first=True, response_url=url)
        await self._checkpoint.reached("plan stored")
        if added:
            return stored
        existing = await self._plans.of_request(stored.request_id)
        return existing or stored

    def _stored(self, proposal: Proposal, now: datetime) -> StoredPlan:
        rule = self._policy.current.approval(proposal.command)
        request = proposal.request
        return StoredPlan(
            id="".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH)),
            request_id=request.id,
            command=proposal.command,
            arguments=proposal.arguments,
            plan=proposal.plan,
            digest=proposal.plan.digest(proposal.command, proposal.arguments),
            requester=request.actor,
            channel=request.channel or self._notices.alerts_channel,
            source=request.source,
            undo_of=proposal.undo_of,
            needed=rule.needed,
            status="waiting" if rule.needed else "approved",
            reason="",
            created_at=now,
            approve_by=now + rule.approve_within,
            execute_by=None if rule.needed else now + rule.execute_within,
            asked_next_at=None,
            break_glass=False,
            closed_at=None,
        )

    async def decide(self, decision: Decision, now: datetime) -> str:
        """Apply a click on a plan that has not started; return what came of it. Raises ``Refused``."""
        deciders: dict[str, Decide] = {
            "approve": self._approve,
            "deny": self._deny,
            "cancel": self._cancel,
            "break_glass": self._break_glass,
        }
        async with self._database.transaction() as connection:
            stored = await self._plans.locked(connection, decision.subject)
            if stored is None:
                raise Refused(f"There is no plan {decision.subject}.", hint="/approvals lists what waits.")
            if await self._decided_before(connection, decision):
                # Also where a click took effect, the process died, and the next one takes the same click up again.
                return f"had {_PAST[decision.action]} before"
            if await self._expire_if_due(connection, stored, now):
                outcome = ""
            else:
                outcome = await deciders[decision.action](connection, stored, decision, now)
                await self._notices.card(connection, stored.id, now)
        if not outcome:
            raise Refused(f"The time to decide on {stored.id} is over: it has expired.", hint="Plan it again.")
        return outcome

    async def _approve(self, connection: AsyncConnection, stored: StoredPlan, decision: Decision, now: datetime) -> str:
        self._require(stored, "waiting")
        self._authorize(stored, decision)
        await self._plans.vote(connection, stored.id, _vote(decision, now))
        missing, needed = await self.missing(connection, stored)
        if missing > 0:
            await self._plans.move(connection, stored.id, ("waiting",), needed=needed)
            return f"approved, {needed - missing} of {needed}"
        await self._quorum(connection, stored, now)
        return f"approved, {needed - missing} of {needed}: it starts"

    async def _deny(self, connection: AsyncConnection, stored: StoredPlan, decision: Decision, now: datetime) -> str:
        self._require(stored, *_OPEN)
        self._authorize(stored, decision)
        vote = _vote(decision, now)
        if not vote.reason:
            raise Refused("Denying needs a reason, so that the person who asked knows what to do.")
        await self._plans.vote(connection, stored.id, vote)
        await self.close(connection, stored, "denied", f"denied by {vote.actor.name}: {vote.reason}", now)
        return f"denied: {vote.reason}"

    async def _cancel(self, connection: AsyncConnection, stored: StoredPlan, decision: Decision, now: datetime) -> str:
        self._require(stored, *_OPEN)
        if decision.actor.id != stored.requester.id:
            raise Refused(
                f"Only {stored.requester.name}, who asked for it, can cancel it.", hint="Approvers deny, with a reason."
            )
        await self._plans.vote(connection, stored.id, _vote(decision, now))
        await self.close(connection, stored, "cancelled", f"cancelled by {decision.actor.name}", now)
        return "cancelled"

    async def _break_glass(
        self, connection: AsyncConnection, stored: StoredPlan, decision: Decision, now: datetime
    ) -> str:
        self._require(stored, "waiting")
        rule = self._policy.current.break_glass
        if stored.command not in rule.commands:
            raise Refused(f"{stored.command} has no break-glass rule, so it needs its approvals.")
        if not self._policy.current.roles_of(decision.actor.id) & set(rule.roles):
            raise Refused("Breaking the glass needs one of the roles " + (", ".join(rule.roles) or "(none)") + ".")
        vote = _vote(decision, now)
        if not vote.reason:
            raise Refused("Acting alone needs a typed reason.")
        await self._plans.vote(connection, stored.id, vote)
        await self._quorum(connection, stored, now, break_glass=True)
        await self._notices.break_glass(connection, stored, vote, now)
        return f"started alone: {vote.reason}"

    async def _quorum(
        self, connection: AsyncConnection, stored: StoredPlan, now: datetime, *, break_glass: bool = False
    ) -> None:
        within = self._policy.current.approval(stored.command).execute_within
        await self._plans.move(
            connection,
            stored.id,
            ("waiting",),
            status="approved",
            execute_by=now + within,
            break_glass=break_glass,
        )

    async def missing(self, connection: AsyncConnection, stored: StoredPlan) -> tuple[int, int]:
        """Return how many approvals are missing, and of how many, under the policy of now where that asks for more.

        Those of people who may no longer approve do not count: a role that was taken away takes its approvals along.
        """
        votes = approvals(await self._plans.votes(stored.id, connection))
        counted = sum(self._refusal(stored, vote.actor) is None for vote in votes)
        needed = max(stored.needed, self._policy.current.approval(stored.command).needed)
        return needed - counted, needed

    async def _decided_before(self, connection: AsyncConnection, decision: Decision) -> bool:
        votes = await self._plans.votes(decision.subject, connection)
        return (decision.actor.id, decision.action) in {(vote.actor.id, vote.action) for vote in votes}

    async def close(
        self, connection: AsyncConnection, stored: StoredPlan, status: PlanStatus, outcome: str, now: datetime
    ) -> bool:
        """End a plan that has not started, with its audit; False where it had ended or started before."""
        reason = outcome if status in ("expired", "stale") else ""
        moved = await self._plans.move(connection, stored.id, _OPEN, status=status, reason=reason, closed_at=now)
        if moved:
            await self._requests.settle(connection, stored.id, _AUDIT[status], f"{status}: {outcome}", now)
        return moved

    async def expire(self, connection: AsyncConnection, stored: StoredPlan, now: datetime) -> None:
        """End a plan whose clock has run out, and say which clock."""
        if stored.status == "waiting":
            why = f"Nobody gave the {stored.needed} approval(s) it needed in time."
        else:
            why = "It was approved but could not start in time. " + stored.reason
        if await self.close(connection, stored, "expired", why.strip(), now):
            await self._notices.card(connection, stored.id, now)

    async def _expire_if_due(self, connection: AsyncConnection, stored: StoredPlan, now: datetime) -> bool:
        due = stored.is_due(now)
        if due:
            await self.expire(connection, stored, now)
        return due

    def _require(self, stored: StoredPlan, *states: PlanStatus) -> None:
        if stored.status not in states:
            raise Refused(f"{stored.id} is {stored.status} already: this click changes nothing.")

    def _authorize(self, stored: StoredPlan, decision: Decision) -> None:
        if refusal := self._refusal(stored, decision.actor):
            raise refusal

    def _refusal(self, stored: StoredPlan, actor: Actor) -> Refused | None:
        policy = self._policy.current
        return access.approver_refusal(policy, actor, command=stored.command, requester=stored.requester.id)


def _vote(decision: Decision, now: datetime) -> Vote:
    return Vote(decision.actor, decision.action, cut(mask(decision.reason.strip()), _REASON_LIMIT), now)
