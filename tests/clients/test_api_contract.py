"""The pretend API of these tests and the sandbox's answer alike, and the client reads both alike."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bot.clients.api import NovaPulseApi
from bot.errors import Forbidden
from bot.settings import ApiSettings
from sandbox.api.accounts import ADMIN
from sandbox.site import running
from tests.clients.pretend_api import EMAIL, PASSWORD, pretend_api

QUEUES = {"email", "webhook", "workflow", "report"}


@dataclass(frozen=True)
class Served:
    """An API to ask, and who may log in to it."""

    url: str
    email: str
    password: str

    def settings(self, password: str = "") -> ApiSettings:
        secret = SecretStr(password or self.password)
        return ApiSettings(novapulse_api_url=self.url, novapulse_email=self.email, novapulse_password=secret)


@pytest.fixture(params=["pretend", "sandbox"])
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    if request.param == "pretend":
        async with pretend_api() as api:
            yield Served(api.url, EMAIL, PASSWORD)
        return
    async with running(tmp_path, parts=["redis", "mongo", "api"]) as sandbox:
        assert sandbox.api is not None
        yield Served(sandbox.api.url, ADMIN.email, ADMIN.password)


@pytest.fixture
async def http(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url) as client:
        yield client


async def _log_in(http: httpx.AsyncClient, served: Served, **more: str) -> httpx.Response:
    return await http.post("/auth/login", json={"email": served.email, "password": served.password} | more)


def _cookies(answer: httpx.Response) -> dict[str, str]:
    """Return each cookie that was set; all of them are kept from scripts."""
    lines = answer.headers.get_list("set-cookie")
    assert all("httponly" in line.lower() for line in lines)
    return dict(line.partition(";")[0].split("=", 1) for line in lines)


def _is_failure(answer: httpx.Response, status: int) -> bool:
    body = answer.json()
    return answer.status_code == body["statusCode"] == status and {"timestamp", "path", "message"} <= set(body)


async def test_a_login_gives_its_tokens_as_cookies_only(http: httpx.AsyncClient, served: Served) -> None:
    answer = await _log_in(http, served)
    body = answer.json()
    assert (answer.status_code, body["success"], body["message"]) == (200, True, "Login successful")
    assert set(body) == {"success", "message", "user"}
    assert set(_cookies(answer)) == {"access_token", "refresh_token"}


async def test_a_wrong_password_and_an_unknown_field_are_refused(http: httpx.AsyncClient, served: Served) -> None:
    assert _is_failure(await _log_in(http, served, password="wrong"), 401)
    assert _is_failure(await _log_in(http, served, nickname="bot"), 400)


async def test_the_sixth_login_of_a_minute_is_one_too_many(http: httpx.AsyncClient, served: Served) -> None:
    for _ in range(5):
        assert (await _log_in(http, served)).status_code == 200
    refused = await _log_in(http, served)
    assert _is_failure(refused, 429)
    assert "try again in" in refused.json()["message"]
    assert "retry-after" not in refused.headers


async def test_the_refresh_cookie_renews_the_access_token(http: httpx.AsyncClient, served: Served) -> None:
    cookies = _cookies(await _log_in(http, served))
    http.cookies.clear()
    answer = await http.post("/auth/refresh", headers={"Cookie": f"refresh_token={cookies['refresh_token']}"})
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    token = _cookies(answer)["access_token"]
    http.cookies.clear()
    stats = await http.get("/queue/stats", headers={"Authorization": f"Bearer {token}"})
    assert stats.status_code == 200
    assert _is_failure(await http.post("/auth/refresh", headers={"Cookie": "refresh_token=other"}), 401)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer stale"}])
async def test_the_counters_need_a_token(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert _is_failure(await http.get("/queue/stats", headers=headers), 401)


async def test_an_unknown_path_is_not_found(http: httpx.AsyncClient) -> None:
    assert _is_failure(await http.get("/nothing"), 404)


async def test_the_counters_are_wrapped_twice(http: httpx.AsyncClient, served: Served) -> None:
    token = _cookies(await _log_in(http, served))["access_token"]
    body = (await http.get("/queue/stats", headers={"Authorization": f"Bearer {token}"})).json()
    assert (body["success"], body["data"]["success"]) == (True, True)
    assert set(body["data"]["stats"]) >= QUEUES
    names = {"active", "completed", "delayed", "failed", "paused", "prioritized", "waiting", "waiting-children"}
    assert all(set(counters) == names for counters in body["data"]["stats"].values())


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
async def test_health_is_wrapped_and_open_to_everybody(http: httpx.AsyncClient, path: str) -> None:
    body = (await http.get(path)).json()
    assert (body["success"], body["data"]["status"]) == (True, "ok")
    if path != "/health/live":
        details = body["data"]["details"]
        assert details["mongodb"]["status"] == details["redis"]["status"] == "up"


async def test_metrics_are_text_inside_json(http: httpx.AsyncClient) -> None:
    body = (await http.get("/metrics")).json()
    assert body["success"] is True
    assert body["data"].startswith("# HELP ")


async def test_the_client_reads_both_alike(served: Served) -> None:
    api = NovaPulseApi(served.settings())
    health, live = await api.health(), await api.live()
    counts = await api.queue_stats()
    await api.login_works()  # by now it renews
    text = await api.metrics()
    await api.close()
    assert health.ok
    assert live.ok
    assert health.components is not None
    assert health.components["redis"]
    assert health.components["mongodb"]
    assert set(counts) >= QUEUES
    assert "# TYPE " in text


async def test_the_client_is_refused_by_both_alike(served: Served) -> None:
    api = NovaPulseApi(served.settings("wrong"))
    with pytest.raises(Forbidden):
        await api.queue_stats()
    await api.close()
