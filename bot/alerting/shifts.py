"""Watches who has level 1, and hands over when it changes."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.handover_card import Running, Situation, handover_card, handover_key, overdue
from bot.policy import Policy
from bot.rota import Turn
from bot.stores.database import Database
from bot.stores.freezes import Freezes
from bot.stores.handovers import Handover, Handovers
from bot.stores.incidents import Incidents
from bot.stores.outbox import CARD, Message, Outbox
from bot.stores.overrides import Overrides
from bot.stores.pages import Pages
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Runs
from bot.stores.silences import Silences

# A change back within so long is a replica that has not read the changed policy yet.
SETTLES: Final = timedelta(minutes=1)


class Shifts:
    """The tick of the hand-overs; ``channel`` is the alerts channel, ``line`` says what somebody typed for a plan."""

    def __init__(
        self,
        database: Database,
        policy: Callable[[], Policy],
        *,
        channel: str,
        line: Callable[[StoredPlan], str],
    ) -> None:
        self._database = database
        self._line = line
        self._policy = policy
        self._channel = channel
        self._outbox = Outbox(database)
        self._handovers, self._overrides, self._pages = Handovers(database), Overrides(database), Pages(database)

    async def tick(self, now: datetime) -> None:
        """Hand over where somebody else has level 1 than when it was last looked at."""
        policy = self._policy()
        if not policy.oncall.levels:
            return
        rota = await self._overrides.rota(policy.oncall, now)
        turn, last = rota.on_call(1, now), await self._handovers.latest()
        if last is None:
            await self._begin(turn.people, now)
        elif last.after == turn.people:
            await self._say_overdue(last, policy, now)
        elif await self._is_settled(turn, last, now):
            await self._hand_over(_following(last, turn.people, now), policy, turn.until)

    async def _is_settled(self, turn: Turn, last: Handover, now: datetime) -> bool:
        """Whether a change is no mere difference between two replicas' policies; overrides are the same for all."""
        if turn.people != last.before or turn.source == "override" or now - last.at >= SETTLES:
            return True
        return await self._overrides.ended_since(1, last.at)

    async def _begin(self, people: tuple[str, ...], now: datetime) -> None:
        """Remember who has it at the very first look, which nobody hands over."""
        first = Handover("first", now, (), people)
        async with self._database.transaction() as connection:
            if await self._handovers.add(first, connection):
                await self._handovers.accept(first.id, "", now, connection)

    async def _hand_over(self, new: Handover, policy: Policy, until: datetime | None) -> None:
        found = await self._situation(new.at, until)
        card = handover_card(new, found, policy, new.at)
        async with self._database.transaction() as connection:
            if await self._handovers.add(new, connection):
                await self._put(Message(handover_key(new.id), self._channel, card, CARD), new.at, connection)

    async def _say_overdue(self, last: Handover, policy: Policy, now: datetime) -> None:
        within = policy.escalation.accept_within
        is_open = last.after and last.accepted_at is None and last.overdue_at is None
        if not is_open or not within or now - last.at < within:
            return
        key = handover_key(last.id)
        message = Message(f"{key}:overdue", self._channel, overdue(last, policy, now), CARD, thread_of=key)
        async with self._database.transaction() as connection:
            if await self._handovers.overdue(last.id, now, connection):
                await self._put(message, now, connection)

    async def _situation(self, now: datetime, until: datetime | None) -> Situation:
        return Situation(
            firing=list((await Incidents(self._database).firing()).values()),
            silences=await Silences(self._database).active(now),
            waiting=await Plans(self._database).undecided(),
            running=await self._running(),
            freezes=await Freezes(self._database).in_force(now),
            until=until,
            paged=await self._pages.open(),
        )

    async def _running(self) -> list[Running]:
        plans = Plans(self._database)
        found = [(run, await plans.get(run.id)) for run in await Runs(self._database).running()]
        return [
            Running(run, self._line(plan), plan.requester) if plan else Running(run, run.target, None)
            for run, plan in found
        ]

    async def _put(self, message: Message, now: datetime, connection: AsyncConnection) -> None:
        await self._outbox.put(message, now, connection=connection)


def _following(last: Handover, people: tuple[str, ...], now: datetime) -> Handover:
    """Return the change after the last one; all replicas give it the same id, so that one of them says it."""
    name = hashlib.sha256("\n".join((last.id, *people)).encode()).hexdigest()[:12]
    return Handover(name, now, last.after, people)
