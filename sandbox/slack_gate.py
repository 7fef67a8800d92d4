"""The gate between the bot and local-slack: what Slack does to an app on a bad day, and what local-slack leaves out.

As Slack does and local-slack does not, it refuses unknown tokens, names the granted scopes, hands each Socket Mode
envelope to one of the connections, tells the app of its own edits, and takes an answer by ``response_url`` for the one
person unless told otherwise.
"""

import asyncio
import json
import random
from collections import deque
from dataclasses import dataclass
from typing import Literal

import aiohttp
from aiohttp import web

from sandbox.http_part import LARGEST_BODY, HttpPart
from sandbox.slack_dialect import translated
from sandbox.slack_echo import enveloped, message_changed, posted
from sandbox.slack_tokens import refusal

Kind = Literal["429", "500", "hang", "lose-reply", "cant_update_message"]
RESPONSE_URL = "response_url"
SCOPES = (
    "channels:history,channels:read,chat:write,chat:write.public,commands,files:write,"
    "groups:history,groups:read,im:history"
)
REMEMBERED = 5000
_HOP_BY_HOP = {"host", "content-length", "transfer-encoding", "connection", "content-encoding", "upgrade"}


@dataclass
class Trouble:
    """What happens to calls: ``method`` is empty for every call, ``left`` is None until it is taken away."""

    kind: Kind
    method: str = ""
    left: int | None = None
    retry_after: int = 2

    def takes(self, method: str) -> bool:
        """Say whether this call gets the trouble, and count it."""
        if self.left == 0 or self.method not in ("", method):
            return False
        if self.left is not None:
            self.left -= 1
        return True


@dataclass(frozen=True)
class Call:
    """One call of the Web API that arrived: its method, its body as sent and the status that was answered."""

    method: str
    body: str
    status: int


class SlackGate:
    """A reverse proxy before local-slack; ``api_url`` is what the bot gets as ``SLACK_API_URL``."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.troubles: list[Trouble] = []
        self.calls: deque[Call] = deque(maxlen=REMEMBERED)
        self.refuse_sockets = False
        self.silent_sockets = False
        self.repeat_envelopes = False
        self.request_url = ""  # where an app without a socket gets its events
        self._deaf: list[web.WebSocketResponse] = []
        self._sockets: list[web.WebSocketResponse] = []
        self.connected = asyncio.Event()  # set once the app has had a socket
        self._delivered: deque[str] = deque(maxlen=REMEMBERED)
        self._client: aiohttp.ClientSession | None = None
        self._part = HttpPart(self._application)

    @property
    def api_url(self) -> str:
        """The base of the Web API, with a slash at the end."""
        return f"{self._part.url}/api/"

    @property
    def sockets(self) -> int:
        """How many Socket Mode connections the app has open."""
        return len(self._sockets)

    async def start(self) -> None:
        """Listen on a free port."""
        self._client = aiohttp.ClientSession(auto_decompress=True)
        await self._part.start()

    async def stop(self) -> None:
        """Drop every connection."""
        await self._part.stop()
        if self._client is not None:
            await self._client.close()

    def trouble(self, kind: Kind, method: str = "", *, times: int | None = None, retry_after: int = 2) -> Trouble:
        """Give trouble to ``times`` calls of ``method``, or to all calls until ``clear``.

        ``lose-reply`` passes the call on and never answers: the app cannot know that it was done.
        """
        found = Trouble(kind, method, times, retry_after)
        self.troubles.append(found)
        return found

    def clear(self, kind: Kind | None = None) -> None:
        """Take the troubles of a kind away, or all."""
        self.troubles = [found for found in self.troubles if kind is not None and found.kind != kind]

    async def drop_sockets(self) -> None:
        """Cut every Socket Mode connection without a word of goodbye."""
        for socket in list(self._sockets):
            if socket._req is not None and socket._req.transport is not None:  # noqa: SLF001 - a cut, not a close frame
                socket._req.transport.abort()  # noqa: SLF001

    def deafen(self, on: bool) -> None:
        """Let the connections that are open now stay open and swallow what Slack hands to them; a new one delivers."""
        self._deaf = list(self._sockets) if on else []

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_get("/socket/{connection}", self._socket)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/_hooks/{rest:.*}", self._hook)
        app.router.add_route("*", "/{rest:.*}", self._pass)
        return app

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if (error := await refusal(request, method)) is not None:
            return web.json_response({"ok": False, "error": error})
        response = await self._troubled(request, method)
        if method == "auth.test":
            response.headers["X-OAuth-Scopes"] = SCOPES
        return response

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        return await self._troubled(request, RESPONSE_URL)

    def _body(self, request: web.Request, body: bytes) -> bytes:
        """Return what is passed on: an answer by ``response_url`` that names no type is for one person."""
        if not request.path.startswith("/_hooks/"):
            return body
        told = json.loads(body or b"{}")
        return json.dumps({"response_type": "ephemeral", **told}).encode()

    async def _troubled(self, request: web.Request, method: str) -> web.StreamResponse:
        trouble = next((found for found in self.troubles if found.takes(method)), None)
        body = await request.text()
        if trouble is None or trouble.kind == "lose-reply":
            response = await self._pass(request)
            self.calls.append(Call(method, body, response.status))
            if method == "chat.update":
                await self._tell_of_edit(response)
        if trouble is None:
            return response
        if trouble.kind in ("hang", "lose-reply"):
            await asyncio.Event().wait()
        if trouble.kind == "cant_update_message":
            return web.json_response({"ok": False, "error": trouble.kind})
        status = int(trouble.kind)
        self.calls.append(Call(method, body, status))
        headers = {"Retry-After": str(trouble.retry_after)} if status == web.HTTPTooManyRequests.status_code else {}
        error = "ratelimited" if headers else "internal_error"
        return web.json_response({"ok": False, "error": error}, status=status, headers=headers)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if self._client is None:
            raise web.HTTPServiceUnavailable
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        url = self.upstream + request.rel_url.raw_path_qs
        body = translated(self._body(request, await request.read()))
        async with self._client.request(request.method, url, headers=headers, data=body) as answer:
            body = await answer.read()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        if answer.content_type == "application/json":
            body = self._through_here(body.decode()).encode()
        return web.Response(status=answer.status, body=body, headers=kept)

    async def _tell_of_edit(self, response: web.StreamResponse) -> None:
        event = message_changed(response)
        if event is None or self.silent_sockets:
            return
        if self.request_url and self._client is not None:
            await posted(self._client, self.request_url, event)
        else:
            await self._deliver(enveloped(event))

    def _through_here(self, text: str) -> str:
        """Point local-slack's own addresses, where the app will call back, to this gate."""
        here, there = self._part.url, self.upstream
        text = text.replace(there.replace("http", "ws", 1) + "/socket/", here.replace("http", "ws", 1) + "/socket/")
        for path in ("/_hooks/", "/upload/"):
            text = text.replace(there + path, here + path)
        return text

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self._client is None or self.refuse_sockets:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        url = self.upstream.replace("http", "ws", 1) + request.rel_url.raw_path_qs
        async with self._client.ws_connect(url) as upstream:
            self._sockets.append(socket)
            self.connected.set()
            ends = {asyncio.create_task(self._down(upstream, socket)), asyncio.create_task(_up(socket, upstream))}
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._sockets.remove(socket)
                for end in ends:
                    end.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
        await socket.close()
        return socket

    async def _down(self, upstream: aiohttp.ClientWebSocketResponse, socket: web.WebSocketResponse) -> None:
        async for message in upstream:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            envelope = json.loads(message.data)
            if "envelope_id" not in envelope:
                await socket.send_str(message.data)
            elif envelope["envelope_id"] not in self._delivered:
                self._delivered.append(envelope["envelope_id"])
                await self._deliver(envelope)

    async def _deliver(self, envelope: dict[str, object]) -> None:
        """Send an envelope to one of the connections; every one of them has just received it from local-slack."""
        if self.silent_sockets or not self._sockets:
            return
        text = self._through_here(json.dumps(envelope))
        if (chosen := random.choice(self._sockets)) in self._deaf:
            return
        await chosen.send_str(text)
        if self.repeat_envelopes:
            again = json.loads(text) | {"retry_attempt": 1, "retry_reason": "timeout"}
            await random.choice(self._sockets).send_str(json.dumps(again))


async def _up(socket: web.WebSocketResponse, upstream: aiohttp.ClientWebSocketResponse) -> None:
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            await upstream.send_str(message.data)
