"""The Socket Mode connection, watched by what comes back over it and not by whether it is open."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import structlog
from aiohttp import ClientWebSocketResponse
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

PING_EVERY: Final = 5.0
LOOK_EVERY: Final = 1.0
HELLO_WITHIN: Final = 15.0
QUIET_AT_MOST: Final = 1800.0  # a connection that has said nothing for so long is exchanged for one that says hello
REPLACE_EVERY: Final = 5.0
REPLACE_WITHIN: Final = 40.0  # longer than the 30 s for which Slack may ask to wait before it gives a new address
LOST_AFTER: Final = 30.0


class Socket:
    """One connection; a new one that does not greet, or an old one that fell silent, is replaced."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        client: AsyncWebClient,
        *,
        clock: Callable[[], float] = time.monotonic,
        replace_within: float = REPLACE_WITHIN,
    ) -> None:
        self._app = app
        self._token = app_token
        self._client = client
        self._clock = clock
        self._replace_within = replace_within
        self._handler: AsyncSocketModeHandler | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._session: object = None
        self._greeted = False
        self._distrusted = ""
        self._mute_since = self._heard_at = self._greeted_at = clock()
        self._replaced_at = float("-inf")

    async def start(self) -> None:
        """Begin to connect; it goes on until it succeeds, also while Slack is down."""
        self._handler = AsyncSocketModeHandler(
            self._app, self._token, logger=_logger(), web_client=self._client, ping_interval=PING_EVERY
        )
        client = self._handler.client
        client.message_listeners.append(self._hear)
        connecting = asyncio.create_task(client.connect(), name="slack connect")  # type: ignore[no-untyped-call]
        watching = asyncio.create_task(self._watch(client, connecting), name="slack socket watch")
        self._tasks = [connecting, watching]

    async def stop(self) -> None:
        """Close the connection; nothing is delivered any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._handler is not None:
            client = self._handler.client
            others = (client.message_processor, client.message_receiver, client.current_session_monitor)
            await client.close()  # type: ignore[no-untyped-call]
            await asyncio.gather(*(task for task in others if task is not None), return_exceptions=True)

    @property
    def problem(self) -> str:
        """What is wrong with the connection, or the empty string."""
        mute = self._clock() - self._mute_since
        return f"nothing has come over the socket for {mute:.0f} s" if not self._greeted and mute > LOST_AFTER else ""

    @property
    def connected(self) -> bool:
        """Whether the present connection has said anything."""
        return self._greeted

    @property
    def age(self) -> float:
        """For how many seconds the present connection has been open and taken for well; 0 where it is not."""
        return self._clock() - self._greeted_at if self._greeted and not self._distrusted else 0.0

    def distrust(self, why: str) -> None:
        """Have the connection replaced although it is open: what should have come over it did not."""
        self._distrusted = why

    async def _hear(self, _: object, message: dict[str, Any], __: str | None) -> None:
        self._heard_at = self._clock()
        if message.get("type") == "disconnect":
            self._lose()
        else:
            session = self._handler.client.current_session if self._handler else None
            if not self._greeted or session is not self._session:
                self._greeted_at = self._clock()
            self._session, self._greeted = session, True

    def _lose(self) -> None:
        if self._greeted:
            self._greeted, self._mute_since = False, self._clock()

    async def _watch(self, client: SocketModeClient, connecting: asyncio.Task[Any]) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self._look(client, connecting)
            except Exception as error:  # noqa: BLE001 - whatever it is, an unwatched connection would pass for healthy
                self._lose()
                structlog.get_logger("bot.slack").exception("the socket watch failed", error=type(error).__name__)

    async def _look(self, client: SocketModeClient, connecting: asyncio.Task[Any]) -> None:
        session = client.current_session
        if session is None or session.closed or session is not self._session:
            self._lose()
        if (why := self._trouble(session)) and self._clock() - self._replaced_at > REPLACE_EVERY:
            connecting.cancel()  # it would try the same address for ever
            await self._replace(client, why)

    def _trouble(self, session: ClientWebSocketResponse | None) -> str:
        """Say why the connection has to be replaced, if so. One that is being made is given a while."""
        now = self._clock()
        if session is None:
            return "it was never made" if now - self._mute_since > HELLO_WITHIN else ""
        if session.closed:
            return "it was cut"
        if not self._greeted:
            return "it never greeted" if now - max(self._mute_since, self._replaced_at) > HELLO_WITHIN else ""
        if self._distrusted:
            return self._distrusted
        return "it fell silent" if now - self._heard_at > QUIET_AT_MOST else ""

    async def _replace(self, client: SocketModeClient, why: str) -> None:
        structlog.get_logger("bot.slack").warning("the socket is replaced", why=why)
        self._lose()
        self._distrusted = ""
        self._heard_at = self._replaced_at = self._clock()
        # The library's own attempts share the address: without one, each of them asks for a new one too.
        client.wss_uri = None
        try:
            async with asyncio.timeout(self._replace_within):
                await client.connect_to_new_endpoint(force=True)
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            structlog.get_logger("bot.slack").warning("the socket cannot be replaced yet", error=type(error).__name__)


def _logger() -> logging.Logger:
    """Return the library's logger: that a connection failed is worth a line, not a stack every few seconds."""
    logger = logging.getLogger("bot.slack.socket")
    logger.setLevel(logging.WARNING)
    if not logger.filters:
        logger.addFilter(_without_stack)
    return logger


def _without_stack(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True
