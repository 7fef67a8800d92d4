"""The NovaPulse API over real HTTP, answering as the deployed one was observed to."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import pyotp
from aiohttp import web

EMAIL = "bot@novapulse.example"
PASSWORD = "correct horse"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NAMES = ("active", "completed", "delayed", "failed", "paused", "prioritized", "waiting", "waiting-children")
COUNTERS = dict(zip(NAMES, range(1, 9), strict=True))

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PretendApi:
    """What the tests set and look at: ``answers`` replaces the answer of a path."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, web.Response | Handler] = {}
        self.seen: list[str] = []
        self.logins: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.refresh_works = True
        self.mfa = False
        self.totp_time = 0
        self._issued = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v1")
        self.seen.append(f"{request.method} {path}")
        if answer := self.answers.get(path):
            # A response can be sent once: each request gets its own copy.
            return await answer(request) if callable(answer) else _copy(answer)
        return await self._usual(request, path)

    async def _usual(self, request: web.Request, path: str) -> web.StreamResponse:
        if path == "/auth/login":
            return self._log_in(await request.json())
        if path == "/auth/refresh":
            return self._refresh(request)
        if path == "/queue/stats":
            return self._stats(request)
        if path == "/metrics":
            return wrapped("# HELP x y\n# TYPE x gauge\nx 1\n")
        if path.startswith("/health"):
            return wrapped({"status": "ok", "details": {"mongodb": {"status": "up"}, "redis": {"status": "up"}}})
        return failure(404, f"Cannot GET {path}")

    def _log_in(self, body: dict[str, Any]) -> web.Response:
        self.logins.append(body)
        if len(self.logins) > 5:
            return failure(429, "Too many login attempts, try again in 42 seconds")
        if set(body) - {"email", "password", "mfaToken"}:
            return failure(400, ["property x should not exist"])
        if body["email"] != EMAIL or body["password"] != PASSWORD:
            return failure(401, "Invalid credentials")
        if self.mfa and body.get("mfaToken") != pyotp.TOTP(TOTP_SECRET).at(self.totp_time):
            return web.json_response({"success": False, "requiresMfa": True, "message": "MFA token required"})
        return self._issue({"success": True, "message": "Login successful", "user": {"mfaSecret": TOTP_SECRET}})

    def _refresh(self, request: web.Request) -> web.Response:
        if not self.refresh_works or request.cookies.get("refresh_token") != "refresh":
            return failure(401, "Invalid refresh token")
        return self._issue({"success": True})

    def _issue(self, body: dict[str, Any]) -> web.Response:
        self._issued += 1
        self.tokens = {f"access-{self._issued}"}
        answer = web.json_response(body)
        for name, value in (("access_token", f"access-{self._issued}"), ("refresh_token", "refresh")):
            answer.set_cookie(name, value, httponly=True, secure=True, samesite="Strict", domain="api.novapulse.com")
        return answer

    def _stats(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return failure(401, "Unauthorized")
        queues = ("email", "webhook", "workflow", "report")
        return wrapped({"success": True, "stats": dict.fromkeys(queues, COUNTERS)})


def wrapped(body: Any) -> web.Response:
    return web.json_response({"success": True, "data": body})


def failure(status: int, message: Any) -> web.Response:
    body = {"statusCode": status, "timestamp": "2026-01-01T00:00:00.000Z", "path": "/x", "message": message}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


@asynccontextmanager
async def pretend_api() -> AsyncIterator[PretendApi]:
    api = PretendApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.serve)
    # A request that is never answered must not hold the end of the test up.
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1"
    try:
        yield api
    finally:
        await runner.cleanup()


def _copy(answer: web.Response) -> web.Response:
    return web.Response(status=HTTPStatus(answer.status), body=answer.body, headers=answer.headers)
