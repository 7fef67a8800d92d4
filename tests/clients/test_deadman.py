from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.clients.deadman import DeadmanSwitch
from bot.errors import NotConfigured, Unavailable
from bot.settings import PagingSettings
from sandbox.http_part import HttpPart


class Outside:
    def __init__(self) -> None:
        self.pings = 0
        self.status = 200

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/secret-uuid", self._ping)
        return app

    async def _ping(self, _: web.Request) -> web.Response:
        self.pings += 1
        return web.Response(status=self.status)


@pytest.fixture
async def outside() -> AsyncIterator[tuple[Outside, str]]:
    made = Outside()
    part = HttpPart(made.application)
    await part.start()
    yield made, f"{part.url}/secret-uuid"
    await part.stop()


def switch(url: str) -> DeadmanSwitch:
    return DeadmanSwitch(PagingSettings(deadman_url=SecretStr(url)))


async def test_it_is_pinged(outside: tuple[Outside, str]) -> None:
    made, url = outside
    await switch(url).ping()
    assert made.pings == 1


async def test_a_ping_that_nobody_took_is_said_without_the_address(outside: tuple[Outside, str]) -> None:
    made, url = outside
    made.status = 500
    with pytest.raises(Unavailable, match="HTTP 500") as failed:
        await switch(url).ping()
    assert "secret-uuid" not in str(failed.value)
    with pytest.raises(Unavailable) as refused:
        await switch("http://127.0.0.1:1/secret-uuid").ping()
    assert "secret-uuid" not in str(refused.value)


async def test_without_an_address_it_is_not_configured() -> None:
    with pytest.raises(NotConfigured, match="DEADMAN_URL"):
        await DeadmanSwitch(PagingSettings()).ping()
