"""The outside watch of the bot itself: a ping that only comes while all is well; its address is a secret."""

from typing import Final

import httpx

from bot.clients.deadline import deadline
from bot.errors import NotConfigured, Unavailable
from bot.settings import PagingSettings

WITHIN: Final = 10.0  # seconds
_SYSTEM: Final = "The dead-man's switch"


class DeadmanSwitch:
    """Calls ``DEADMAN_URL``, such as a check of Healthchecks or Dead Man's Snitch."""

    def __init__(self, settings: PagingSettings, *, within: float = WITHIN) -> None:
        self._url = settings.deadman_url
        self._within = within

    @property
    def is_configured(self) -> bool:
        """Whether anybody waits for the ping."""
        return self._url is not None

    async def ping(self) -> None:
        """Say that all is well; raises Unavailable, without the address, where nobody took it."""
        if self._url is None:
            raise NotConfigured(_SYSTEM, "DEADMAN_URL")
        async with deadline(_SYSTEM, self._within):
            try:
                async with httpx.AsyncClient(timeout=self._within) as client:
                    answer = await client.get(self._url.get_secret_value())
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                # The library's words may hold the address.
                raise Unavailable(_SYSTEM, type(error).__name__) from None
        if not answer.is_success:
            raise Unavailable(_SYSTEM, f"HTTP {answer.status_code}")
