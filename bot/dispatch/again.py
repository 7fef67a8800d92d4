"""Planning something once more from a card: the way back of a run, or a plan that went stale or expired."""

from datetime import datetime

from pydantic import JsonValue

from bot.dispatch.approve import Approvals
from bot.dispatch.notices import may_undo
from bot.dispatch.planner import Planner
from bot.dispatch.proposal import Proposal
from bot.errors import Refused
from bot.plan import Plan, Undo
from bot.request import Decision, Request
from bot.stores import touched
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Runs, StoredRun


class Again:
    """Makes a fresh plan of what is stored, in the name of the person who clicked."""

    def __init__(self, database: Database, planner: Planner, approvals: Approvals) -> None:
        self._database = database
        self._plans, self._runs = Plans(database), Runs(database)
        self._planner = planner
        self._approvals = approvals

    async def replan(self, decision: Decision, now: datetime) -> StoredPlan:
        """Propose a stale or expired plan once more, an undo by way of ``undo``.

        Raises ``Refused``, ``UsageError``, ``Unavailable``.
        """
        stored = await self._stored(decision.subject)
        if stored.status not in ("stale", "expired"):
            raise Refused(f"{stored.id} is {stored.status}: it cannot be planned again.")
        if stored.undo_of:
            return await self._undo(decision, stored.undo_of, now)
        request = _request(decision, stored, stored.command, stored.arguments)
        arguments, plan = await self._planner.plan(request, now)
        return await self._approvals.propose(Proposal(request, stored.command, arguments, plan), now)

    async def undo(self, decision: Decision, now: datetime) -> StoredPlan:
        """Propose the way back of a run; raises ``Refused`` where what it left behind is no longer there."""
        return await self._undo(decision, decision.subject, now)

    async def _undo(self, decision: Decision, run_id: str, now: datetime) -> StoredPlan:
        stored = await self._stored(run_id)
        undo = await self._way_back(stored)
        request = _request(decision, stored, undo.command, undo.arguments)
        arguments, plan = await self._planner.plan(request, now)
        different = _unexpected(undo, plan)
        if different:
            raise Refused(
                f"{stored.id} cannot be undone any more, because since then {'; '.join(different)}.",
                hint=f"{undo.command} plans a change from how things are now.",
            )
        return await self._approvals.propose(Proposal(request, undo.command, arguments, plan, stored.id), now)

    async def _stored(self, plan_id: str) -> StoredPlan:
        stored = await self._plans.get(plan_id)
        if stored is None:
            raise Refused(f"There is no plan {plan_id}.")
        return stored

    async def _way_back(self, stored: StoredPlan) -> Undo:
        run = await self._runs.get(stored.id)
        if run is None:
            raise Refused(f"{stored.id} has not run: it is {stored.status}, so there is nothing to undo.")
        if stored.plan.undo is None:
            raise Refused(f"{stored.id} cannot be undone.", hint=stored.plan.no_undo)
        if run.undone_by:
            raise Refused(f"{stored.id} has been undone already, by {run.undone_by}.")
        if not may_undo(stored, run):
            raise _not_yet(run) if run.status == "running" else _never(run)
        async with self._database.transaction() as connection:
            pending = await self._plans.undo_pending(connection, stored.id)
            if pending:
                raise Refused(f"Undoing {stored.id} is under way already: plan {pending}.")
            if later := await touched.later_than(connection, run, stored):
                raise Refused(f"Run {later} has changed the same since, so {stored.id} can no longer be undone.")
        return stored.plan.undo


def _not_yet(run: StoredRun) -> Refused:
    hint = "It can be undone once it has ended, or does no more than watch what it did."
    return Refused(f"{run.id} still runs.", hint=hint)


def _never(run: StoredRun) -> Refused:
    return Refused(f"{run.id} {run.status} without a change that could be undone.")


def _request(decision: Decision, stored: StoredPlan, command: str, arguments: dict[str, JsonValue]) -> Request:
    return Request(
        id=decision.id,
        actor=decision.actor,
        command=command,
        arguments=arguments,
        source=stored.source,
        channel=decision.channel or stored.channel,
        received_at=decision.received_at,
    )


def _unexpected(undo: Undo, fresh: Plan) -> list[str]:
    return [
        f"{name} was {wanted} and is now {fresh.facts.get(name, 'unknown')}"
        for name, wanted in undo.expects.items()
        if name not in fresh.facts or fresh.facts[name] != wanted
    ]
