"""The pretend PagerDuty refuses what the published schema of the Events API v2 refuses."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator

from sandbox.pagerduty import ROUTING_KEY, SCHEMA, PagerDuty

PAYLOAD = {"summary": "Redis is down", "source": "novapulse", "severity": "critical"}
TRIGGER: dict[str, Any] = {"routing_key": ROUTING_KEY, "event_action": "trigger", "payload": PAYLOAD}


@pytest.fixture
async def pagerduty() -> AsyncIterator[PagerDuty]:
    server = PagerDuty()
    await server.start()
    yield server
    await server.stop()


async def told(server: PagerDuty, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as http, http.post(f"{server.url}/v2/enqueue", json=event) as answer:
        return answer.status, await answer.json()


async def test_an_event_is_taken_and_gets_a_key(pagerduty: PagerDuty) -> None:
    status, body = await told(pagerduty, TRIGGER)
    assert (status, body["status"], body["message"]) == (202, "success", "Event processed")
    assert pagerduty.incidents[body["dedup_key"]]["status"] == "triggered"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"payload": None}, "payload"),
        ({"payload": PAYLOAD | {"severity": "bad"}}, "severity"),
        ({"payload": PAYLOAD | {"summary": "x" * 1025}}, "summary"),
        ({"payload": {"summary": "x", "severity": "info"}}, "source"),
        ({"dedup_key": "x" * 256}, "dedup_key"),
        ({"event_action": "close"}, "event_action"),
        ({"event_action": "resolve"}, "dedup_key"),
        ({"payload": PAYLOAD | {"timestamp": "yesterday"}}, "timestamp"),
        ({"payload": PAYLOAD | {"timestamp": "2026-07-01T09:00:00"}}, "timestamp"),
        ({"payload": PAYLOAD | {"custom_details": "text"}}, "custom_details"),
        ({"payload": PAYLOAD | {"sumary": "x"}}, "sumary"),
        ({"links": [{"text": "no address"}]}, "href"),
        ({"images": [{"src": "picture.png"}]}, "src"),
        ({"client_url": 5}, "client_url"),
        ({"routing_key": "short"}, "routing_key"),
        ({"routing_key": "W" * 32}, "routing key"),
    ],
)
async def test_an_event_that_is_none_is_refused(pagerduty: PagerDuty, wrong: dict[str, Any], words: str) -> None:
    status, body = await told(pagerduty, TRIGGER | wrong)
    assert (status, body["status"]) == (400, "invalid event")
    assert words in str(body["errors"])
    assert pagerduty.log == []


async def test_somebody_is_rung_when_an_incident_is_opened_and_by_nothing_after_that(pagerduty: PagerDuty) -> None:
    for action in ("trigger", "trigger", "acknowledge", "trigger"):
        await told(pagerduty, TRIGGER | {"event_action": action, "dedup_key": "k"})
    assert (pagerduty.rung, pagerduty.incidents["k"]["status"]) == (["k"], "acknowledged")
    for action in ("resolve", "trigger"):
        await told(pagerduty, TRIGGER | {"event_action": action, "dedup_key": "k"})
    assert (pagerduty.rung, pagerduty.incidents["k"]["status"]) == (["k", "k"], "triggered")


async def test_what_is_acknowledged_stays_so_until_it_is_resolved(pagerduty: PagerDuty) -> None:
    for action in ("trigger", "acknowledge", "trigger", "resolve", "acknowledge"):
        await told(pagerduty, TRIGGER | {"event_action": action, "dedup_key": "k"})
    assert pagerduty.incidents["k"]["status"] == "resolved"


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text(encoding="utf-8")))


async def test_all_that_the_schema_knows_is_taken(pagerduty: PagerDuty) -> None:
    link, image = {"href": "https://example.com", "text": "here"}, {"src": "https://example.com/a.png", "alt": "a"}
    more = {"timestamp": "2026-07-01T09:00:00+00:00", "component": "redis", "group": "g", "class": "c"}
    whole = {"links": [link], "images": [image], "client": "bot", "client_url": "https://example.com", "dedup_key": "k"}
    payload = PAYLOAD | more | {"custom_details": {"card": "text"}}
    assert (await told(pagerduty, TRIGGER | whole | {"payload": payload}))[0] == 202


async def test_what_is_no_json_is_refused(pagerduty: PagerDuty) -> None:
    async with aiohttp.ClientSession() as http, http.post(f"{pagerduty.url}/v2/enqueue", data=b"{") as answer:
        assert (answer.status, (await answer.json())["errors"]) == (400, ["JSON parse error"])
