import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import WSMsgType, web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.socket import HELLO_WITHIN, LOST_AFTER, QUIET_AT_MOST, Socket


@dataclass
class Sockets:
    """Socket Mode connections that greet only from the ``greets_from``-th on."""

    greets_from: int = 1
    opened: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    url: str = ""

    async def open(self, _: web.Request) -> web.Response:
        return web.json_response({"ok": True, "url": self.url.replace("http", "ws") + "/socket"})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.opened += 1
        if self.opened >= self.greets_from:
            await socket.send_str(json.dumps({"type": "hello"}))
        async with self.changed:
            self.changed.notify_all()
        async for message in socket:
            assert message.type is not WSMsgType.ERROR
        return socket

    async def wait(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.opened >= count)


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


def make(sockets: Sockets, clock: Clock) -> Socket:
    app = AsyncApp(authorize=nobody, signing_secret="x")
    client = AsyncWebClient(base_url=f"{sockets.url}/api/", retry_handlers=[])
    return Socket(app, "xapp-1", client, clock=clock)


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
