"""A Slack on loopback that keeps messages and has trouble on request."""

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Message = dict[str, Any]


@dataclass
class SlackStandIn:
    """``troubles[method]`` are used up one a call.

    A number is an HTTP status, ``lose`` does the work and cuts the line, ``cut`` only cuts it, ``hang`` never answers
    and anything else is Slack's word for an error.
    """

    troubles: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    messages: list[Message] = field(default_factory=list)
    whispers: list[Message] = field(default_factory=list)
    responses: list[Message] = field(default_factory=list)
    files: list[Message] = field(default_factory=list)
    views: list[Message] = field(default_factory=list)
    calls: list[tuple[str, float]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    channels: dict[str, str] = field(default_factory=lambda: {"alerts": "C0ALERTS"})
    retry_after: str = "1"
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/api/{method}", self._api)
        application.router.add_get("/api/{method}", self._api)
        application.router.add_post("/hook", self._hook)
        application.router.add_post("/upload/{name}", self._upload)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def trouble(self, method: str, *words: str) -> None:
        self.troubles[method] += words

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    async def wait(self, look: Any) -> None:
        async with self.changed:
            await self.changed.wait_for(look)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        arguments = await _arguments(request)
        self.calls.append((method, asyncio.get_running_loop().time()))
        answer = await self._troubled(request, method)
        if answer is None:
            answer = web.json_response(self._do(method, arguments))
        async with self.changed:
            self.changed.notify_all()
        return answer

    async def _troubled(self, request: web.Request, method: str) -> web.StreamResponse | None:
        word = self.troubles[method].pop(0) if self.troubles[method] else ""
        if word == "lose":
            self._do(method, await _arguments(request))
        if word in ("lose", "cut"):
            assert request.transport is not None
            request.transport.abort()
        if word == "hang":
            await asyncio.Event().wait()
        if word == "429":
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": self.retry_after}
            )
        if word.isdigit():
            return web.Response(text="<html>busy</html>", content_type="text/html", status=int(word))
        return web.json_response({"ok": False, "error": word}) if word else None

    def _do(self, method: str, arguments: Message) -> Message:
        done: Message = getattr(self, "_" + method.replace(".", "_"))(arguments)
        return {"ok": True} | done

    def _chat_postMessage(self, arguments: Message) -> Message:  # noqa: N802
        name = arguments["channel"].removeprefix("#")
        message = arguments | {"channel": self.channels.get(name, name), "ts": f"1700000000.{len(self.messages):06}"}
        self.messages.append(message)
        return {"channel": message["channel"], "ts": message["ts"]}

    def _chat_update(self, arguments: Message) -> Message:
        (message,) = (found for found in self.messages if found["ts"] == arguments["ts"])
        message.update(arguments)
        return {"channel": message["channel"], "ts": message["ts"]}

    def _chat_postEphemeral(self, arguments: Message) -> Message:  # noqa: N802
        self.whispers.append(arguments)
        return {"message_ts": "1.1"}

    def _chat_getPermalink(self, arguments: Message) -> Message:  # noqa: N802
        ts = arguments["message_ts"].replace(".", "")
        return {"permalink": f"https://slack.example/archives/{arguments['channel']}/p{ts}"}

    def _conversations_history(self, arguments: Message) -> Message:
        assert arguments["channel"].startswith("C")
        return {"messages": [message for message in self.messages if message["channel"] == arguments["channel"]]}

    def _conversations_list(self, _: Message) -> Message:
        return {"channels": [{"name": name, "id": found, "is_member": True} for name, found in self.channels.items()]}

    def _files_getUploadURLExternal(self, arguments: Message) -> Message:  # noqa: N802
        return {"upload_url": f"{self.url}/upload/{arguments['filename']}", "file_id": "F1"}

    def _files_completeUploadExternal(self, arguments: Message) -> Message:  # noqa: N802
        self.files[-1] |= {"thread_ts": arguments["thread_ts"]}
        return {"files": [{"id": "F1"}]}

    def _auth_test(self, _: Message) -> Message:
        return {"user_id": "U0BOT", "bot_id": "B0BOT", "team": "NovaPulse", "user": "novapulse"}

    def _views_open(self, arguments: Message) -> Message:
        self.views.append(arguments)
        return {"view": arguments["view"]}

    def _views_publish(self, arguments: Message) -> Message:
        self.views.append(arguments)
        return {"view": arguments["view"]}

    async def _upload(self, request: web.Request) -> web.Response:
        self.files.append({"name": request.match_info["name"], "bytes": await request.read()})
        return web.Response(text="OK")

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(("hook", asyncio.get_running_loop().time()))
        word = self.troubles["hook"].pop(0) if self.troubles["hook"] else "200"
        if word == "200":
            self.responses.append(await request.json())
        async with self.changed:
            self.changed.notify_all()
        return web.Response(status=int(word))


async def _arguments(request: web.Request) -> Message:
    if request.content_type == "application/json":
        return dict(await request.json())
    found = dict(request.query) | dict(await request.post())
    for name in ("blocks", "files", "view"):
        if isinstance(found.get(name), str):
            found[name] = json.loads(str(found[name]))
    return found
