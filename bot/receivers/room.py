"""The senders of pages and mails, and the second path, as one part of the bot."""

from collections.abc import Callable
from datetime import datetime

from bot.alerting.notify import Ways
from bot.clients.mail import MailServer
from bot.clients.pagerduty import PagerDuty
from bot.policy import Policy
from bot.receivers.carriers import Mails, Pages
from bot.receivers.second_path import SecondPath
from bot.receivers.sender import Sender, Way
from bot.settings import PagingSettings
from bot.stores.database import Database
from bot.stores.outbox import Outbox
from bot.stores.unconfirmed import Unconfirmed


class Receivers:
    """Sends what goes by PagerDuty and by mail; raises UserError for an ``SMTP_URL`` that is none."""

    def __init__(
        self,
        settings: PagingSettings,
        stores: tuple[Database, Outbox],
        *,
        policy: Callable[[], Policy],
        channel: str,
        clock: Callable[[], datetime],
    ) -> None:
        database, self._outbox = stores
        self._pagerduty, mail = PagerDuty(settings), MailServer(settings)
        ways = (Way("pagerduty", Pages(self._pagerduty).carry), Way("mail", Mails(mail).carry))
        self._senders = {way.via: Sender(self._outbox, way, clock=clock) for way in ways}
        address = settings.alerts_email if mail.is_configured else ""
        reached = Ways(channel, self._pagerduty.is_configured, address)
        self._second_path = SecondPath(Unconfirmed(database), self._outbox, policy=policy, ways=reached)

    async def start(self) -> None:
        """Begin to send."""
        for sender in self._senders.values():
            await sender.start(alone=not self._outbox.is_shared)

    async def stop(self) -> None:
        """Send what is due now, for a moment; the rest stays stored."""
        for sender in self._senders.values():
            await sender.stop()
        await self._pagerduty.close()

    async def tick(self, now: datetime) -> None:
        """Look for what has to go the second path."""
        await self._second_path.tick(now)

    async def problem(self, _: datetime) -> str:
        """Say what is wrong with the ways, or the empty string."""
        return "; ".join(f"{via}: {sender.problem}" for via, sender in self._senders.items() if sender.problem)
