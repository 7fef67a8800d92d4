"""How one page and one mail are carried: what PagerDuty and the mail server are asked, by what the row says."""

import hashlib
from typing import Final

from bot.clients.mail import Letter, MailServer
from bot.clients.pagerduty import PagerDuty
from bot.receivers.text import as_text, headline
from bot.stores.message import CRITICAL, Delivery, Page

_NOTHING: Final = "a page without its page"


class Pages:
    """Brings PagerDuty to where the row's newest version is, from wherever it was.

    What it may never have heard of is triggered before it is acknowledged, and need not be resolved. What it may hold
    as acknowledged is resolved before it is triggered again: it rings nobody for an incident that somebody has.
    """

    def __init__(self, pagerduty: PagerDuty) -> None:
        self._pagerduty = pagerduty

    async def carry(self, delivery: Delivery) -> None:
        """Return when PagerDuty has taken it; raises NotDelivered and NotConfigured."""
        page = delivery.page
        if page is None:
            raise ValueError(_NOTHING)
        # An attempt whose answer was lost left the row ``posting``: the trigger may be there.
        is_known = delivery.sent_version > 0 or delivery.state == "posting"
        if page.action == "resolve":
            if is_known:
                await self._pagerduty.resolve(page.dedup_key)
            return
        if page.action == "trigger" and delivery.acknowledged:
            await self._pagerduty.resolve(page.dedup_key)
        if page.action == "trigger" or not delivery.sent_version:
            await self._trigger(delivery, page)
        if page.action == "acknowledge":
            await self._pagerduty.acknowledge(page.dedup_key)

    async def _trigger(self, delivery: Delivery, page: Page) -> None:
        await self._pagerduty.trigger(
            page.dedup_key,
            headline(delivery.body),
            severity=page.severity,
            since=delivery.created_at,
            details=as_text(delivery.body),
        )


class Mails:
    """Sends one mail to its one address; a repeat has the same Message-ID, an incident's mails the same thread."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def carry(self, delivery: Delivery) -> None:
        """Return when the mail server has taken it; raises NotDelivered and NotConfigured."""
        letter = Letter(
            to=delivery.channel,
            subject=headline(delivery.body),
            text=as_text(delivery.body),
            message_id=f"{_name(delivery.key)}.{delivery.version}",
            thread=f"incident.{_name(delivery.incident or delivery.key)}",
            urgent=delivery.priority == CRITICAL,
        )
        await self._server.send(letter)


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]
