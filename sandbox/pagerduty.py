"""A pretend PagerDuty: the Events API v2 on loopback, strict about what the published schema asks for.

It keeps what it was told and the incidents that came of it: triggered, acknowledged, resolved, by their dedup key.
"""

import asyncio
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sandbox.failing import Failing
from sandbox.http_part import HttpPart

ROUTING_KEY = "R0SANDBOX000000000000000000000000"[:32]
RETRY_AFTER = "1"
Trouble = Literal["", "429", "500", "hang", "lose-reply"]
_AFTER = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Payload(_Part):
    """What an event says."""

    summary: Annotated[str, Field(min_length=1, max_length=1024)]
    source: Annotated[str, Field(min_length=1)]
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: datetime | None = None
    component: str | None = None
    group: str | None = None
    class_: Annotated[str | None, Field(alias="class")] = None
    custom_details: dict[str, Any] | None = None


class Link(_Part):
    """An address shown with the incident."""

    href: str
    text: str | None = None


class Image(_Part):
    """A picture shown with the incident."""

    src: str
    href: str | None = None
    alt: str | None = None


class Event(_Part):
    """One call of ``/v2/enqueue``."""

    routing_key: Annotated[str, Field(min_length=32, max_length=32)]
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str | None, Field(max_length=255)] = None
    payload: Payload | None = None
    links: list[Link] = []
    images: list[Image] = []
    client: str | None = None
    client_url: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Event":
        if self.event_action == "trigger" and self.payload is None:
            raise ValueError("'payload' is missing or blank")
        if self.event_action != "trigger" and not self.dedup_key:
            raise ValueError("'dedup_key' is missing or blank")
        return self


class PagerDuty(Failing[Trouble]):
    """The endpoint; ``fail`` says how it fails, for so many calls or until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[dict[str, Any]] = []
        self.incidents: dict[str, dict[str, str]] = {}
        self.calls = 0
        self.arrived = asyncio.Condition()
        self._part = HttpPart(self._application)

    @property
    def url(self) -> str:
        """What ``PAGERDUTY_API_URL`` has to be."""
        return self._part.url

    async def start(self) -> None:
        """Listen."""
        await self._part.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._part.stop()

    async def down(self, on: bool) -> None:
        """Refuse connections, or take them again."""
        await (self._part.stop() if on else self._part.start())

    def actions(self, dedup_key: str) -> list[str]:
        """Return what was taken about one key, in order."""
        return [one["event_action"] for one in self.log if one["dedup_key"] == dedup_key]

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v2/enqueue", self._enqueue)
        return app

    async def _enqueue(self, request: web.Request) -> web.StreamResponse:
        trouble = self.next_trouble()
        try:
            if trouble == "429":
                body = {"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly."}
                return web.json_response(body, status=429, headers={"Retry-After": RETRY_AFTER})
            if trouble == "500":
                return web.json_response({"message": "Internal Server Error"}, status=500)
            if trouble == "hang":
                await asyncio.sleep(3600)
            answer = await self._taken(request)
            if trouble == "lose-reply" and request.transport is not None:
                request.transport.abort()
            return answer
        finally:
            async with self.arrived:
                self.calls += 1
                self.arrived.notify_all()

    async def _taken(self, request: web.Request) -> web.Response:
        try:
            event = Event.model_validate_json(await request.read())
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)]
            return _invalid(wrong)
        if event.routing_key != ROUTING_KEY:
            return _invalid(["Invalid routing key"])
        key = event.dedup_key or secrets.token_hex(16)
        self._happened(event, key)
        return web.json_response(
            {"status": "success", "message": "Event processed", "dedup_key": key}, status=HTTPStatus.ACCEPTED
        )

    def _happened(self, event: Event, key: str) -> None:
        told = event.model_dump(mode="json", exclude={"routing_key"}, exclude_none=True) | {"dedup_key": key}
        self.log.append(told | {"at": datetime.now(UTC).isoformat(timespec="seconds")})
        before = self.incidents.get(key)
        is_open = before is not None and before["status"] != "resolved"
        if event.event_action == "trigger" and event.payload is not None:
            status = before["status"] if before is not None and is_open else "triggered"
            found = {"summary": event.payload.summary, "severity": event.payload.severity, "status": status}
            self.incidents[key] = found
        elif before is not None and is_open:
            before["status"] = _AFTER[event.event_action]


def _invalid(wrong: list[str]) -> web.Response:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
    return web.json_response(body, status=HTTPStatus.BAD_REQUEST)
