"""What the bot serves by itself: its health, its metrics and, without an app token, Slack's signed requests."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bot.reply import Level

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Vital:
    """One thing that must hold for the bot to be of use: what it is, and what is wrong with it ("" for nothing)."""

    name: str
    problem: str


class Watcher(Protocol):
    """Knows how the bot is."""

    async def pulse(self) -> list[Vital]:
        """Return what only a restart may mend."""

    async def vitals(self) -> list[Vital]:
        """Return what must hold, and what does not."""

    async def measure(self) -> None:
        """Bring the registry's gauges up to date."""


class WebServer:
    """Serves on one port of every address; ``watch`` is asked at each look at ``/healthz`` and ``/metrics``."""

    def __init__(
        self,
        port: int,
        *,
        watch: Watcher,
        registry: CollectorRegistry,
        routes: Mapping[str, Handler],
        host: str = "0.0.0.0",  # noqa: S104 - probes and Slack come from outside the pod
    ) -> None:
        self._watch = watch
        self._registry = registry
        self._address = (host, port)
        application = web.Application(client_max_size=1024 * 1024)
        application.router.add_get("/healthz", self._health)
        application.router.add_get("/livez", self._life)
        application.router.add_get("/metrics", self._metrics)
        for path, handler in routes.items():
            application.router.add_post(path, handler)
        self._runner = web.AppRunner(application, access_log=None)

    async def start(self) -> int:
        """Listen; return the port, which matters where 0 was asked for."""
        await self._runner.setup()
        await web.TCPSite(self._runner, *self._address).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening and close what is open."""
        await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        return _answer(await self._watch.vitals())

    async def _life(self, _: web.Request) -> web.Response:
        return _answer(await self._watch.pulse())

    async def _metrics(self, _: web.Request) -> web.Response:
        await self._watch.measure()
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def ports(main: int, metrics: int | None, routes: Mapping[str, Handler]) -> dict[int, Mapping[str, Handler]]:
    """Return what is served where: health and metrics on both ports, ``routes`` (Slack's requests) on the main one."""
    return ({metrics: {}} if metrics else {}) | {main: routes}


def _answer(vitals: list[Vital]) -> web.Response:
    well = not any(vital.problem for vital in vitals)
    body = {
        "status": str(Level.OK if well else Level.CRITICAL),
        "vitals": {vital.name: vital.problem or "ok" for vital in vitals},
    }
    return web.json_response(body, status=200 if well else 503)
