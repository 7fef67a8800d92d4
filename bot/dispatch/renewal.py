"""What a run of the bot overtook while it waited for its turn is planned again, to be approved afresh in its place."""

from datetime import datetime

import structlog

from bot.dispatch.approve import Approvals
from bot.dispatch.planner import Planner
from bot.dispatch.proposal import AGAIN, Proposal, asked_for
from bot.errors import BotError
from bot.stores import touched
from bot.stores.database import Database
from bot.stores.plans import StoredPlan

log = structlog.get_logger(__name__)


class Renewal:
    """Makes the proposal that takes the place of a plan whose approval is void."""

    def __init__(self, database: Database, planner: Planner, approvals: Approvals) -> None:
        self._database = database
        self._planner = planner
        self._approvals = approvals

    async def overtaken_by(self, stored: StoredPlan) -> str | None:
        """Return the newest run on the plan's targets since it was made, or None."""
        async with self._database.reading() as connection:
            return await touched.meanwhile(connection, stored)

    async def proposal(self, stored: StoredPlan, now: datetime) -> Proposal | None:
        """Return what to propose in an overtaken plan's place, in the name of who asked for it, or None.

        It is only where somebody has to approve it and nobody has asked for the same meanwhile; an undo that something
        came between is no longer one.
        """
        if not stored.needed or stored.undo_of:
            return None
        request = asked_for(stored, AGAIN + stored.id, now)
        try:
            arguments, plan = await self._planner.plan(request, now)
        except BotError:
            return None  # the card says why it is not started, and has its button
        except Exception:
            log.exception("a plan that was overtaken could not be made again", plan=stored.id)
            return None
        return await self._approvals.unlike(Proposal(request, stored.command, arguments, plan, replaces=stored.id), now)
