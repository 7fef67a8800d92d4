"""Where the bot's own messages stand in Slack."""

import asyncio
from typing import Final

from slack_sdk.web.async_client import AsyncWebClient

from bot.attempt import together
from bot.reply import Link, Note, Part, Reply, Span, Text
from bot.slack.calls import SlackTrouble, call
from bot.stores.outbox import Outbox

WITHIN: Final = 3.0  # seconds for all addresses of a message together: it goes out without those that are slow


class Links:
    """Finds the address of a message by its key in the outbox."""

    def __init__(self, outbox: Outbox, client: AsyncWebClient) -> None:
        self._outbox = outbox
        self._client = client

    async def resolved(self, reply: Reply) -> Reply:
        """Return the reply with the address of every message it leads to, as far as there is one."""
        return reply.model_copy(update={"parts": tuple(await together(*map(self._part, reply.parts)))})

    async def permalink(self, channel: str, ts: str) -> str:
        """Return the address of a message; the empty string where Slack does not give it."""
        try:
            async with asyncio.timeout(WITHIN):
                return str((await call(self._client.chat_getPermalink(channel=channel, message_ts=ts)))["permalink"])
        except (SlackTrouble, TimeoutError):
            return ""

    async def _part(self, part: Part) -> Part:
        if not isinstance(part, Text | Note) or not any(isinstance(span, Link) for span in part.spans):
            return part
        return part.model_copy(update={"spans": tuple(await together(*map(self._span, part.spans)))})

    async def _span(self, span: Span) -> Span:
        if not isinstance(span, Link):
            return span
        found = await self._outbox.posted(span.key)
        if found is None or not found.posted_ts:
            return span
        return span.model_copy(update={"url": await self.permalink(found.posted_channel, found.posted_ts)})
