import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pyotp
import pytest

from sandbox.api.accounts import ADMIN, MANAGER, WITH_MFA
from sandbox.api.novapulse import NovaPulseApi
from sandbox.api.webhooks import ACTIVE, INACTIVE, OF_ANOTHER_COMPANY, UNTESTABLE
from sandbox.site import Sandbox, running


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with running(tmp_path, parts=["redis", "api", "mongo"]) as sandbox:
        yield sandbox


@pytest.fixture
def api(sandbox: Sandbox) -> NovaPulseApi:
    assert sandbox.api is not None
    return sandbox.api


@pytest.fixture
async def http(api: NovaPulseApi) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.url) as http:
        yield http


def credentials(account: object = ADMIN) -> dict[str, str]:
    return {"email": account.email, "password": account.password}  # type: ignore[attr-defined]


async def test_success_is_wrapped_and_failure_is_not(http: httpx.AsyncClient) -> None:
    health = (await http.get("/health")).json()
    assert health["success"] is True
    assert set(health["data"]["details"]) == {"mongodb", "redis", "memory_heap", "memory_rss"}
    refused = await http.get("/queue/stats")
    assert refused.status_code == 401
    assert set(refused.json()) == {"statusCode", "timestamp", "path", "message", "error"}


@pytest.mark.parametrize(("fault", "status"), [("redis-down", 500), ("mongo-down", 503)])
async def test_a_failing_health_names_no_component(
    sandbox: Sandbox, http: httpx.AsyncClient, fault: str, status: int
) -> None:
    await sandbox.fault(fault, on=True)
    for path in ("/health", "/health/ready"):
        answer = await http.get(path)
        assert answer.status_code == status
        assert set(answer.json()) == {"statusCode", "timestamp", "path", "message"}
    assert (await http.get("/health/live")).status_code == 200
    await sandbox.fault(fault, on=False)
    assert (await http.get("/health")).status_code == 200


async def test_the_memory_limit_fails_health_but_not_ready(api: NovaPulseApi, http: httpx.AsyncClient) -> None:
    api.memory_over_limit = True
    assert (await http.get("/health")).status_code == 503
    assert (await http.get("/health/ready")).status_code == 200


async def test_the_tokens_come_as_cookies_and_renew(api: NovaPulseApi, http: httpx.AsyncClient) -> None:
    answer = await http.post("/auth/login", json=credentials())
    assert "data" not in answer.json()
    assert {"access_token", "refresh_token"} <= set(answer.cookies)
    assert "token" not in answer.text
    token = answer.cookies["access_token"]
    renewed = await http.post("/auth/refresh")
    assert (renewed.status_code, set(renewed.cookies)) == (200, {"access_token"})
    late = api.accounts.token(ADMIN, "access", api.clock() - api.accounts.access_seconds)
    expired = await http.get("/queue/stats", headers={"Authorization": f"Bearer {late}"})
    assert expired.status_code == 401
    stats = await http.get("/queue/stats", headers={"Authorization": f"Bearer {token}"})
    assert set(stats.json()["data"]["stats"]) == {"email", "webhook", "workflow", "report"}


async def test_the_sixth_login_of_a_minute_is_one_too_many(http: httpx.AsyncClient) -> None:
    answers = [await http.post("/auth/login", json=credentials()) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert "try again in" in answers[-1].json()["message"]
    assert "retry-after" not in answers[-1].headers


async def test_a_second_factor_is_asked_for(http: httpx.AsyncClient) -> None:
    asked = await http.post("/auth/login", json=credentials(WITH_MFA))
    assert (asked.status_code, asked.json()["success"], asked.json()["requiresMfa"]) == (200, False, True)
    assert not asked.cookies
    code = pyotp.TOTP(WITH_MFA.totp_secret).now()
    assert (await http.post("/auth/login", json=credentials(WITH_MFA) | {"mfaToken": code})).cookies
    assert (await http.post("/auth/login", json=credentials(WITH_MFA) | {"mfaToken": "0"})).status_code == 401


@pytest.mark.parametrize(
    "body", ["...", '{"email": "a@b.c"}', '{"email": "a@b.c", "password": "x", "more": 1}', "[]", '{"password": 3}']
)
async def test_a_wrong_login_body_is_refused(http: httpx.AsyncClient, body: str) -> None:
    answer = await http.post("/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


async def test_without_redis_the_stats_do_not_answer(
    sandbox: Sandbox, api: NovaPulseApi, http: httpx.AsyncClient
) -> None:
    await sandbox.fault("redis-down", on=True)
    asked = asyncio.create_task(http.get("/queue/stats", headers={"Authorization": f"Bearer {api.bearer()}"}))
    await http.get("/health/live")
    assert not asked.done()
    await sandbox.fault("redis-down", on=False)
    assert (await asked).status_code == 200


async def test_the_stats_are_redis_counters(sandbox: Sandbox, api: NovaPulseApi, http: httpx.AsyncClient) -> None:
    await sandbox.load("email", burst=7)
    answer = await http.get("/queue/stats", headers={"Authorization": f"Bearer {api.bearer()}"})
    email = answer.json()["data"]["stats"]["email"]
    assert email["waiting"] == 7
    assert set(email) == {
        "active", "completed", "delayed", "failed", "paused", "prioritized", "waiting", "waiting-children",
    }  # fmt: skip


async def test_metrics_are_text_inside_json_without_samples(api: NovaPulseApi, http: httpx.AsyncClient) -> None:
    text = (await http.get("/metrics")).json()["data"]
    assert "# TYPE queue_size gauge\n" in text
    assert "queue_size{" not in text
    assert "\nredis_connection_status 0\n" in text
    api.metrics_fed = True
    text = (await http.get("/metrics")).json()["data"]
    assert 'queue_size{queue="email"} 0' in text
    assert "\nredis_connection_status 1\n" in text


async def test_webhooks(api: NovaPulseApi, http: httpx.AsyncClient) -> None:
    admin = {"Authorization": f"Bearer {api.bearer()}"}
    manager = {"Authorization": f"Bearer {api.bearer(MANAGER)}"}
    assert (await http.get(f"/webhooks/{ACTIVE}", headers=manager)).json()["data"]["webhook"]["secret"]
    assert (await http.post(f"/webhooks/{ACTIVE}/test", headers=manager)).status_code == 403
    assert (await http.post(f"/webhooks/{ACTIVE}/test", headers=admin)).status_code == 201
    for webhook, status in ((INACTIVE, 400), (UNTESTABLE, 400), (OF_ANOTHER_COMPANY, 404), ("malformed", 500)):
        assert (await http.post(f"/webhooks/{webhook}/test", headers=admin)).status_code == status
    for number in range(30):
        api.webhooks.delivered(ACTIVE, f"event {number}", status_code=404)
    logs = (await http.get(f"/webhooks/{ACTIVE}/logs", headers=admin)).json()["data"]["logs"]
    assert (len(logs), logs[0]["event"], logs[1]["event"]) == (50, "event 29", "event 29")


async def test_an_api_that_is_down_refuses_and_one_that_hangs_does_not_answer(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    await sandbox.fault("api-down", on=True)
    with pytest.raises(httpx.ConnectError):
        await http.get("/health/live")
    await sandbox.fault("api-down", on=False)
    await sandbox.fault("api-hang", on=True)
    with pytest.raises(httpx.ReadTimeout):
        await http.get("/health/live", timeout=0.2)
    await sandbox.fault("api-hang", on=False)
    assert (await http.get("/health/live")).status_code == 200
