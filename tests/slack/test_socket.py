import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import WSMsgType, web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.socket import HELLO_WITHIN, LOST_AFTER, QUIET_AT_MOST, REPLACE_EVERY, REPLACE_WITHIN, Socket


@dataclass
class Sockets:
    """Socket Mode connections that greet only from the ``greets_from``-th on.

    An address that was handed out while they were ``away`` never works, also later.
    """

    greets_from: int = 1
    opened: int = 0
    away: bool = False
    garbled: bool = False
    asked: int = 0
    refused: int = 0
    open_now: web.WebSocketResponse | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""

    async def open(self, _: web.Request) -> web.Response:
        self.asked += 1
        await self.tell()
        if self.garbled:
            return web.json_response([])
        address = "/socket?dead=1" if self.away else "/socket"
        return web.json_response({"ok": True, "url": self.url.replace("http", "ws") + address})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        if request.query:
            self.refused += 1
            await self.tell()
            raise web.HTTPForbidden
        self.open_now = socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.opened += 1
        if self.opened >= self.greets_from:
            await socket.send_str(json.dumps({"type": "hello"}))
        await self.tell()
        async for message in socket:
            assert message.type is not WSMsgType.ERROR
        return socket

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, look: Callable[[], bool]) -> None:
        async with self.changed:
            await self.changed.wait_for(look)

    async def wait(self, count: int) -> None:
        await self.until(lambda: self.opened >= count)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def sockets() -> AsyncIterator[Sockets]:
    found = Sockets()
    application = web.Application()
    application.router.add_post("/api/apps.connections.open", found.open)
    application.router.add_get("/socket", found.socket)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


async def nobody() -> AuthorizeResult:
    return AuthorizeResult(enterprise_id=None, team_id=None)


def make(sockets: Sockets, clock: Clock, replace_within: float = REPLACE_WITHIN) -> Socket:
    app = AsyncApp(authorize=nobody, signing_secret="x")
    client = AsyncWebClient(base_url=f"{sockets.url}/api/", retry_handlers=[])
    return Socket(app, "xapp-1", client, clock=clock, replace_within=replace_within)


async def greeted(socket: Socket) -> None:
    async with asyncio.timeout(10):
        while not socket.connected:  # noqa: ASYNC110 - it is a state, not an event
            await asyncio.sleep(0.02)


async def test_a_connection_counts_once_it_greets(sockets: Sockets) -> None:
    clock = Clock()
    socket = make(sockets, clock)
    await socket.start()
    await greeted(socket)
    clock.now += LOST_AFTER + 1
    assert socket.problem == ""
    await socket.stop()


async def test_its_age_counts_from_its_greeting_and_ends_where_it_is_no_longer_trusted(sockets: Sockets) -> None:
    clock = Clock()
    socket = make(sockets, clock)
    await socket.start()
    clock.now += 60
    await greeted(socket)
    clock.now += 5
    assert socket.age == 5
    clock.now += REPLACE_EVERY
    socket.distrust("it is deaf")
    assert socket.age == 0
    await sockets.wait(2)
    await greeted(socket)
    clock.now += 1
    assert socket.age == 1
    await socket.stop()


async def test_a_connection_that_never_greets_is_a_problem_and_is_replaced(sockets: Sockets) -> None:
    sockets.greets_from = 2
    clock = Clock()
    socket = make(sockets, clock)
    await socket.start()
    await sockets.wait(1)
    assert not socket.connected
    clock.now += LOST_AFTER + HELLO_WITHIN
    assert "nothing has come over the socket for 45 s" in socket.problem
    await sockets.wait(2)
    await greeted(socket)
    assert socket.problem == ""
    await socket.stop()


async def test_a_connection_that_fell_silent_is_replaced(sockets: Sockets) -> None:
    clock = Clock()
    socket = make(sockets, clock)
    await socket.start()
    await greeted(socket)
    clock.now += QUIET_AT_MOST + 1
    await sockets.wait(2)
    await socket.stop()


async def test_an_address_that_never_worked_is_given_up_for_a_new_one(sockets: Sockets) -> None:
    sockets.away = True
    clock = Clock()
    socket = make(sockets, clock)
    await socket.start()
    await sockets.until(lambda: sockets.refused >= 1)
    sockets.away = False
    clock.now += LOST_AFTER + 1
    assert "nothing has come over the socket" in socket.problem
    await greeted(socket)
    assert socket.problem == ""
    await socket.stop()


async def test_after_a_cut_an_address_that_no_longer_works_is_given_up_for_a_new_one(sockets: Sockets) -> None:
    clock = Clock()
    socket = make(sockets, clock, replace_within=0.2)
    await socket.start()
    await greeted(socket)
    sockets.away = True
    assert sockets.open_now is not None
    await sockets.open_now.close()
    await sockets.until(lambda: sockets.refused >= 1)
    sockets.away = False
    clock.now += REPLACE_EVERY + 1
    await sockets.wait(2)
    await greeted(socket)
    await socket.stop()


async def test_a_failure_nobody_thought_of_is_shown_and_the_watch_goes_on(sockets: Sockets) -> None:
    clock = Clock()
    socket = make(sockets, clock)
    await socket.start()
    await greeted(socket)
    asked = sockets.asked
    sockets.garbled = True
    clock.now += QUIET_AT_MOST + 1
    await sockets.until(lambda: sockets.asked > asked)
    clock.now += LOST_AFTER + 1
    assert "nothing has come over the socket" in socket.problem
    sockets.garbled = False
    await sockets.wait(2)
    await greeted(socket)
    assert socket.problem == ""
    await socket.stop()


async def test_a_replacement_that_does_not_come_about_is_begun_again(sockets: Sockets) -> None:
    clock = Clock()
    socket = make(sockets, clock, replace_within=0.2)
    await socket.start()
    await greeted(socket)
    sockets.away = True
    clock.now += QUIET_AT_MOST + 1
    await sockets.until(lambda: sockets.refused >= 1)
    sockets.away = False
    clock.now += REPLACE_EVERY + 1
    await sockets.wait(2)
    await greeted(socket)
    await socket.stop()


async def test_a_connection_that_is_open_and_deaf_is_replaced_when_that_is_said(sockets: Sockets) -> None:
    clock = Clock()
    socket = make(sockets, clock)
    await socket.start()
    await greeted(socket)
    socket.distrust("it is deaf")
    await sockets.wait(2)
    await greeted(socket)
    clock.now += REPLACE_EVERY + 1
    assert socket.problem == ""
    await socket.stop()
    assert sockets.opened == 2
