"""What people do on call: accept a hand-over, call a level, take a page in hand, say that it is over."""

from collections.abc import Callable, Iterable
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.handover_card import accepted, handover_key
from bot.alerting.notify import Ways
from bot.alerting.page_card import Standing, page_card, page_ring
from bot.alerting.paging import Paging
from bot.alerting.ways import page_elsewhere, page_told_elsewhere
from bot.plan import operation
from bot.policy import Policy
from bot.stores.database import Database
from bot.stores.escalations import Call, Escalations, called_already, is_on_record
from bot.stores.handovers import Handovers
from bot.stores.incidents import Incidents
from bot.stores.message import CARD, Message
from bot.stores.outbox import Outbox
from bot.stores.pages import Page, Paged, Pages


class OnCallActions:
    """The operations of ``/oncall accept``, ``/page`` and a page's ``/ack``; each is safe to repeat."""

    def __init__(
        self, database: Database, policy: Callable[[], Policy], *, ways: Ways, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._policy = policy
        self._ways = ways
        self._clock = clock
        self._outbox = Outbox(database)
        self._handovers, self._pages, self._calls = Handovers(database), Pages(database), Escalations(database)
        self._incidents, self._paging = Incidents(database), Paging(database, policy, ways=ways)

    @operation
    async def accept(self, handover: str, by: str) -> dict[str, JsonValue]:
        """Record who has accepted a hand-over, and show it on its card."""
        now, key = self._clock(), handover_key(handover)
        async with self._database.transaction() as connection:
            is_first = await self._handovers.accept(handover, by, now, connection)
            card = await self._outbox.posted(key, connection)
            if is_first and card is not None:
                message = Message(key, self._ways.channel, accepted(card.body, by, now), CARD)
                await self._outbox.put(message, now, connection=connection)
        return {"changed": is_first, "message": f"{by} has accepted it" if is_first else "somebody has accepted it"}

    @operation
    async def page(self, page: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Call a level now, by every way there is; for what a page is open for already, in that page."""
        new = Page.model_validate(page)
        async with self._database.transaction() as connection:
            await self._incidents.lock(connection)  # one page at a time, over all replicas
            if await self._pages.add(new, connection):
                await self._first(new, connection)
                return {"changed": True, "message": "called"}
            found = await self._pages.open_for(new.reason, connection)
            if found is None or found.page.id == new.id:
                return {"changed": False, "message": "was called already"}
            return await self._again(new, found, connection)

    async def _first(self, new: Page, connection: AsyncConnection) -> None:
        await self._calls.add([_call(new)], connection)
        standing, policy = await self._paging.standing(Paged(new), self._clock(), connection), self._policy()
        card = page_card(standing, policy, self._ways.channel)
        await self._put([card, *page_elsewhere(standing, policy, self._ways)], connection)

    async def _again(self, new: Page, found: Paged, connection: AsyncConnection) -> dict[str, JsonValue]:
        """Call a level for a page that is open, unless it was called for it lately, or a higher one was."""
        name, policy, now = found.page.incident, self._policy(), self._clock()
        calls = (await self._calls.of([name], connection)).get(name, [])
        if is_on_record(calls, new.level, new.at):
            return {"changed": False, "message": f"was called already, as {name}"}
        if last := called_already(calls, new.level, new.at):
            return {"changed": False, "message": f"{name} is open for this: {last.sentence(policy.name, now)}"}
        again = new.model_copy(update={"id": found.page.id})
        await self._calls.over([name], now, connection)
        await self._calls.add([_call(again, sum(call.began_at == again.at for call in calls) + 1)], connection)
        await self._pages.called(again.id, again.level, again.people, connection)
        await self._show(again.id, connection)
        elsewhere = page_elsewhere(Standing(Paged(again)), policy, self._ways, f"call:{again.at:%Y%m%dT%H%M%S%f}")
        await self._put([page_ring(again, policy, self._ways.channel), *elsewhere], connection)
        return {"changed": True, "message": f"called for {name}, which is open for this"}

    @operation
    async def acknowledge(self, page: str, by: str) -> dict[str, JsonValue]:
        """Record who has a page in hand, on its card and in PagerDuty; nobody further is called."""
        async with self._database.transaction() as connection:
            await self._incidents.lock(connection)
            is_first = await self._pages.acknowledge(page, by, self._clock(), connection)
            if is_first:
                await self._over(page, connection)
        return {"changed": is_first, "message": f"{by} has it" if is_first else "somebody has it, or it is over"}

    @operation
    async def end(self, page: str, by: str) -> dict[str, JsonValue]:
        """Record that a page is over, on its card, in PagerDuty and by mail to whom it was mailed."""
        async with self._database.transaction() as connection:
            await self._incidents.lock(connection)
            is_first = await self._pages.end(page, by, self._clock(), connection)
            if is_first:
                await self._over(page, connection)
        return {"changed": is_first, "message": "it is over" if is_first else "it was over already"}

    async def _over(self, page: str, connection: AsyncConnection) -> None:
        """End the calls about a page, and tell everybody who was told of it how it stands now."""
        standing = await self._show(page, connection)
        name = standing.paged.page.incident
        await self._calls.over([name], self._clock(), connection)
        told = (await self._outbox.told([name], connection))[name]
        await self._put(page_told_elsewhere(standing, self._policy(), told), connection)

    async def _show(self, page: str, connection: AsyncConnection) -> Standing:
        """Show on a page's card how it stands now."""
        paged = await self._pages.get(page, connection)
        assert paged is not None  # noqa: S101 - its row was changed a moment ago
        standing = await self._paging.standing(paged, self._clock(), connection)
        await self._put([page_card(standing, self._policy(), self._ways.channel)], connection)
        return standing

    async def _put(self, messages: Iterable[Message], connection: AsyncConnection) -> None:
        for message in messages:
            await self._outbox.put(message, self._clock(), connection=connection)


def _call(page: Page, number: int = 1) -> Call:
    """Return the call with which a round begins; ``number`` tells those of one moment apart."""
    return Call(page.incident, page.at, number, page.level, page.at, page.people)
