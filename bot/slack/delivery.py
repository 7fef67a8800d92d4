"""Brings one message to Slack: posts it, edits it, or takes the next way where Slack refuses.

What Slack may already have is looked for before it is posted again, by the id of the first block.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.blocks import File, Rendered, render
from bot.slack.calls import CLOSED, DEADLINE, SlackTrouble, call, retry_after
from bot.slack.channels import Channels
from bot.slack.links import Links
from bot.slack.plain import as_text
from bot.stores.outbox import ANSWER, Delivery, Outbox

RESPONSE_USES: Final = 5
RESPONSE_AGE: Final = timedelta(minutes=30)
_PAGES: Final = 5
_CLOCK_SKEW: Final = 120  # seconds between our clock and Slack's
_UPLOAD: Final = 30.0
_NO_EDIT: Final = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_inactive"}
)
_BAD_BLOCKS: Final = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "invalid_arguments", "no_text"}
)


def marker(key: str) -> str:
    """Return the id of a message's first block, by which it is found in a channel's history."""
    return "card:" + hashlib.sha256(key.encode()).hexdigest()[:20]


class Carrier:
    """Knows Slack's ways for one message; what became of it is recorded in the outbox."""

    def __init__(
        self, outbox: Outbox, client: AsyncWebClient, channels: Channels, *, clock: Callable[[], datetime]
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._channels = channels
        self._links = Links(outbox, client)
        self._clock = clock
        self._log = structlog.get_logger("bot.slack")

    async def carry(self, delivery: Delivery) -> None:
        """Bring a claimed delivery to Slack; raises SlackTrouble where it has to be tried again later."""
        delivery = replace(delivery, body=await self._links.resolved(delivery.body))
        if delivery.posted_ts:
            await self._edit(delivery)
        elif delivery.private_to and delivery.private_to != delivery.channel:
            await self._whisper(delivery)
        elif delivery.state != "posting" or not await self._find(delivery):
            await self._post(delivery)

    async def _post(self, delivery: Delivery, link: str = "") -> None:
        rendered = render(delivery.body, marker=marker(delivery.key), files=True)
        if link:
            rendered.blocks.insert(1, _link(link))

        place = await self._place(delivery)

        def post(message: dict[str, Any]) -> Awaitable[Any]:
            return self._client.chat_postMessage(**place, unfurl_links=False, unfurl_media=False, **message)

        answer = await self._try(delivery, rendered, post)
        if answer is None:
            return
        channel, ts = str(answer["channel"]), str(answer["ts"])
        self._channels.learn(delivery.channel, channel)
        if rendered.files:
            await self._outbox.placed(delivery, channel=channel, ts=ts, held=True)
            await self._attach(delivery, channel, ts, rendered.files)
        await self._outbox.sent(delivery, self._clock(), channel=channel, ts=ts)

    async def _place(self, delivery: Delivery) -> dict[str, Any]:
        """Return where a new message goes: the thread it belongs to, or the channel where that has not begun."""
        parent = await self._outbox.posted(delivery.thread_of) if delivery.thread_of else None
        if parent is None or not parent.posted_ts:
            return {"channel": delivery.channel}
        return {"channel": parent.posted_channel, "thread_ts": parent.posted_ts}

    async def _edit(self, delivery: Delivery) -> None:
        rendered = render(delivery.body, marker=marker(delivery.key), files=delivery.sent_version == 0)
        channel, ts = delivery.posted_channel, delivery.posted_ts

        def edit(message: dict[str, Any]) -> Awaitable[Any]:
            return self._client.chat_update(channel=channel, ts=ts, **message)

        try:
            answer = await self._try(delivery, rendered, edit)
        except _Gone as gone:
            await self._anew(delivery, gone.error)
            return
        if answer is not None:
            if rendered.files:
                await self._attach(delivery, channel, ts, rendered.files)
            await self._outbox.sent(delivery, self._clock())

    async def _anew(self, delivery: Delivery, error: str) -> None:
        """Post what can no longer be edited as a new message that names the old one."""
        self._log.warning("a message cannot be edited, it is posted anew", key=delivery.key, error=error)
        link = ""
        if error != "message_not_found":
            link = await self._links.permalink(delivery.posted_channel, delivery.posted_ts)
        await self._outbox.gone(delivery, error)
        await self._post(replace(delivery, posted_channel="", posted_ts=""), link)

    async def _whisper(self, delivery: Delivery) -> None:
        rendered = render(delivery.body, marker=marker(delivery.key))

        def whisper(message: dict[str, Any]) -> Awaitable[Any]:
            return self._client.chat_postEphemeral(channel=delivery.channel, user=delivery.private_to, **message)

        if await self._try(delivery, rendered, whisper) is not None:
            await self._outbox.sent(delivery, self._clock())

    async def _try(
        self, delivery: Delivery, rendered: Rendered, send: Callable[[dict[str, Any]], Awaitable[Any]]
    ) -> Any:
        """Send with blocks, then as plain text, then by the response URL; None where it is settled without an answer.

        Raises SlackTrouble where it has to be tried again later, _Gone where there is nothing to edit any more.
        """
        try:
            return await call(send({"blocks": rendered.blocks, "text": rendered.text}))
        except SlackTrouble as trouble:
            error = _settled(trouble)
        if delivery.posted_ts and error in _NO_EDIT:
            raise _Gone(error)
        if error in _BAD_BLOCKS:
            self._log.error("Slack refuses the blocks, sent as text", key=delivery.key, error=error)
            try:
                return await call(send({"text": as_text(rendered.blocks), "blocks": []}))
            except SlackTrouble as trouble:
                error = _settled(trouble)
        if not await self._respond(delivery, rendered):
            # An alert is never dropped: it goes out once somebody has mended what Slack refuses.
            if delivery.priority < ANSWER or (error in CLOSED and not delivery.response_url):
                raise SlackTrouble("closed", error)
            self._log.error("a message is dropped, Slack refuses it", key=delivery.key, error=error)
            await self._outbox.dropped(delivery, error)
        return None

    async def _respond(self, delivery: Delivery, rendered: Rendered) -> bool:
        """Answer by the response URL; False where there is none, or none that can still be used."""
        now = self._clock()
        if not delivery.response_url or delivery.response_uses >= RESPONSE_USES:
            return False
        if now - delivery.created_at > RESPONSE_AGE:
            return False
        await self._outbox.used_response(delivery)
        private = bool(delivery.private_to)
        body = {"blocks": rendered.blocks, "text": rendered.text, "replace_original": False}
        body["response_type"] = "ephemeral" if private else "in_channel"
        if not await call(self._respond_once(delivery.response_url, body)):
            return False
        await self._outbox.sent(delivery, now)
        return True

    async def _respond_once(self, url: str, body: dict[str, Any]) -> bool:
        timeout = aiohttp.ClientTimeout(total=DEADLINE)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url, json=body) as answer:
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise SlackTrouble("limited", "ratelimited", retry_after(answer.headers))
            if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise SlackTrouble("doubtful", f"HTTP {answer.status} from the response URL")
            return answer.ok

    async def _find(self, delivery: Delivery) -> bool:
        """Look for the message of an attempt whose answer was lost; record where it stands, False where it does not.

        A reply in a thread does not stand in the channel's history: it is not found, and may repeat.
        """
        try:
            channel = await self._channels.id_of(delivery.channel)
            ts = await self._search(channel, delivery) if channel else ""
        except SlackTrouble as trouble:
            # A right that is missing may be missing for days: rather twice than never.
            error = trouble.error if trouble.error == "missing_scope" else _settled(trouble)
            self._log.warning("the channel cannot be searched, so a message may repeat", key=delivery.key, error=error)
            return False
        if ts:
            await self._outbox.placed(delivery, channel=channel, ts=ts)
        return bool(ts)

    async def _search(self, channel: str, delivery: Delivery) -> str:
        """Return the ts of the newest message with this delivery's marker since it was first put; "" for none."""
        wanted, found, cursor = marker(delivery.key), "", ""
        oldest = str(delivery.created_at.timestamp() - _CLOCK_SKEW)
        for _ in range(_PAGES):
            page = await call(
                self._client.conversations_history(channel=channel, oldest=oldest, limit=200, cursor=cursor or None)
            )
            marked = [
                str(message["ts"])
                for message in page["messages"]
                if any(block.get("block_id") == wanted for block in message.get("blocks") or ())
            ]
            found = max([found, *marked])
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if found or not cursor:
                break
        return found

    async def _attach(self, delivery: Delivery, channel: str, ts: str, files: tuple[File, ...]) -> None:
        """Put what was cut into the message's thread, whole; where Slack does not take it, promise no file."""
        try:
            for file in files:
                await call(
                    self._client.files_upload_v2(
                        filename=file.name, title=file.name, content=file.text, channel=channel, thread_ts=ts
                    ),
                    _UPLOAD,
                )
        except SlackTrouble as trouble:
            self._log.warning("the full output cannot be uploaded", key=delivery.key, error=trouble.error)
            short = render(delivery.body, marker=marker(delivery.key))
            await call(self._client.chat_update(channel=channel, ts=ts, blocks=short.blocks, text=short.text))


class _Gone(Exception):
    """What was to be edited cannot be edited any more."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def _settled(trouble: SlackTrouble) -> str:
    """Return the word of a final refusal; anything that may pass is raised again."""
    if trouble.kind != "refused":
        raise trouble
    return trouble.error


def _link(url: str) -> dict[str, Any]:
    text = {"type": "mrkdwn", "text": f"Continues <{url}|an earlier message>", "verbatim": True}
    return {"type": "context", "elements": [text]}
