"""The pretend NovaPulse API: its routes, and how it fails."""

import asyncio
import itertools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import redis.asyncio as redis
from aiohttp import web
from redis.exceptions import RedisError

from sandbox.api import metrics
from sandbox.api.accounts import ADMIN, Account, Accounts
from sandbox.api.answers import HttpError, failed, failure, wrapped
from sandbox.api.log import entry, framework
from sandbox.api.traffic import Traffic
from sandbox.api.webhooks import Webhooks
from sandbox.http_part import HttpPart

PREFIX = "/api/v1"
QUEUES = {"email": "nova-email", "webhook": "nova-webhook", "workflow": "nova-workflow", "report": "nova-report"}
_LISTS = {"active": "active", "waiting": "wait", "paused": "paused"}
_SETS = ("completed", "delayed", "failed", "prioritized", "waiting-children")
_RETRY_SECONDS = 0.2
_log = logging.getLogger(__name__)


class Surroundings(Protocol):
    """What the API needs to know of the rest of the sandbox."""

    def mongo_up(self) -> bool:
        """Say whether MongoDB answers."""

    def log(self, pod: int, lines: Iterable[str]) -> None:
        """Write to the log of one of the API's pods."""

    async def enqueue(self, queue: str, data: dict[str, Any]) -> None:
        """Put a job into a queue."""


class NovaPulseApi:
    """One address that stands for all replicas: each request is one pod's, in turn."""

    def __init__(
        self,
        redis_url: str | None,
        around: Surroundings,
        *,
        clock: Callable[[], float] = time.time,
        access_seconds: float = 900.0,
    ) -> None:
        self.accounts = Accounts(access_seconds)
        self.webhooks = Webhooks(clock)
        self.clock = clock
        self.hanging = False
        self.memory_over_limit = False
        self.metrics_fed = False
        self.requests: list[tuple[str, str, int]] = []
        self._around = around
        self.traffic = Traffic(clock, around.log)
        self._redis_url = redis_url
        self._redis: redis.Redis | None = None
        self._pods = itertools.count()
        self._part = HttpPart(self._application)

    @property
    def url(self) -> str:
        """The base that the bot gets as ``NOVAPULSE_API_URL``."""
        return self._part.url + PREFIX

    async def start(self) -> None:
        """Listen."""
        if self._redis_url:
            self._redis = redis.Redis.from_url(self._redis_url, socket_timeout=10, socket_connect_timeout=2)
        await self._part.start()

    async def stop(self) -> None:
        """Stop listening and leave Redis."""
        await self.traffic.fail(False)
        await self._part.stop()
        if self._redis is not None:
            await self._redis.aclose()

    async def down(self, on: bool) -> None:
        """Refuse all connections, or accept them again."""
        await (self._part.stop() if on else self._part.start())

    def bearer(self, account: Account = ADMIN) -> str:
        """Return an access token without logging in, for tests."""
        return self.accounts.token(account, "access", self.clock())

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._errors])
        routes: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "GET /health": self._health,
            "GET /health/live": self._live,
            "GET /health/ready": self._ready,
            "GET /queue/stats": self._stats,
            "GET /metrics": self._metrics,
            "POST /auth/login": self._login,
            "POST /auth/refresh": self._refresh,
            "GET /webhooks/{id}": self._webhook,
            "GET /webhooks/{id}/logs": self._webhook_logs,
            "POST /webhooks/{id}/test": self._webhook_test,
        }
        for route, handler in routes.items():
            method, _, path = route.partition(" ")
            app.router.add_route(method, PREFIX + path, handler)
        return app

    @web.middleware
    async def _errors(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self.hanging:
            self.requests.append((request.method, request.path, 0))  # no answer
            await asyncio.Event().wait()
        pod = next(self._pods)
        try:
            answer = await handler(request)
        except HttpError as error:
            answer = self._fail(request, error, pod)
        except web.HTTPException as error:
            answer = self._fail(request, HttpError(error.status, f"Cannot {request.method} {request.path}"), pod)
        self.requests.append((request.method, request.path, answer.status))
        return answer

    def _fail(self, request: web.Request, error: HttpError, pod: int) -> web.Response:
        now = self.clock()
        body = failure(error, request.path, now) | {"method": request.method}
        self._around.log(pod, entry("error", "HTTP Exception:", body, now))
        if error.status >= web.HTTPInternalServerError.status_code:
            self._around.log(pod, [framework("error", "ExceptionsHandler", error.message, now)])
        return failed(error, request.path, now)

    async def _health(self, _request: web.Request) -> web.Response:
        if self.memory_over_limit:
            raise HttpError(503, "Service Unavailable Exception")
        details = await self._components()
        details |= {name: {"status": "up"} for name in ("memory_heap", "memory_rss")}
        return wrapped({"status": "ok", "info": details, "error": {}, "details": details})

    async def _ready(self, _request: web.Request) -> web.Response:
        details = await self._components()
        return wrapped({"status": "ok", "info": details, "error": {}, "details": details})

    async def _live(self, _request: web.Request) -> web.Response:
        return wrapped({"status": "ok", "timestamp": int(self.clock() * 1000)})

    async def _components(self) -> dict[str, dict[str, str]]:
        """Return what is up; a failure says nothing about which component it was."""
        if not self._around.mongo_up():
            raise HttpError(503, "Service Unavailable Exception")
        try:
            if self._redis is not None:
                async with asyncio.timeout(5):
                    await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            now = self.clock()
            self._around.log(next(self._pods), [f"Redis connection error: {error}"])
            _log.debug("the pretend API cannot reach Redis at %s", now)
            raise HttpError(500, "Internal server error") from error
        return {"mongodb": {"status": "up"}, "redis": {"status": "up"}}

    async def _stats(self, request: web.Request) -> web.Response:
        self._account(request)
        stats = {short: await self._counters(name) for short, name in QUEUES.items()}
        return wrapped({"success": True, "stats": stats})

    async def _counters(self, queue: str) -> dict[str, int]:
        """Read a queue's counters; without Redis this waits until it is back, as the deployed API does."""
        if self._redis is None:
            await asyncio.Event().wait()
        while True:
            try:
                return await self._count(queue)
            except (RedisError, OSError):
                await asyncio.sleep(_RETRY_SECONDS)

    async def _count(self, queue: str) -> dict[str, int]:
        if self._redis is None:
            return {}
        pipeline = self._redis.pipeline(transaction=False)
        for key in _LISTS.values():
            pipeline.llen(f"bull:{queue}:{key}")
        for key in _SETS:
            pipeline.zcard(f"bull:{queue}:{key}")
        return dict(sorted(zip((*_LISTS, *_SETS), await pipeline.execute(), strict=True)))

    async def _metrics(self, _request: web.Request) -> web.Response:
        fed = QUEUES.items() if self.metrics_fed else ()
        sizes = {short: (await self._counters(name))["waiting"] for short, name in fed} or None
        return wrapped(metrics.text(time.process_time(), 210_000_000, sizes, self.traffic.samples()))

    async def _login(self, request: web.Request) -> web.Response:
        now = self.clock()
        account = self.accounts.login(await _json(request), now)
        if account is None:
            return web.json_response({"success": False, "requiresMfa": True, "message": "MFA token required"})
        user = {"email": account.email, "role": account.role, "mfaSecret": account.totp_secret or None}
        answer = web.json_response({"success": True, "message": "Login successful", "user": user})
        for kind, seconds in (("access", self.accounts.access_seconds), ("refresh", 7 * 24 * 3600)):
            token = self.accounts.token(account, kind, now)
            answer.set_cookie(f"{kind}_token", token, max_age=int(seconds), httponly=True, samesite="Lax", path="/")
        return answer

    async def _refresh(self, request: web.Request) -> web.Response:
        now = self.clock()
        account = self.accounts.read(request.cookies.get("refresh_token", ""), "refresh", now)
        answer = web.json_response({"success": True, "message": "Token refreshed"})
        token = self.accounts.token(account, "access", now)
        seconds = int(self.accounts.access_seconds)
        answer.set_cookie("access_token", token, max_age=seconds, httponly=True, samesite="Lax", path="/")
        return answer

    async def _webhook(self, request: web.Request) -> web.Response:
        self._account(request, "manager")
        return wrapped({"success": True, "webhook": self.webhooks.get(request.match_info["id"])})

    async def _webhook_logs(self, request: web.Request) -> web.Response:
        self._account(request, "manager")
        return wrapped({"success": True, "logs": self.webhooks.logs(request.match_info["id"])})

    async def _webhook_test(self, request: web.Request) -> web.Response:
        self._account(request, "company_admin")
        found = self.webhooks.testable(request.match_info["id"])
        data = {"webhookId": found["_id"], "url": found["url"], "secret": found["secret"]}
        data |= {"event": "webhook.test", "payload": {"test": True}}
        await self._around.enqueue("nova-webhook", data)
        return wrapped({"success": True, "message": "Test webhook queued"}, status=201)

    def _account(self, request: web.Request, role: str = "user") -> Account:
        token = request.cookies.get("access_token", "")
        token = request.headers.get("Authorization", f"Bearer {token}").removeprefix("Bearer ")
        if not token:
            raise HttpError(401, "Unauthorized")
        account = self.accounts.read(token, "access", self.clock())
        if not account.at_least(role):
            raise HttpError(403, "Insufficient permissions")
        return account


async def _json(request: web.Request) -> object:
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise HttpError(400, str(error)) from error
