"""Finds the open plan that does already what somebody asks for, so that nobody has two equal ones to decide on."""

from datetime import datetime

import structlog

from bot.dispatch.ending import Ending
from bot.dispatch.planner import Planner
from bot.dispatch.proposal import Proposal
from bot.dispatch.replanning import Replanning
from bot.errors import BotError
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan

log = structlog.get_logger(__name__)


class Duplicates:
    """Compares what is asked for with what waits or runs."""

    def __init__(self, database: Database, planner: Planner, ending: Ending) -> None:
        self._plans = Plans(database)
        self._replanning = Replanning(database, planner)
        self._ending = ending

    async def of(self, proposal: Proposal, now: datetime) -> tuple[StoredPlan | None, frozenset[str]]:
        """Return the open plan that is the same, or None, and the ids of those that only look so.

        Its moments and stamps are its request's, so that it is not compared itself: the same line was typed, and what
        it plans still fits. The very request of a plan is none of its duplicates, nor is what it replaces.
        """
        alike = await self._plans.alike(proposal.command, proposal.arguments)
        others = [it for it in alike if it.request_id != proposal.request.id and it.id != proposal.replaces]
        for other in others:
            if await self._is_same(other, proposal, now):
                return other, frozenset()
        return None, frozenset(other.id for other in others)

    async def _is_same(self, other: StoredPlan, proposal: Proposal, now: datetime) -> bool:
        if other.status == "started":
            # What only watches has changed what it was to: whoever asks again wants it again.
            return other.plan.facts == proposal.plan.facts and not await self._ending.only_watches(other.id)
        return not other.is_due(now) and await self._still_fits(other, now)

    async def _still_fits(self, other: StoredPlan, now: datetime) -> bool:
        try:
            _, digest = await self._replanning.fresh(other, now)
        except BotError:
            return False
        except Exception:
            log.exception("an open plan could not be planned again", plan=other.id)
            return False
        return digest == other.digest
