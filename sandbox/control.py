"""The sandbox's own HTTP address, where faults are switched and jobs ordered, and what asks it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.http_part import HttpPart
from sandbox.received import MAILS, PAGER, mails_page, pager_page
from sandbox.site import Sandbox

SECONDS = 130.0


class NotRunning(Exception):
    """There is no sandbox in that directory."""


class Control:
    """Serves ``/status``, ``/changes``, ``/inbox``, ``/pages``, ``/faults``, ``/load``, ``/bot``; and two pages."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._part = HttpPart(self._application)

    async def start(self) -> None:
        """Listen on a free port."""
        await self._part.start()
        self._sandbox.control_url = self._part.url

    async def stop(self) -> None:
        """Stop listening."""
        await self._part.stop()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[_refusals])
        app.router.add_get("/status", self._status)
        app.router.add_get("/changes", self._changes)
        app.router.add_get("/inbox", self._inbox)
        app.router.add_get("/pages", self._pages)
        app.router.add_get(MAILS, self._mails_page)
        app.router.add_get(PAGER, self._pager_page)
        app.router.add_post("/faults", self._fault)
        app.router.add_post("/load", self._load)
        app.router.add_post("/bot", self._bot)
        return app

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(self._sandbox.status())

    async def _changes(self, _request: web.Request) -> web.Response:
        return web.json_response(self._sandbox.cluster_changes())

    async def _inbox(self, _request: web.Request) -> web.Response:
        mail = self._sandbox.mail
        return web.json_response([one.plain() for one in mail.inbox] if mail is not None else [])

    async def _pages(self, _request: web.Request) -> web.Response:
        pagerduty = self._sandbox.pagerduty
        found = {"incidents": pagerduty.incidents, "log": pagerduty.log} if pagerduty is not None else {}
        return web.json_response(found)

    async def _mails_page(self, _request: web.Request) -> web.Response:
        mail = self._sandbox.mail
        return mails_page(mail.inbox if mail is not None else None)

    async def _pager_page(self, _request: web.Request) -> web.Response:
        pagerduty = self._sandbox.pagerduty
        return pager_page(pagerduty.incidents, pagerduty.log) if pagerduty is not None else pager_page(None, ())

    async def _fault(self, request: web.Request) -> web.Response:
        body = await request.json()
        await self._sandbox.fault(str(body["name"]), bool(body["on"]))
        return web.json_response({"faults": sorted(self._sandbox.faults.on)})

    async def _load(self, request: web.Request) -> web.Response:
        body = await request.json()
        await self._sandbox.load(str(body["queue"]), rate=body.get("rate"), burst=int(body.get("burst", 0)))
        return web.json_response(self._sandbox.status()["rates"])

    async def _bot(self, _request: web.Request) -> web.Response:
        bot = self._sandbox.bot
        if bot is None:
            raise ValueError("this sandbox has no bot")
        await bot.start()
        return web.json_response({"pid": bot.pid, "log": str(bot.log)})


async def ask(directory: Path, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the sandbox that runs in a directory; raises ``NotRunning``, or ``ValueError`` with its refusal."""
    try:
        endpoints = json.loads((directory / "endpoints.json").read_text(encoding="utf-8"))
        url = f"{endpoints['control']}/{path}"
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        method = "POST" if body is not None else "GET"
        async with aiohttp.ClientSession(timeout=timeout) as http, http.request(method, url, json=body) as answer:
            told = await answer.json()
    except (OSError, KeyError, json.JSONDecodeError, aiohttp.ClientConnectionError, TimeoutError) as error:
        raise NotRunning(f"no sandbox runs in {directory}: start one with `make sandbox`") from error
    if "refused" in told:
        raise ValueError(told["refused"])
    return told


@web.middleware
async def _refusals(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except (ValueError, KeyError, TimeoutError, asyncio.IncompleteReadError) as error:
        return web.json_response({"refused": str(error) or repr(error)}, status=400)
    return answer
