"""A pretend PagerDuty: the Events API v2 on loopback, which refuses what ``pagerduty_event.json`` does.

It keeps what it was told and the incidents that came of it: triggered, acknowledged, resolved, by their dedup key.
"""

import asyncio
import json
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal

from aiohttp import web
from jsonschema import Draft202012Validator, FormatChecker

from sandbox.failing import Failing
from sandbox.http_part import HttpPart

ROUTING_KEY = "R0SANDBOX000000000000000000000000"[:32]
RETRY_AFTER = "1"
SCHEMA: Final = Path(__file__).with_name("pagerduty_event.json")
Trouble = Literal["", "429", "500", "hang", "lose-reply"]
_AFTER = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}


def _time(value: object) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def _address(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://"))


_FORMATS: Final = FormatChecker(())
_FORMATS.checkers = {"date-time": (_time, (ValueError,)), "uri": (_address, ())}
_EVENT: Final = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), format_checker=_FORMATS)


def problems(event: object) -> list[str]:
    """Return what the schema of the Events API v2 has against an event, each with its place."""
    return [f"{'.'.join(map(str, one.absolute_path))}: {one.message}".lstrip(": ") for one in _EVENT.iter_errors(event)]


class PagerDuty(Failing[Trouble]):
    """The endpoint; ``fail`` says how it fails, for so many calls or until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[dict[str, Any]] = []
        self.incidents: dict[str, dict[str, str]] = {}
        # The keys for which somebody was rung there: once an incident, when it is opened.
        self.rung: list[str] = []
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
            event = await request.json()
        except ValueError:
            return _invalid(["JSON parse error"])
        if wrong := problems(event):
            return _invalid(wrong)
        if event["routing_key"] != ROUTING_KEY:
            return _invalid(["Invalid routing key"])
        key = event.get("dedup_key") or secrets.token_hex(16)
        self._happened(event, key)
        return web.json_response(
            {"status": "success", "message": "Event processed", "dedup_key": key}, status=HTTPStatus.ACCEPTED
        )

    def _happened(self, event: dict[str, Any], key: str) -> None:
        told = {name: value for name, value in event.items() if name != "routing_key"} | {"dedup_key": key}
        self.log.append(told | {"at": datetime.now(UTC).isoformat(timespec="seconds")})
        before = self.incidents.get(key)
        is_open = before is not None and before["status"] != "resolved"
        if event["event_action"] == "trigger":
            status = before["status"] if before is not None and is_open else "triggered"
            self.rung += [] if is_open else [key]
            payload = event["payload"]
            self.incidents[key] = {"summary": payload["summary"], "severity": payload["severity"], "status": status}
        elif before is not None and is_open:
            before["status"] = _AFTER[event["event_action"]]


def _invalid(wrong: list[str]) -> web.Response:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
    return web.json_response(body, status=HTTPStatus.BAD_REQUEST)
