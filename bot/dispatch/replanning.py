"""An open plan made once more as it was asked for, to see whether it still fits."""

from datetime import datetime

from bot.dispatch.planner import Planner
from bot.dispatch.proposal import asked_for
from bot.plan import Plan
from bot.stores.database import Database
from bot.stores.plans import StoredPlan
from bot.stores.requests import Requests


class Replanning:
    """Plans what is stored again, under its own request; nothing is stored by it."""

    def __init__(self, database: Database, planner: Planner) -> None:
        self._requests = Requests(database)
        self._planner = planner

    async def fresh(self, stored: StoredPlan, now: datetime) -> tuple[Plan, str]:
        """Return what the plan would be by now, and its digest; raises what the planner raises."""
        # The original moment, because a plan may state an end such as "failed before this".
        received_at = await self._requests.received_at(stored.request_id) or stored.created_at
        arguments, fresh = await self._planner.plan(asked_for(stored, stored.request_id, received_at), now)
        return fresh, fresh.digest(stored.command, arguments)
