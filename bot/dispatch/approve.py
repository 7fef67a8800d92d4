"""A plan waits for people: what counts, and what each click makes of it. Who may click is in ``rights``.

The database decides every race: each change is a compare-and-set in one transaction with the card that shows it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from bot import access
from bot.dispatch import rights
from bot.dispatch.answers import Answer, repeated
from bot.dispatch.cards import approvals
from bot.dispatch.checkpoint import Checkpoint
from bot.dispatch.duplicates import Duplicates
from bot.dispatch.notices import Notices
from bot.dispatch.proposal import Proposal
from bot.errors import Refused
from bot.masking import cut, mask
from bot.policy import PolicyInForce
from bot.request import Decision, lacking
from bot.stores.database import PROPOSAL_LOCK, Database
from bot.stores.plans import OPEN, Plans, PlanStatus, StoredPlan, Vote
from bot.stores.requests import Requests
from bot.stores.requests import Status as AuditStatus

_REASON_LIMIT: Final = 500
# Every look at what waits reads all of it, and nobody decides about more than this.
MOST_OPEN: Final = 200
_AUDIT: Final[dict[str, AuditStatus]] = {
    "denied": "refused",
    "cancelled": "done",
    "expired": "refused",
    "stale": "refused",
}

Decide = Callable[[AsyncConnection, StoredPlan, Vote, datetime], Awaitable[str]]


class Approvals:
    """Proposes plans and takes decisions about them."""

    def __init__(
        self,
        database: Database,
        notices: Notices,
        policy: PolicyInForce,
        duplicates: Duplicates,
        checkpoint: Checkpoint,
    ) -> None:
        self._database = database
        self._duplicates = duplicates
        self._plans = Plans(database)
        self._requests = Requests(database)
        self._notices = notices
        self._policy = policy
        self._checkpoint = checkpoint

    async def propose(self, proposal: Proposal, now: datetime) -> StoredPlan:
        """Store the plan with its card; the plan there is already where the request was taken up again.

        Where an open plan does the same, that one is returned, whose request is another. Raises Refused where
        ``MOST_OPEN`` wait or run already.
        """
        same, beside = await self._duplicates.of(proposal, now)
        if same is not None:
            return same
        known = replace(proposal, beside=beside)
        async with self._database.transaction() as connection:
            stored = await self._there(connection, known) or await self._put(connection, known, now)
        await self._checkpoint.reached("plan stored")
        return stored

    async def unlike(self, proposal: Proposal, now: datetime) -> Proposal | None:
        """Return the proposal with those that it is ``beside``; None where an open plan does the same already."""
        same, beside = await self._duplicates.of(proposal, now)
        return replace(proposal, beside=beside) if same is None else None

    async def renew(self, connection: AsyncConnection, proposal: Proposal, now: datetime) -> None:
        """Store what takes another plan's place, with its request, unless the same has been asked for meanwhile."""
        if await self._there(connection, proposal):
            return
        if await self._requests.open(proposal.request, holder="", connection=connection):
            await self._put(connection, proposal, now)

    async def _there(self, connection: AsyncConnection, proposal: Proposal) -> StoredPlan | None:
        """Return the request's own plan, or one of the same line that came since it was looked for duplicates.

        Up to the end of the transaction nobody else proposes anything.
        """
        await self._database.one_at_a_time(connection, PROPOSAL_LOCK)
        if own := await self._plans.of_request(proposal.request.id, connection):
            return own
        alike = await self._plans.alike(proposal.command, proposal.arguments, connection)
        return next((other for other in alike if other.id not in proposal.beside), None)

    async def _put(self, connection: AsyncConnection, proposal: Proposal, now: datetime) -> StoredPlan:
        """Store a new plan with its card; raises Refused where ``MOST_OPEN`` wait or run already."""
        rule = self._policy.current.approval(proposal.command)
        stored = proposal.stored(rule, now, channel=self._notices.alerts_channel)
        await self._plans.add(connection, stored)
        if await self._plans.count_open(connection) > MOST_OPEN:
            raise _too_many()
        await self._requests.planned(connection, stored.request_id, stored.id, f"plan {stored.id}")
        await self._notices.card(connection, stored.id, now, response_url=proposal.request.response_url)
        return stored

    async def check(self, decision: Decision, now: datetime) -> None:
        """Raise the ``Refused`` that the decision would meet once it has its reason."""
        stored = _found(await self._plans.get(decision.subject), decision)
        alone = await self._notices.duty.alone(stored, now)
        if refused := rights.refusal(self._policy.current, stored, decision, now, alone=alone):
            raise refused

    async def decide(self, decision: Decision, now: datetime) -> Answer:
        """Apply a click on a plan that has not started; say what came of it. Raises ``Refused``."""
        deciders: dict[str, Decide] = {
            "approve": self._approve,
            "deny": self._deny,
            "cancel": self._cancel,
            "break_glass": self._break_glass,
        }
        async with self._database.transaction() as connection:
            stored = _found(await self._plans.locked(connection, decision.subject), decision)
            votes = await self._plans.votes(stored.id, connection)
            mine = [vote for vote in votes if vote.actor.id == decision.actor.id and vote.action == decision.action]
            if mine and mine[0].click == decision.id:
                # This very click took effect, the process died, and it is taken up again: the card says it already.
                return Answer("done", "took effect before a restart", None, plan_id=stored.id)
            if mine:
                return repeated(decision, await self._so_far(connection, stored))
            alone = await self._notices.duty.alone(stored, now, connection)
            refused = rights.refusal(self._policy.current, stored, decision, now, alone=alone)
            if stored.is_due(now):
                await self.expire(connection, stored, now)
            elif refused is None:
                outcome = await deciders[decision.action](connection, stored, _vote(decision, now), now)
                await self._notices.card(connection, stored.id, now)
        if refused is not None:
            raise refused
        return Answer("done", outcome, None, plan_id=stored.id)

    async def _so_far(self, connection: AsyncConnection, stored: StoredPlan) -> str:
        if stored.status != "waiting":
            return f"{stored.id} is {stored.status}."
        policy = self._policy.current
        missing, needed = await self.missing(connection, stored)
        given = {vote.actor.id for vote in approvals(await self._plans.votes(stored.id, connection))}
        left = [
            policy.name(person)
            for person in access.approvers(policy, command=stored.command, requester=stored.requester.id)
            if person not in given
        ]
        who = ", ".join(left) or "nobody at present"
        return f"{needed - missing} of {needed}, still needed: {missing} more of {who}."

    async def _approve(self, connection: AsyncConnection, stored: StoredPlan, vote: Vote, now: datetime) -> str:
        await self._plans.vote(connection, stored.id, vote)
        missing, needed = await self.missing(connection, stored)
        if missing > 0:
            await self._plans.move(connection, stored.id, ("waiting",), needed=needed)
            return f"approved, {needed - missing} of {needed}"
        await self._quorum(connection, stored, now)
        return f"approved, {needed - missing} of {needed}: it starts"

    async def _deny(self, connection: AsyncConnection, stored: StoredPlan, vote: Vote, now: datetime) -> str:
        if missing := lacking("deny", vote.reason):
            raise Refused(missing)
        await self._plans.vote(connection, stored.id, vote)
        await self.close(connection, stored, "denied", f"denied by {vote.actor.name}: {vote.reason}", now)
        return f"denied: {vote.reason}"

    async def _cancel(self, connection: AsyncConnection, stored: StoredPlan, vote: Vote, now: datetime) -> str:
        await self._plans.vote(connection, stored.id, vote)
        await self.close(connection, stored, "cancelled", f"cancelled by {vote.actor.name}", now)
        return "cancelled"

    async def _break_glass(self, connection: AsyncConnection, stored: StoredPlan, vote: Vote, now: datetime) -> str:
        if missing := lacking("break_glass", vote.reason):
            raise Refused(missing)
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
        policy = self._policy.current
        may = access.approvers(policy, command=stored.command, requester=stored.requester.id)
        votes = approvals(await self._plans.votes(stored.id, connection))
        counted = sum(vote.actor.id in may for vote in votes)
        needed = max(stored.needed, policy.approval(stored.command).needed)
        return needed - counted, needed

    async def close(
        self, connection: AsyncConnection, stored: StoredPlan, status: PlanStatus, outcome: str, now: datetime
    ) -> bool:
        """End a plan that has not started, with its audit; False where it had ended or started before."""
        reason = outcome if status in ("expired", "stale") else ""
        moved = await self._plans.move(connection, stored.id, OPEN, status=status, reason=reason, closed_at=now)
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


def _too_many() -> Refused:
    message = f"{MOST_OPEN} plans wait or run already, so that nothing more is planned."
    return Refused(message, hint="/approvals shows them: deny or cancel some, or wait until they expire.")


def _found(stored: StoredPlan | None, decision: Decision) -> StoredPlan:
    if stored is None:
        raise Refused(f"There is no plan {decision.subject}.", hint="/approvals lists what waits.")
    return stored


def _vote(decision: Decision, now: datetime) -> Vote:
    return Vote(decision.actor, decision.action, cut(mask(decision.reason.strip()), _REASON_LIMIT), now, decision.id)
