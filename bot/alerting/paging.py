"""Pages that are open: level after level is called for what nobody has, and whoever has one is reminded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.escalate import escalate, following
from bot.alerting.escalation import Escalating, Moment
from bot.alerting.notify import Ways
from bot.alerting.page_card import Standing, page_card, page_incident
from bot.policy import Policy
from bot.stores.database import Database
from bot.stores.escalations import Call, Escalations, round_of
from bot.stores.incidents import Incident, Incidents
from bot.stores.message import Message
from bot.stores.outbox import Outbox
from bot.stores.pages import Paged, Pages


@dataclass(frozen=True)
class Look:
    """What one look at the open pages found: them as incidents, the calls that are due, the cards that are outdated."""

    moment: Moment
    incidents: dict[str, Incident]
    due: list[Call]
    cards: list[Message]


class Paging:
    """The tick of the pages, by the escalation that alerts go by; all it knows is in the database.

    It depends on no schedule, and neither freezes nor silences stop it.
    """

    def __init__(self, database: Database, policy: Callable[[], Policy], *, ways: Ways) -> None:
        self._database = database
        self._policy = policy
        self._ways = ways
        self._outbox, self._pages, self._calls = Outbox(database), Pages(database), Escalations(database)
        self._incidents = Incidents(database)
        self._escalating = Escalating(database, self._outbox, ways)

    async def tick(self, now: datetime) -> None:
        """Do what is due; where nothing is, nothing is written."""
        async with self._database.reading() as connection:
            found = await self._look(now, connection)
            if not found.due and not found.cards:
                reminders = await self._escalating.reminders(found.incidents.values(), found.moment, connection)
                if not reminders:
                    return
        async with self._database.transaction() as connection:
            await self._incidents.lock(connection)
            found = await self._look(now, connection)
            await self._calls.add(found.due, connection)
            for card in found.cards:
                await self._outbox.put(card, now, connection=connection)
            await self._escalating.say(found.incidents, found.due, found.moment, connection)

    async def standing(self, paged: Paged, now: datetime, connection: AsyncConnection) -> Standing:
        """Return a page as its card shows it, as the transaction sees it."""
        moment = await self._escalating.moment(self._policy(), now, connection)
        calls = await self._calls.of([paged.page.incident], connection)
        return _standing(paged, calls.get(paged.page.incident, []), moment)

    async def _look(self, now: datetime, connection: AsyncConnection) -> Look:
        moment = await self._escalating.moment(self._policy(), now, connection)
        paged = {one.page.incident: one for one in await self._pages.newest(connection)}
        made = await self._calls.of(paged.keys(), connection) if paged else {}
        policy = moment.policy
        incidents = {name: page_incident(Standing(one), policy) for name, one in paged.items()}
        # A page from before its calls were on record goes on as it began.
        known = [incidents[name] for name in made]
        rounds = {name: round_of(calls) for name, calls in made.items()}
        due = escalate(known, rounds, moment.rota, policy.escalation, now)
        for call in due:
            made[call.incident].append(call)
        standing = [_standing(one, made.get(name, []), moment) for name, one in paged.items()]
        return Look(moment, incidents, due, await self._outdated(standing, moment, connection))

    async def _outdated(
        self, standing: Sequence[Standing], moment: Moment, connection: AsyncConnection
    ) -> list[Message]:
        """Return the cards that show anything else than what was put last."""
        cards = [page_card(one, moment.policy, self._ways.channel) for one in standing]
        told = await self._outbox.told([card.incident for card in cards], connection) if cards else {}
        shown = {one.key: one.body for several in told.values() for one in several}
        return [card for card in cards if shown.get(card.key) != card.body]


def _standing(paged: Paged, calls: Sequence[Call], moment: Moment) -> Standing:
    ahead = following(round_of(calls), moment.rota, moment.policy.escalation, moment.now) if calls else None
    return Standing(paged, tuple(calls), ahead)
