"""What httpx can raise, played at its own boundary, since no loopback server can make all of it happen."""

from typing import Any

import httpx
import pytest
import respx

from bot.clients.api import NovaPulseApi
from bot.errors import TimedOut, Unavailable
from bot.settings import ApiSettings

URL = "https://api.novapulse.example/api/v1"


@pytest.mark.parametrize(
    ("raised", "error", "words"),
    [
        (httpx.ReadTimeout, TimedOut, "no answer within 5 s"),
        (httpx.ConnectTimeout, TimedOut, "no answer within 5 s"),
        (httpx.PoolTimeout, TimedOut, "no answer within 5 s"),
        (httpx.RemoteProtocolError("Server disconnected"), Unavailable, "Server disconnected"),
        (httpx.ReadError(""), Unavailable, "ReadError"),
        (httpx.ProxyError("407 for http://joe:hunter2@proxy"), Unavailable, r"joe:\*\*\*@proxy"),
    ],
)
async def test_transport_errors(respx_mock: respx.MockRouter, raised: Any, error: type[Exception], words: str) -> None:
    respx_mock.get(f"{URL}/health").mock(side_effect=raised)
    api = NovaPulseApi(ApiSettings(novapulse_api_url=URL + "/"))
    with pytest.raises(error, match=words):
        await api.health()
    await api.close()
