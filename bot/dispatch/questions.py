"""Steps that a person does outside: the question on the card, and the click that answers it."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Final

from bot import access
from bot.dispatch.notices import Notices
from bot.dispatch.planner import Planner
from bot.errors import Refused
from bot.masking import cut, mask
from bot.policy import PolicyInForce
from bot.request import Decision
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan, Vote
from bot.stores.runs import Runs

LOOK: Final = 1.0  # seconds between two looks for an answer that another process took
_REASON_LIMIT: Final = 500


class Questions:
    """Takes the answers to ``ask`` steps and lets a run wait for them; they survive a restart in the store."""

    def __init__(self, database: Database, planner: Planner, notices: Notices, policy: PolicyInForce) -> None:
        self._database = database
        self._plans, self._runs = Plans(database), Runs(database)
        self._planner = planner
        self._notices = notices
        self._policy = policy
        self._answered = asyncio.Condition()

    async def answer(self, decision: Decision, now: datetime) -> str:
        """Record what a person says about the step in ``subject`` (``<run>:<step>``); raises ``Refused``."""
        await self.check(decision)
        run_id, _, number = decision.subject.partition(":")
        reason = cut(mask(decision.reason.strip()), _REASON_LIMIT)
        if decision.action == "deny" and not reason:
            raise Refused("Say why it could not be done, so that the next person knows how things stand.")
        vote = Vote(decision.actor, f"{decision.action}:{number}", reason, now)
        async with self._database.transaction() as connection:
            await self._plans.vote(connection, run_id, vote)
            await self._notices.card(connection, run_id, now)
        async with self._answered:
            self._answered.notify_all()
        return f"step {int(number) + 1}: {'done' if decision.action == 'confirm' else 'could not be done'}"

    async def check(self, decision: Decision) -> None:
        """Raise ``Refused`` where nobody is asked about the step, or this person may not answer."""
        run_id, _, number = decision.subject.partition(":")
        stored = await self._asked(run_id, number)
        needed = self._planner.command(stored.command).change_permission
        refusal = access.refusal(self._policy.current, decision.actor, needed)
        if refusal is not None:
            raise refusal

    async def wait(self, run_id: str, number: int, seconds: float) -> Vote | None:
        """Return the first answer to this step's question, or None where none came within ``seconds``."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            for vote in await self._plans.votes(run_id):
                if vote.action in (f"confirm:{number}", f"deny:{number}"):
                    return vote
            left = until - loop.time()
            if left <= 0:
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK)), self._answered:
                    await self._answered.wait()

    async def _asked(self, run_id: str, number: str) -> StoredPlan:
        stored, run = await self._plans.get(run_id), await self._runs.get(run_id)
        if stored is None or run is None:
            raise Refused(f"There is no run {run_id}.")
        asked = [step for step in run.steps if str(step.number) == number and step.status == "running"]
        if run.status != "running" or not asked or stored.plan.steps[asked[0].number].kind != "ask":
            raise Refused("Nobody is asked about this step now: this changes nothing.")
        return stored
