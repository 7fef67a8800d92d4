"""Watches who has level 1, hands over when it changes, and calls a level when somebody asks for it."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.calling import page_message
from bot.alerting.handover_card import Situation, accepted, handover_card, handover_key, overdue
from bot.alerting.notify import Ways
from bot.alerting.ways import page_elsewhere
from bot.plan import operation
from bot.policy import Policy
from bot.rota import Rota, Turn
from bot.stores.database import Database
from bot.stores.freezes import Freezes
from bot.stores.handovers import Handover, Handovers
from bot.stores.incidents import Incidents
from bot.stores.outbox import CARD, Message, Outbox
from bot.stores.overrides import Overrides
from bot.stores.pages import Page, Pages
from bot.stores.plans import Plans
from bot.stores.runs import Runs
from bot.stores.silences import Silences

# A change back within so long is a replica that has not read the changed policy yet.
SETTLES: Final = timedelta(minutes=1)


class Shifts:
    """The tick of the hand-overs, and the operations of ``/oncall accept`` and ``/page``; safe to repeat."""

    def __init__(
        self, database: Database, policy: Callable[[], Policy], *, ways: Ways, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._policy = policy
        self._ways = ways
        self._channel = ways.channel
        self._clock = clock
        self._outbox = Outbox(database)
        self._handovers, self._overrides, self._pages = Handovers(database), Overrides(database), Pages(database)

    async def tick(self, now: datetime) -> None:
        """Hand over where somebody else has level 1 than when it was last looked at."""
        policy = self._policy()
        if not policy.oncall.levels:
            return
        rota = Rota(policy.oncall, await self._overrides.standing(now))
        turn, last = rota.on_call(1, now), await self._handovers.latest()
        if last is None:
            await self._begin(turn.people, now)
        elif last.after == turn.people:
            await self._say_overdue(last, policy, now)
        elif await self._is_settled(turn, last, now):
            await self._hand_over(_following(last, turn.people, now), policy, turn.until)

    @operation
    async def accept(self, handover: str, by: str) -> dict[str, JsonValue]:
        """Record who has accepted a hand-over, and show it on its card."""
        now, key = self._clock(), handover_key(handover)
        async with self._database.transaction() as connection:
            is_first = await self._handovers.accept(handover, by, now, connection)
            card = await self._outbox.posted(key, connection)
            if is_first and card is not None:
                message = Message(key, self._channel, accepted(card.body, by, now), CARD)
                await self._outbox.put(message, now, connection=connection)
        return {"changed": is_first, "message": f"{by} has accepted it" if is_first else "somebody has accepted it"}

    @operation
    async def page(self, page: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Call a level now, by every way there is."""
        new, now = Page.model_validate(page), self._clock()
        async with self._database.transaction() as connection:
            is_new = await self._pages.add(new, connection)
            policy = self._policy()
            elsewhere = page_elsewhere(new, policy, self._ways)
            for message in (page_message(new, policy, self._channel), *elsewhere) if is_new else ():
                await self._put(message, now, connection)
        return {"changed": is_new, "message": "called" if is_new else "was called already"}

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
            running=await Runs(self._database).running(),
            freezes=await Freezes(self._database).in_force(now),
            until=until,
        )

    async def _put(self, message: Message, now: datetime, connection: AsyncConnection) -> None:
        await self._outbox.put(message, now, connection=connection)


def _following(last: Handover, people: tuple[str, ...], now: datetime) -> Handover:
    """Return the change after the last one; all replicas give it the same id, so that one of them says it."""
    name = hashlib.sha256("\n".join((last.id, *people)).encode()).hexdigest()[:12]
    return Handover(name, now, last.after, people)
