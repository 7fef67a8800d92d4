"""A run that only watches: what it was to change is changed, and who has seen enough ends it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot import access
from bot.dispatch.ending import Ending
from bot.dispatch.planner import Planner
from bot.errors import Refused
from bot.policy import PolicyInForce
from bot.request import Decision
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan, Vote
from bot.stores.runs import Runs


class Watching:
    """Takes the clicks on Stop watching."""

    def __init__(self, database: Database, planner: Planner, ending: Ending, policy: PolicyInForce) -> None:
        self._database = database
        self._plans, self._runs = Plans(database), Runs(database)
        self._planner = planner
        self._ending = ending
        self._policy = policy

    async def stop(self, decision: Decision, now: datetime) -> str:
        """End a run that only watches, and say what came of it; raises ``Refused``."""
        run_id = decision.subject
        async with self._database.transaction() as connection:
            stored = await self._plans.locked(connection, run_id)
            if stored is None:
                raise Refused(f"There is no plan {run_id}.", hint="/runs shows the newest runs.")
            if refusal := self._refusal(stored, decision):
                raise refusal
            votes = await self._plans.votes(run_id, connection)
            if decision.id in {vote.click for vote in votes}:
                return "took effect before a restart"
            await self._plans.vote(connection, run_id, Vote(decision.actor, decision.action, "", now, decision.id))
            if not await self._ending.stop_watching(connection, run_id, f"by {decision.actor.name}", now):
                raise await self._nothing_to_stop(connection, stored)
        return "watching ended"

    async def _nothing_to_stop(self, connection: AsyncConnection, stored: StoredPlan) -> Refused:
        run = await self._runs.get(stored.id, connection)
        doing = run.status if run else stored.status
        how = "running and does more than watch" if doing == "running" else doing
        return Refused(f"{stored.id} is {how}: this changes nothing.")

    def _refusal(self, stored: StoredPlan, decision: Decision) -> Refused | None:
        """Return None for whoever may run the command or decide about it."""
        policy, actor = self._policy.current, decision.actor
        needed = self._planner.command(stored.command).change_permission
        may_not_decide = access.approver_refusal(policy, actor, command=stored.command, requester=stored.requester.id)
        return may_not_decide and access.refusal(policy, actor, needed)
