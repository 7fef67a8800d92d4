"""The NovaPulse HTTP API, as the deployed system answers."""

import time
from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

import httpx

from bot.clients.api_answers import (
    SYSTEM,
    Answer,
    Health,
    read_health,
    read_metrics,
    read_queue_stats,
    require_ok,
)
from bot.clients.api_session import ApiSession, role_of
from bot.clients.deadline import deadline
from bot.clients.queue_layout import QueueCounts
from bot.errors import Unavailable
from bot.plan import Progress, condition
from bot.settings import ApiSettings

# A longer answer is none that the bot asked for. Those of two calls may be long: the webhooks' logs hold what receivers
# answered, and of the metrics it is the number of samples, each of which takes ten times its text.
BODY_LIMIT: Final = 500_000
LONG_LIMIT: Final = 5_000_000
METRICS_LIMIT: Final = 2_000_000
_UNAUTHORIZED: Final = 401
_FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)


class NovaPulseApi:
    """Reads the API; every call takes its deadline in ``seconds``.

    All of them raise TimedOut, Unavailable or Forbidden; those that need a login raise NotConfigured without one.
    """

    def __init__(
        self,
        settings: ApiSettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._base = settings.novapulse_api_url.rstrip("/")
        self._transport = transport
        self._http: httpx.AsyncClient | None = None
        self._session = ApiSession(settings, self._send, clock=clock, wall=wall)

    async def health(self, *, seconds: float = 5.0) -> Health:
        """Read the API's health; a failing API is an answer too, without components."""
        return read_health(await self._get("/health", seconds))

    @condition
    async def healthy(self) -> Progress:
        """Tell whether the API calls itself healthy; raises as ``health`` does."""
        found = await self.health()
        word = "healthy" if found.ok else "not healthy"
        return Progress(done=found.ok, message=f"the API says that it is {word}: {found.said}")

    async def live(self, *, seconds: float = 5.0) -> Health:
        """Read whether the process lives; it does even while its systems are down."""
        return read_health(await self._get("/health/live", seconds))

    async def ready(self, *, seconds: float = 5.0) -> Health:
        """Read whether the API can serve: MongoDB and Redis only."""
        return read_health(await self._get("/health/ready", seconds))

    async def metrics(self, *, seconds: float = 5.0) -> str:
        """Read the metrics of one replica as exposition text."""
        return read_metrics(await self._get("/metrics", seconds, METRICS_LIMIT))

    async def queue_stats(self, *, seconds: float = 5.0) -> dict[str, QueueCounts]:
        """Read the counters of each queue by its short name; needs a login."""
        return read_queue_stats(await self._get_logged_in("/queue/stats", seconds))

    async def login_works(self, *, seconds: float = 5.0) -> None:
        """Prove the login: renew the one that is held, else log in; a fixed token is tried on a call."""
        self._session.require_configured()
        if self._session.is_fixed:
            require_ok(await self._get_logged_in("/queue/stats", seconds))
            return
        async with deadline(SYSTEM, seconds, *_FAILURES):
            had = self._session.has_token
            token = await self._session.token()
            if had:
                await self._session.renewed(token)

    async def role(self, *, seconds: float = 5.0) -> str | None:
        """Read the role that the login has, or None where its token states none."""
        async with deadline(SYSTEM, seconds, *_FAILURES):
            return role_of(await self._session.token())

    async def call(self, method: str, path: str, *, seconds: float = 5.0, limit: int = BODY_LIMIT) -> Answer:
        """Send a request with the login, and return the answer, at most ``limit`` bytes, whatever its status is."""
        return await self._logged_in(method, path, seconds, limit)

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, self._http = self._http, None
        if client is not None:
            await client.aclose()

    async def _get(self, path: str, seconds: float, limit: int = BODY_LIMIT) -> Answer:
        async with deadline(SYSTEM, seconds, *_FAILURES):
            return await self._sent("GET", path, {}, limit=limit)

    async def _get_logged_in(self, path: str, seconds: float) -> Answer:
        return await self._logged_in("GET", path, seconds)

    async def _logged_in(self, method: str, path: str, seconds: float, limit: int = BODY_LIMIT) -> Answer:
        """Send a request with the token; when it is refused, renew it once and send again."""
        async with deadline(SYSTEM, seconds, *_FAILURES):
            token = await self._session.token()
            answer = await self._sent(method, path, _bearer(token), limit=limit)
            if answer.status != _UNAUTHORIZED:
                return answer
            token = await self._session.renewed(token)
            return await self._sent(method, path, _bearer(token), limit=limit)

    async def _send(self, method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None) -> Answer:
        return await self._sent(method, path, headers, body)

    async def _sent(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: dict[str, Any] | None = None,
        *,
        limit: int = BODY_LIMIT,
    ) -> Answer:
        try:
            async with self._client().stream(method, self._base + path, headers=headers, json=body) as response:
                return Answer(response.status_code, await _read(response, limit), _cookies(response))
        except httpx.TimeoutException as error:
            raise TimeoutError from error

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(
                transport=self._transport,
                # The session sends the cookies itself: a jar would drop secure ones on plain HTTP.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                headers={"Accept": "application/json, text/plain", "User-Agent": "novapulse-bot"},
                # The deadline round each call is the one that counts; this only frees what it leaves behind.
                timeout=httpx.Timeout(60.0),
            )
        return self._http


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _read(response: httpx.Response, limit: int) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > limit:
            raise Unavailable(SYSTEM, f"answered more than {limit:,} bytes")
        parts.append(part)
    return b"".join(parts)


def _cookies(response: httpx.Response) -> dict[str, str]:
    cookies: dict[str, str] = {}
    for header in response.headers.get_list("set-cookie"):
        try:
            cookies |= {name: morsel.value for name, morsel in SimpleCookie(header).items()}
        except CookieError:
            continue
    return cookies
