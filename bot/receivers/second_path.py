"""The second path: what is critical and Slack has not confirmed in time goes to PagerDuty and by mail, once."""

from collections.abc import Callable
from datetime import datetime

import structlog

from bot.alerting.notify import Places, Ways, places_of
from bot.elapsed import elapsed
from bot.policy import Policy
from bot.reply import Level, Reply, Text
from bot.stores.message import CRITICAL, Delivery, Message, mails_of, page_key, page_of
from bot.stores.outbox import Outbox
from bot.stores.unconfirmed import Unconfirmed


class SecondPath:
    """Looks at each tick for what Slack has not confirmed within the policy's ``second_path_after``."""

    def __init__(self, unconfirmed: Unconfirmed, outbox: Outbox, *, policy: Callable[[], Policy], ways: Ways) -> None:
        self._unconfirmed, self._outbox = unconfirmed, outbox
        self._policy, self._ways = policy, ways
        self._log = structlog.get_logger("bot.receivers")

    async def tick(self, now: datetime) -> None:
        """Put the pages and mails for what is late; over all replicas each message goes once."""
        policy = self._policy()
        places = places_of((policy.second_path,), policy.receivers, self._ways)
        if not (places.pagerduty or places.addresses):
            return
        for key in await self._unconfirmed.keys(now - policy.second_path_after):
            await self._divert(key, places, now)

    async def _divert(self, key: str, places: Places, now: datetime) -> None:
        async with self._unconfirmed.database.transaction() as connection:
            if not await self._unconfirmed.take(key, now, connection):
                return
            late = await self._outbox.posted(key, connection)
            if late is None or late.body.level is Level.OK:  # it is over before anybody heard of it
                return
            page = await self._outbox.posted(page_key(_about(late)), connection)
            is_in_hand = page is not None and page.page is not None and page.page.action != "trigger"
            for message in _messages(late, places, now, paged=places.pagerduty and not is_in_hand):
                await self._outbox.put(message, now, connection=connection)
        self._log.warning("Slack has not confirmed a critical message, it goes the second path", key=key)


def _messages(late: Delivery, places: Places, now: datetime, *, paged: bool) -> list[Message]:
    body = _said(late, now)
    what = f"second-path:{late.created_at.isoformat()}"
    mails = mails_of(_about(late), what, places.addresses, body, priority=CRITICAL)
    return [*([page_of("trigger", _about(late), body, "critical")] if paged else []), *mails]


def _about(late: Delivery) -> str:
    return late.incident or late.key


def _said(late: Delivery, now: datetime) -> Reply:
    why = f" ({late.error})" if late.error else ""
    words = f"Slack has not taken this message for {elapsed(now - late.created_at)}{why}: look here, not in Slack."
    return late.body.model_copy(update={"parts": (Text.of(words), *late.body.parts)})
