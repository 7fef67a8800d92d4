"""What people do on call: accept a hand-over, call a level, take a page in hand, say that it is over."""

from collections.abc import Callable
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.handover_card import accepted, handover_key
from bot.alerting.notify import Ways
from bot.alerting.page_card import page_card
from bot.alerting.ways import page_elsewhere, page_told_elsewhere
from bot.plan import operation
from bot.policy import Policy
from bot.stores.database import Database
from bot.stores.handovers import Handovers
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
        self._handovers, self._pages = Handovers(database), Pages(database)

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
        """Call a level now, by every way there is."""
        new, policy = Paged(Page.model_validate(page)), self._policy()
        async with self._database.transaction() as connection:
            is_new = await self._pages.add(new.page, connection)
            said = [page_card(new, policy, self._ways.channel), *page_elsewhere(new, policy, self._ways)]
            for message in said if is_new else ():
                await self._outbox.put(message, self._clock(), connection=connection)
        return {"changed": is_new, "message": "called" if is_new else "was called already"}

    @operation
    async def acknowledge(self, page: str, by: str) -> dict[str, JsonValue]:
        """Record who has a page in hand, on its card and in PagerDuty."""
        async with self._database.transaction() as connection:
            is_first = await self._pages.acknowledge(page, by, self._clock(), connection)
            if is_first:
                await self._show(page, connection)
        return {"changed": is_first, "message": f"{by} has it" if is_first else "somebody has it, or it is over"}

    @operation
    async def end(self, page: str, by: str) -> dict[str, JsonValue]:
        """Record that a page is over, on its card, in PagerDuty and by mail to whom it was mailed."""
        async with self._database.transaction() as connection:
            is_first = await self._pages.end(page, by, self._clock(), connection)
            if is_first:
                await self._show(page, connection)
        return {"changed": is_first, "message": "it is over" if is_first else "it was over already"}

    async def _show(self, page: str, connection: AsyncConnection) -> None:
        """Tell everybody who was told of a page how it stands now."""
        paged, policy = await self._pages.get(page, connection), self._policy()
        assert paged is not None  # noqa: S101 - its row was changed a moment ago
        name = paged.page.incident
        told = (await self._outbox.told([name], connection))[name]
        card = page_card(paged, policy, self._ways.channel)
        for message in (card, *page_told_elsewhere(paged, policy, told)):
            await self._outbox.put(message, self._clock(), connection=connection)
