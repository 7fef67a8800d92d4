"""The one message that the self-test edits."""

from datetime import datetime
from typing import Any, Final

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.calls import SlackTrouble, call
from bot.slack.channels import Channels
from bot.slack.delivery import marker
from bot.slack.pace import Pace
from bot.stores.self_tests import Place, SelfTests

MARKER: Final = marker("self-test")
_PAGES: Final = 5
_GONE: Final = "message_not_found"


class TestedMessage:
    """Posts it once and edits it from then on; one whose place was lost is looked for before it is posted again."""

    def __init__(self, client: AsyncWebClient, store: SelfTests, pace: Pace) -> None:
        self._client, self._store, self._pace = client, store, pace
        self._channels = Channels(client)

    async def write(self, channel: str, at: datetime) -> Place:
        """Let the message say the test of this moment, and return where it stands; raises SlackTrouble."""
        place = await self._store.place(channel) or await self._find(channel)
        if place is None:
            return await self._post(channel, at)
        self._pace.edit()
        try:
            await call(self._client.chat_update(channel=place.channel, ts=place.ts, **_content(at)))
        except SlackTrouble as trouble:
            if trouble.error == _GONE:
                await self._store.forget(place)
            raise
        return place

    async def _post(self, channel: str, at: datetime) -> Place:
        if wait := self._pace.posts_wait():
            raise SlackTrouble("limited", "ratelimited", wait)
        self._pace.post(channel)
        answer = await call(self._client.chat_postMessage(channel=channel, **_content(at)))
        return Place(str(answer["channel"]), str(answer["ts"]))

    async def _find(self, channel: str) -> Place | None:
        """Look through the channel's newest messages: posting blindly would leave one at every lost answer."""
        found = await self._channels.id_of(channel)
        if not found:
            raise SlackTrouble("refused", "channel_not_found")
        cursor = ""
        for _ in range(_PAGES):
            page = await call(self._client.conversations_history(channel=found, limit=200, cursor=cursor or None))
            for message in page["messages"]:
                if any(block.get("block_id") == MARKER for block in message.get("blocks") or ()):
                    return Place(found, str(message["ts"]))
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                break
        return None


def _content(at: datetime) -> dict[str, Any]:
    """Return the message; its text carries the test, which Slack hands back in the event."""
    words = (
        "The bot edits this message to see whether Slack still delivers to it. Please leave it here. "
        f"Last at {at:%H:%M:%S} UTC, test {int(at.timestamp())}."
    )
    element = {"type": "mrkdwn", "text": words, "verbatim": True}
    return {"text": words, "blocks": [{"type": "context", "block_id": MARKER, "elements": [element]}]}
