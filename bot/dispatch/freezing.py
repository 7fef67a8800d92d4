"""Tells the alerts channel when a freeze begins and when it has ended, by itself too, and its cards with it."""

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.dispatch.notices import Notices
from bot.freeze import EVERYTHING, Freeze
from bot.reply import Level, Link, Note, Part, Person, Reply, Span, Text, When, say
from bot.stores.database import Database
from bot.stores.freeze_records import FreezeRecord, FreezeRecords
from bot.stores.freezes import Freezes
from bot.stores.plans import Plans, StoredPlan

log = structlog.get_logger(__name__)


class Freezing:
    """Looks at the freezes whose start or end nobody was told of; over all replicas each is said once."""

    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._records, self._freezes, self._plans = FreezeRecords(database), Freezes(database), Plans(database)
        self._notices = notices

    async def tick(self, now: datetime) -> None:
        """Say what is to be said; one freeze's trouble does not hold up the others."""
        for record in await self._records.unsaid(now):
            try:
                await self._say(record, now)
            except Exception:
                log.exception("a freeze could not be announced", freeze=record.freeze.id)

    async def _say(self, record: FreezeRecord, now: datetime) -> None:
        freeze, ended_at = record.freeze, record.end(now)
        plan = await self._plans.of_request(freeze.id)
        key = f"freeze:{freeze.id}"
        async with self._database.transaction() as connection:
            if not record.is_announced and await self._records.announce(connection, freeze.id, now):
                await self._notices.announce(connection, key, _begun(freeze, plan), now)
            if ended_at is None or not await self._records.close(connection, freeze.id, ended_at, now):
                return
            how = await self._records.ended(connection, freeze.id)
            await self._notices.announce(connection, key, _over(freeze, how), now)
            others = await self._freezes.in_force(now, connection)
            await self._notices.announce(connection, f"{key}:ended", _ended(freeze, how, others), now)
            await self._card(connection, plan.id if plan else "", now)

    async def _card(self, connection: AsyncConnection, plan_id: str, now: datetime) -> None:
        if plan_id:
            await self._notices.card(connection, plan_id, now)


def _what(freeze: Freeze) -> str:
    return "every change" if freeze.scope == EVERYTHING else f"changes of {freeze.scope}"


def _who(freeze: Freeze) -> tuple[Span, ...]:
    return ("Set by ", Person(id=freeze.actor.id, name=freeze.actor.name), " at ", When(at=freeze.since))


def _begun(freeze: Freeze, plan: StoredPlan | None) -> Reply:
    parts: list[Part] = [
        Text.of(*_who(freeze), ", until ", When(at=freeze.until), ". It ends by itself, or with /freeze off."),
        Note.of("Refused everywhere, also what is approved and has not started. What runs goes on to its end."),
    ]
    if plan:
        parts += [Note.of(said) for said in plan.plan.blast_radius[1:]]
        parts.append(Text.of("See ", Link(text=f"the card of {plan.id}", key=f"plan:{plan.id}"), "."))
    return say(f"Frozen: {_what(freeze)}", *parts, level=Level.WARNING)


def _over(freeze: Freeze, how: str) -> Reply:
    return say(f"Freeze of {_what(freeze)}: {how}", Text.of(*_who(freeze), ", it was to last until ", _end(freeze)))


def _end(freeze: Freeze) -> When:
    return When(at=freeze.until)


def _ended(freeze: Freeze, how: str, others: list[Freeze]) -> Reply:
    still = [f"Still frozen: {_what(one)}, by {one.actor.name} until {one.until:%Y-%m-%d %H:%M} UTC." for one in others]
    allowed = "\n".join(still) or "Nothing is frozen any longer."
    key = f"freeze:{freeze.id}"
    where = Note.of("It was announced in ", Link(text="this message", key=key), ".")
    level = Level.WARNING if others else Level.OK
    return say(f"The freeze of {_what(freeze)} has ended", Text.of(f"It {how}.\n{allowed}"), where, level=level)
