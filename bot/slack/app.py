"""The Slack room: connects, listens, sends. Socket Mode where there is an app token, else signed HTTP."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any, Final

import aiohttp
import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.catalog import Catalog
from bot.errors import NotConfigured
from bot.policy import PolicyInForce
from bot.settings import SlackSettings
from bot.slack.calls import DEADLINE, SlackTrouble, call
from bot.slack.channels import Channels
from bot.slack.delivery import Carrier
from bot.slack.home import Home, Overview, nothing
from bot.slack.links import Links
from bot.slack.listeners import Dispatching, Listeners
from bot.slack.pace import Pace
from bot.slack.payloads import Payload, Reader
from bot.slack.self_test import SelfTest
from bot.slack.sender import Sender
from bot.slack.socket import Socket
from bot.stores.outbox import Outbox

EVENTS_PATH: Final = "/slack/events"
_FINISH_WITHIN: Final = 30.0
_INTRODUCE_EVERY: Final = 5.0


class SlackRoom:
    """Slack's side of the bot. Raises NotConfigured where the tokens for either way in are missing.

    ``overview`` may be set before the start: what a person's home tab shows first. So may ``pace`` and ``self_test``.
    """

    def __init__(
        self,
        settings: SlackSettings,
        dispatcher: Dispatching,
        catalog: Catalog,
        policy: PolicyInForce,
        outbox: Outbox,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        if settings.slack_bot_token is None:
            raise NotConfigured("Slack", "SLACK_BOT_TOKEN")
        if settings.slack_app_token is None and settings.slack_signing_secret is None:
            raise NotConfigured("Slack", "SLACK_APP_TOKEN or SLACK_SIGNING_SECRET")
        self._token = settings.slack_bot_token
        self._settings, self._clock = settings, clock
        self._dispatcher, self._catalog, self._policy, self._outbox = dispatcher, catalog, policy, outbox
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self._sender: Sender | None = None
        self._socket: Socket | None = None
        self._app: AsyncApp | None = None
        self._introduction: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("bot.slack")
        self.overview: Overview = nothing
        self.pace = Pace()
        self.self_test: SelfTest | None = None
        self.bot_user = ""

    @property
    def uses_socket(self) -> bool:
        """Whether Slack delivers over a socket; else ``receive`` has to be mounted at ``EVENTS_PATH``."""
        return self._settings.slack_app_token is not None

    def problem(self) -> str:
        """What is wrong with the way in or the way out, or the empty string."""
        way_in = self._socket.problem if self._socket else ""
        way_out = f"sending: {self._sender.problem}" if self._sender and self._sender.problem else ""
        return "; ".join(problem for problem in (way_in, way_out) if problem)

    def healthy(self) -> bool:
        """Say whether there is no problem."""
        return not self.problem()

    async def unwell(self, now: datetime) -> str:
        """Return what is wrong, or why it is not proved that Slack delivers; the empty string where all is well."""
        return self.problem() or (await self.self_test.problem(now) if self.self_test else "")

    async def start(self) -> None:
        """Start sending and listening; returns at once, also where Slack is down."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE))
        client = self._client(
            self._settings.slack_bot_token.get_secret_value() if self._settings.slack_bot_token else ""
        )
        carrier = Carrier(self._outbox, client, Channels(client), clock=self._clock)
        self._sender = Sender(self._outbox, carrier, self.pace, clock=self._clock)
        await self._sender.start(alone=not self._outbox.is_shared)
        self._app = self._bolt(client)
        self._app.middleware(self._on_payload)
        self._listeners(client).register(self._app)
        self._app.event("message")(self._on_message)
        self._introduction = asyncio.create_task(self._introduce(client), name="slack auth.test")
        if self._settings.slack_app_token is not None:
            self._socket = Socket(self._app, self._settings.slack_app_token.get_secret_value(), self._client(None))
            await self._socket.start()
        if self.self_test is not None:
            self.self_test.connect(client, self._socket, lambda: self.bot_user)

    async def stop(self) -> None:
        """Stop listening, finish what was taken, send what is due, and close. Drain the dispatcher before."""
        if self._introduction is not None:
            self._introduction.cancel()
            await asyncio.gather(self._introduction, return_exceptions=True)
        if self._socket is not None:
            await self._socket.stop()
        if self._tasks:
            _, unfinished = await asyncio.wait(self._tasks, timeout=_FINISH_WITHIN)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        if self._sender is not None:
            await self._sender.stop()
        if self._session is not None:
            await self._session.close()

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Answer one signed request of Slack; mount it at ``EVENTS_PATH``."""
        if self._app is None:
            raise web.HTTPServiceUnavailable
        answer = await self._app.async_dispatch(await to_bolt_request(request))
        return await to_aiohttp_response(answer)

    def _client(self, token: str | None) -> AsyncWebClient:
        # Slack's library repeats a call whose connection broke, which would post a message twice: no retries here.
        return AsyncWebClient(
            token,
            base_url=self._settings.slack_api_url,
            session=self._session,
            retry_handlers=[],
            timeout=int(DEADLINE),
        )

    def _bolt(self, client: AsyncWebClient) -> AsyncApp:
        async def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult:
            """Vouch for the one workspace without asking Slack at each request, so that the ack waits for nobody."""
            return AuthorizeResult(
                enterprise_id=enterprise_id, team_id=team_id, bot_token=client.token, bot_user_id=self.bot_user or None
            )

        logger = logging.getLogger("bot.slack.bolt")
        logger.setLevel(logging.ERROR)
        secret = self._settings.slack_signing_secret
        return AsyncApp(
            name="novapulse-bot",  # without one Bolt reads the source of every caller, for a third of a second
            logger=logger,
            client=client,
            signing_secret=secret.get_secret_value() if secret else "",
            authorize=authorize,
            process_before_response=True,  # a listener only records and acknowledges
            ignoring_self_events_enabled=False,  # the self-test waits for one
        )

    async def _on_payload(self, next_: Callable[[], Awaitable[None]]) -> None:
        """Let the self-test know that Slack delivers, before anything else is done about what it delivered."""
        if self.self_test is not None:
            self.self_test.on_payload()
        await next_()

    async def _on_message(self, body: Payload) -> None:
        if self.self_test is not None:
            await self.self_test.on_message(body)

    def _listeners(self, client: AsyncWebClient) -> Listeners:
        home = Home(client, self._catalog, self._policy, self.overview, Links(self._outbox, client))
        reader = Reader(self._settings.command_prefix, self._name, self._clock)
        return Listeners(self._dispatcher, self._catalog, reader, client, self._spawn, home.show)

    def _name(self, user: str, called: str) -> str:
        people = self._policy.current.people
        return people[user].name if user in people else called or user

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(self._logged(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began

    async def _logged(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:  # noqa: BLE001 - the last place where it can be seen
            self._log.exception("work failed after the ack", work=name)

    async def _introduce(self, client: AsyncWebClient) -> None:
        """Learn who the bot is; where Slack is down, as soon as it is up."""
        while not self.bot_user:
            try:
                answer = await call(client.auth_test())
            except SlackTrouble as trouble:
                self._log.warning("Slack does not know the bot yet", error=trouble.error)
                await asyncio.sleep(max(_INTRODUCE_EVERY, trouble.retry_after))
            else:
                self.bot_user = str(answer["user_id"])
                self._log.info("connected to Slack", team=answer.get("team"), bot=answer.get("user"))
