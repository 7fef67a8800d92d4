"""Channel names and their ids: posting takes both, everything else wants the id."""

import re
from typing import Final

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.calls import SlackTrouble, call

_ID: Final = re.compile(r"[CDGUW][A-Z0-9]+")
_PAGES: Final = 50


class Channels:
    """Finds ids by name and remembers them."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._known: dict[str, str] = {}

    def learn(self, name: str, found: str) -> None:
        """Remember the id that Slack gave for this name."""
        if found:
            self._known[name] = found

    async def id_of(self, channel: str) -> str:
        """Return the id of ``#name`` (or the id itself); the empty string where there is none or the bot sees none.

        Raises SlackTrouble where Slack cannot be asked now.
        """
        if _ID.fullmatch(channel):
            return channel
        if channel not in self._known:
            self.learn(channel, await self._search(channel.removeprefix("#")))
        return self._known.get(channel, "")

    async def _search(self, name: str) -> str:
        cursor = ""
        for _ in range(_PAGES):
            page = await call(
                self._client.conversations_list(
                    types="public_channel,private_channel", exclude_archived=True, limit=1000, cursor=cursor
                )
            )
            for channel in page["channels"]:
                if channel.get("name") == name:
                    return str(channel["id"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                return ""
        raise SlackTrouble("refused", "too many channels to search")
