"""PagerDuty's Events API v2: trigger, acknowledge and resolve, each confirmed by a 202 or not at all."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

from httpx2 import ConnectError, ConnectTimeout, Response
from pagerduty import EventsApiV2Client
from pagerduty.errors import Error, ServerHttpError

from bot.clients.deadline import reason
from bot.clients.not_delivered import NotDelivered, retry_after
from bot.errors import NotConfigured
from bot.masking import STARS, cut, mask
from bot.settings import PagingSettings

READ_WITHIN: Final = 8.0  # seconds between two signs of life of a connection
WITHIN: Final = 12.0  # seconds for one event in all
SUMMARY: Final = 1024  # characters, as PagerDuty's schema says
DEDUP_KEY: Final = 255
_DETAILS: Final = 20_000  # PagerDuty takes events of 512 kB
_THREADS: Final = 4
_LIMITED: Final = 429
_ERROR: Final = 300


class _Client(EventsApiV2Client):
    """The library's client without its own repeats: when to try again is the outbox's to know.

    It takes addresses with TLS only, and so does this one, but for this machine's own.
    """

    max_network_attempts = 0

    def __init__(self, key: str, url: str, seconds: float) -> None:
        super().__init__(key)
        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise NotDelivered("refused", "PAGERDUTY_API_URL has to begin with https://")
        self._address = url.rstrip("/")
        self.retry = {}
        self.timeout = seconds  # type: ignore[assignment] # handed to httpx2, which takes fractions

    def normalize_url(self, url: str) -> str:
        """Return the whole address of a path."""
        return f"{self._address}/{url.lstrip('/')}"

    def postprocess(self, response: Response) -> None:
        """Stop at a 429, which the library would sleep and repeat for as long as it comes."""
        if response.status_code == _LIMITED:
            raise NotDelivered("limited", "HTTP 429", retry_after(response.headers.get("Retry-After", "")))


class PagerDuty:
    """Sends events for one integration. The library waits in threads of its own, at most four at a time."""

    def __init__(self, settings: PagingSettings, *, read_within: float = READ_WITHIN, within: float = WITHIN) -> None:
        self._key = settings.pagerduty_routing_key
        self._url = settings.pagerduty_api_url
        self._read_within, self._within = read_within, within
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pagerduty")

    @property
    def is_configured(self) -> bool:
        """Whether there is a routing key."""
        return self._key is not None

    async def close(self) -> None:
        """Take no more events; what is under way ends by its own deadline."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def trigger(self, dedup_key: str, summary: str, *, severity: str, since: datetime, details: str = "") -> None:
        """Open an incident there, or add to the open one of the same key; raises NotDelivered and NotConfigured."""
        payload = {
            "summary": cut(summary, SUMMARY),
            "source": "novapulse",
            "severity": severity,
            "timestamp": since.isoformat(),
            "component": "novapulse-bot",
            "custom_details": {"card": cut(details, _DETAILS)},
        }
        await self._send("trigger", dedup_key, payload=payload, client="NovaPulse bot")

    async def acknowledge(self, dedup_key: str) -> None:
        """Say that somebody has it in hand; raises NotDelivered and NotConfigured."""
        await self._send("acknowledge", dedup_key)

    async def resolve(self, dedup_key: str) -> None:
        """Say that it is over; raises NotDelivered and NotConfigured."""
        await self._send("resolve", dedup_key)

    async def _send(self, action: str, dedup_key: str, **properties: Any) -> None:
        if self._key is None:
            raise NotConfigured("PagerDuty", "PAGERDUTY_ROUTING_KEY")
        key = self._key.get_secret_value()

        def send() -> None:
            with _Client(key, self._url, self._read_within) as client:
                client.send_event(action, dedup_key=dedup_key[:DEDUP_KEY], **properties)

        try:
            async with asyncio.timeout(self._within):
                await asyncio.get_running_loop().run_in_executor(self._threads, send)
        except TimeoutError:
            raise NotDelivered("doubtful", f"no answer within {self._within:g} s") from None
        except Error as error:
            raise _sorted(error, key) from None


def _sorted(error: Error, key: str) -> NotDelivered:
    """Sort a failure of the library; what it says holds the address and may hold the key."""
    response: Response | None = error.response
    if response is None:
        kind = "temporary" if isinstance(error.__cause__, ConnectError | ConnectTimeout) else "doubtful"
        return NotDelivered("temporary" if kind == "temporary" else "doubtful", _words(error.__cause__ or error, key))
    words = f"HTTP {response.status_code}"
    if isinstance(error, ServerHttpError):
        return NotDelivered("doubtful", words if response.status_code >= _ERROR else f"{words} without a dedup_key")
    return NotDelivered("refused", f"{words}: {_clean(response.text, key)}")


def _words(error: BaseException, key: str) -> str:
    return _clean(reason(error), key) or type(error).__name__


def _clean(text: str, key: str) -> str:
    return cut(" ".join(mask(text.replace(key, STARS)).split()), 200)
