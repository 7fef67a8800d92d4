from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from bot.web import Vital, WebServer

VITALS: list[Vital] = []


@pytest.fixture
async def base() -> AsyncIterator[str]:
    VITALS.clear()
    registry = CollectorRegistry()
    Counter("commands", "Commands answered", registry=registry).inc()

    measured = Counter("looks", "Looks at the metrics", registry=registry)

    class Watch:
        async def pulse(self) -> list[Vital]:
            return [vital for vital in VITALS if vital.name == "engine"]

        async def vitals(self) -> list[Vital]:
            return VITALS

        async def measure(self) -> None:
            measured.inc()

    async def echo(request: web.Request) -> web.StreamResponse:
        return web.Response(text=await request.text())

    server = WebServer(0, watch=Watch(), registry=registry, routes={"/slack/events": echo}, host="127.0.0.1")
    port = await server.start()
    yield f"http://127.0.0.1:{port}"
    await server.stop()


async def test_health_is_ok_while_nothing_is_wrong(base: str) -> None:
    VITALS.append(Vital("socket", ""))
    async with aiohttp.ClientSession() as session, session.get(f"{base}/healthz") as response:
        assert response.status == 200
        assert await response.json() == {"status": "ok", "vitals": {"socket": "ok"}}


async def test_health_names_what_is_wrong(base: str) -> None:
    VITALS.extend([Vital("socket", "no event for 90 s"), Vital("scheduler", "")])
    async with aiohttp.ClientSession() as session, session.get(f"{base}/healthz") as response:
        assert response.status == 503
        assert await response.json() == {
            "status": "critical",
            "vitals": {"socket": "no event for 90 s", "scheduler": "ok"},
        }


async def test_life_asks_only_what_a_restart_may_mend(base: str) -> None:
    VITALS.extend([Vital("slack", "sending: 429"), Vital("engine", "")])
    async with aiohttp.ClientSession() as session, session.get(f"{base}/livez") as response:
        assert (response.status, (await response.json())["vitals"]) == (200, {"engine": "ok"})
    VITALS[:] = [Vital("engine", "did not go well for 130 s")]
    async with aiohttp.ClientSession() as session, session.get(f"{base}/livez") as response:
        assert response.status == 503


async def test_metrics_are_in_the_exposition_format(base: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{base}/metrics") as response:
        text = await response.text()
        assert "commands_total 1.0" in text
        assert "looks_total 1.0" in text


async def test_routes_of_other_rooms_are_mounted(base: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{base}/slack/events", data="x=1") as response:
        assert await response.text() == "x=1"
