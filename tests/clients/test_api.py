import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.clients.api import BODY_LIMIT, METRICS_LIMIT, NovaPulseApi
from bot.clients.api_answers import Health
from bot.clients.queue_layout import QueueCounts
from bot.errors import Forbidden, NotConfigured, TimedOut, Unavailable, UserError
from bot.settings import ApiSettings
from sandbox.ports import free_port
from tests.clients.pretend_api import (
    COUNTERS,
    EMAIL,
    PASSWORD,
    TOTP_SECRET,
    PretendApi,
    failure,
    never,
    pretend_api,
    wrapped,
)

LOGIN = {"novapulse_email": EMAIL, "novapulse_password": SecretStr(PASSWORD)}
EMAIL_COUNTS = QueueCounts(
    waiting=7, active=1, delayed=3, failed=4, completed=2, paused=5, prioritized=6, waiting_children=8
)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def server() -> AsyncIterator[PretendApi]:
    async with pretend_api() as api:
        yield api


def client_of(server: PretendApi, clock: Clock | None = None, **settings: Any) -> NovaPulseApi:
    clock = clock or Clock()
    return NovaPulseApi(ApiSettings(novapulse_api_url=server.url, **settings), clock=clock, wall=clock)


@pytest.fixture
async def api(server: PretendApi, clock: Clock) -> AsyncIterator[NovaPulseApi]:
    client = client_of(server, clock, **LOGIN)
    yield client
    await client.close()


async def test_health_with_its_components(api: NovaPulseApi) -> None:
    assert await api.health() == Health("ok", {"mongodb": True, "redis": True})


async def test_a_component_that_is_down_is_not_healthy(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/health"] = wrapped({"status": "ok", "details": {"redis": {"status": "down"}, "odd": "?"}})
    health = await api.health()
    assert health.components == {"redis": False, "odd": False}
    assert not health.ok


async def test_waits_until_the_api_is_healthy_and_says_what_is_not(server: PretendApi, api: NovaPulseApi) -> None:
    seen = await api.healthy()
    assert (seen.done, seen.message) == (True, "the API says that it is healthy: mongodb up, redis up")
    for answer, said in (
        (wrapped({"status": "ok", "details": {"redis": {"status": "down"}}}), "redis down"),
        (failure(503, "Service Unavailable Exception"), "answered 503: Service Unavailable Exception"),
    ):
        server.answers["/health"] = answer
        seen = await api.healthy()
        assert not seen.done
        assert not seen.failed
        assert seen.message == f"the API says that it is not healthy: {said}"
    server.answers["/health"] = web.Response(text="<html>")
    with pytest.raises(Unavailable):
        await api.healthy()


async def test_a_bare_body_is_taken_too(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/health/live"] = web.json_response({"status": "ok", "timestamp": 1})
    assert await api.live() == Health("ok", None)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_failing_api_says_why_and_claims_nothing_about_components(
    server: PretendApi, api: NovaPulseApi, status: int
) -> None:
    server.answers["/health/ready"] = failure(status, "mongodb://nova:hunter2@db is down")
    health = await api.ready()
    assert health == Health("error", None, f"answered {status}: mongodb://nova:***@db is down")
    assert not health.ok


@pytest.mark.parametrize(
    "answer",
    [
        failure(404, "Cannot GET /health"),
        failure(429, "slow down"),
        web.Response(text="<html>welcome</html>", content_type="text/html"),
        web.json_response({"success": True, "data": None}),
        web.json_response([1]),
        web.json_response({"success": True, "data": {"status": 1}}),
        web.Response(status=302, headers={"Location": "http://elsewhere.example/"}),
        web.Response(body=b"\xff\xfe[[[["),
        web.Response(text="[" * 100_000),
    ],
)
async def test_what_is_no_health_report_is_unavailable(
    server: PretendApi, api: NovaPulseApi, answer: web.Response
) -> None:
    server.answers["/health"] = answer
    with pytest.raises(Unavailable):
        await api.health()


async def test_the_status_judges_and_not_what_the_body_claims(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/metrics"] = web.json_response({"success": True, "data": "x 1"}, status=502)
    with pytest.raises(Unavailable, match="answered 502"):
        await api.metrics()


async def test_an_error_page_gives_its_status(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/metrics"] = web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
    with pytest.raises(Unavailable, match=r"^NovaPulse API: answered 502$"):
        await api.metrics()


async def test_several_messages_and_long_ones(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/metrics"] = failure(400, ["a is wrong", "b\nis   wrong", "x" * 1000])
    with pytest.raises(Unavailable) as caught:
        await api.metrics()
    assert caught.value.reason.startswith("answered 400: a is wrong, b is wrong, xxx")
    assert len(caught.value.reason) < 250


async def test_queue_stats_log_in_by_themselves(server: PretendApi, api: NovaPulseApi) -> None:
    stats = await api.queue_stats()
    assert list(stats) == ["email", "webhook", "workflow", "report"]
    assert stats["email"] == EMAIL_COUNTS
    await api.queue_stats()
    assert server.logins == [{"email": EMAIL, "password": PASSWORD}]


@pytest.mark.parametrize(
    "body", [{"stats": {"email": COUNTERS}}, {"success": True, "data": {"stats": {"email": COUNTERS}}}]
)
async def test_queue_stats_in_other_wrappings(server: PretendApi, api: NovaPulseApi, body: object) -> None:
    server.answers["/queue/stats"] = web.json_response(body)
    assert await api.queue_stats() == {"email": EMAIL_COUNTS}


async def test_a_newer_build_has_another_queue(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/queue/stats"] = wrapped({"stats": {"uploadCleanup": {"waiting": 1, "failed": True, "active": -1}}})
    assert await api.queue_stats() == {"uploadCleanup": QueueCounts(waiting=1)}


@pytest.mark.parametrize("body", [{}, {"stats": {}}, {"stats": {"email": 3}}, {"stats": None}, None, "stats"])
async def test_statistics_that_say_nothing_are_no_zeros(server: PretendApi, api: NovaPulseApi, body: object) -> None:
    server.answers["/queue/stats"] = wrapped(body)
    with pytest.raises(Unavailable, match="no queue statistics"):
        await api.queue_stats()


async def test_no_answer_at_all_is_timed_out(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/queue/stats"] = never
    with pytest.raises(TimedOut, match=r"no answer within 0\.3 s"):
        await api.queue_stats(seconds=0.3)


async def test_an_expired_token_is_renewed_once_and_the_call_repeated(server: PretendApi, api: NovaPulseApi) -> None:
    await api.queue_stats()
    server.tokens.clear()
    assert len(await api.queue_stats()) == 4
    assert server.seen[2:] == ["GET /queue/stats", "POST /auth/refresh", "GET /queue/stats"]
    assert len(server.logins) == 1


async def test_when_renewing_fails_it_logs_in_again(server: PretendApi, api: NovaPulseApi) -> None:
    await api.queue_stats()
    server.tokens.clear()
    server.refresh_works = False
    assert len(await api.queue_stats()) == 4
    assert len(server.logins) == 2


async def test_a_role_that_may_not_is_forbidden_after_one_renewal(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/queue/stats"] = failure(401, "Unauthorized")
    with pytest.raises(Forbidden, match="answered 401: Unauthorized"):
        await api.queue_stats()
    assert server.seen.count("GET /queue/stats") == 2


async def test_many_callers_share_one_login_and_one_renewal(server: PretendApi, api: NovaPulseApi) -> None:
    await asyncio.gather(*(api.queue_stats() for _ in range(8)))
    assert len(server.logins) == 1
    server.tokens.clear()
    await asyncio.gather(*(api.queue_stats() for _ in range(8)))
    assert len(server.logins) == 1
    assert server.seen.count("POST /auth/refresh") == 1


async def test_the_second_factor(server: PretendApi, clock: Clock) -> None:
    server.mfa, server.totp_time = True, int(clock.now)
    api = client_of(server, clock, **LOGIN, novapulse_totp_secret=SecretStr("JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"))
    assert len(await api.queue_stats()) == 4
    assert len(server.logins) == 1
    await api.close()


@pytest.mark.parametrize(
    ("secret", "error", "words"),
    [
        (None, Forbidden, "set NOVAPULSE_TOTP_SECRET"),
        (SecretStr(TOTP_SECRET[::-1]), Forbidden, "did not take the code"),
        (SecretStr("not base 32 !"), UserError, "no secret in base32"),
        (SecretStr(TOTP_SECRET[:16]), UserError, "less than 112 bits"),
    ],
)
async def test_a_second_factor_that_is_missing_or_wrong(
    server: PretendApi, clock: Clock, secret: SecretStr | None, error: type[Exception], words: str
) -> None:
    server.mfa, server.totp_time = True, int(clock.now)
    api = client_of(server, clock, **LOGIN, novapulse_totp_secret=secret)
    with pytest.raises(error, match=words) as caught:
        await api.login_works()
    assert TOTP_SECRET not in str(caught.value)
    await api.close()


async def test_a_wrong_password_is_not_tried_again_within_a_minute(server: PretendApi, clock: Clock) -> None:
    api = client_of(server, clock, novapulse_email=EMAIL, novapulse_password=SecretStr("hunter2"))
    for _ in range(3):
        with pytest.raises(Forbidden, match="the login was refused") as caught:
            await api.queue_stats()
        assert "hunter2" not in str(caught.value)
    assert len(server.logins) == 1
    clock.now += 61
    with pytest.raises(Forbidden):
        await api.queue_stats()
    assert len(server.logins) == 2
    await api.close()


async def test_a_login_limit_that_was_met_is_remembered_until_it_is_over(
    server: PretendApi, api: NovaPulseApi, clock: Clock
) -> None:
    server.logins = [{}] * 5
    with pytest.raises(Unavailable, match="try again in 42 s"):
        await api.queue_stats()
    clock.now += 40
    with pytest.raises(Unavailable, match="try again in 2 s"):
        await api.queue_stats()
    assert len(server.logins) == 6
    clock.now += 3
    server.logins = []
    assert len(await api.queue_stats()) == 4


async def test_a_sixth_login_within_a_minute_is_not_even_tried(
    server: PretendApi, api: NovaPulseApi, clock: Clock
) -> None:
    server.refresh_works = False
    for _ in range(5):
        server.tokens.clear()
        await api.queue_stats()
        clock.now += 1
    server.tokens.clear()
    with pytest.raises(Unavailable, match="logins are limited to 5 a minute: try again in 55 s"):
        await api.queue_stats()
    assert len(server.logins) == 5
    clock.now += 55
    server.logins = []
    assert len(await api.queue_stats()) == 4


async def test_a_failing_login_is_tried_again_at_once(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/auth/login"] = failure(503, "starting")
    with pytest.raises(Unavailable, match="answered 503: starting"):
        await api.queue_stats()
    del server.answers["/auth/login"]
    assert len(await api.queue_stats()) == 4


@pytest.mark.parametrize("cookie", [None, "access_token=", "{}=;;", "other=1; Path=/"])
async def test_a_login_without_a_token_is_unavailable(
    server: PretendApi, api: NovaPulseApi, cookie: str | None
) -> None:
    headers = {"Set-Cookie": cookie} if cookie else {}
    server.answers["/auth/login"] = web.Response(text='{"success": true}', headers=headers)
    with pytest.raises(Unavailable, match="no access token"):
        await api.queue_stats()


async def test_login_works_logs_in_once_and_renews_after_that(server: PretendApi, api: NovaPulseApi) -> None:
    for _ in range(7):
        await api.login_works()
    assert len(server.logins) == 1
    assert server.seen.count("POST /auth/refresh") == 6


async def test_a_fixed_token(server: PretendApi) -> None:
    server.tokens = {"fixed"}
    api = client_of(server, novapulse_token=SecretStr("fixed"))
    await api.login_works()
    assert len(await api.queue_stats()) == 4
    server.tokens = set()
    with pytest.raises(Forbidden, match="NOVAPULSE_TOKEN was refused"):
        await api.login_works()
    assert server.logins == []
    await api.close()


async def test_without_a_login_the_public_calls_work_and_the_others_name_the_variables(server: PretendApi) -> None:
    api = client_of(server)
    assert (await api.health()).ok
    for call in (api.queue_stats, api.login_works):
        with pytest.raises(NotConfigured, match="NOVAPULSE_EMAIL and NOVAPULSE_PASSWORD"):
            await call()
    await api.close()


@pytest.mark.parametrize(
    "answer", [wrapped("# HELP é\nx 1\n"), web.Response(text="# HELP é\nx 1\n"), web.json_response("# HELP é\nx 1\n")]
)
async def test_metrics_inside_json_and_plain(server: PretendApi, api: NovaPulseApi, answer: web.Response) -> None:
    server.answers["/metrics"] = answer
    assert await api.metrics() == "# HELP é\nx 1\n"


async def test_an_answer_without_end_is_given_up(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/metrics"] = web.Response(
        body=gzip.compress(b"x" * (METRICS_LIMIT + 1)), headers={"Content-Encoding": "gzip"}
    )
    with pytest.raises(Unavailable, match="more than 2,000,000 bytes"):
        await api.metrics()
    server.answers["/health"] = web.Response(body=b"x" * (BODY_LIMIT + 1))
    with pytest.raises(Unavailable, match="more than 500,000 bytes"):
        await api.health()


async def test_statistics_of_more_queues_than_there_can_be_are_none(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/queue/stats"] = wrapped({"stats": {f"queue-{number}": COUNTERS for number in range(501)}})
    with pytest.raises(Unavailable, match="more than 500 queues"):
        await api.queue_stats()


async def test_a_broken_encoding_is_unavailable(server: PretendApi, api: NovaPulseApi) -> None:
    server.answers["/metrics"] = web.Response(body=b"no gzip", headers={"Content-Encoding": "gzip"})
    with pytest.raises(Unavailable):
        await api.metrics()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:{free}/api/v1", "connection refused"),
        ("127.0.0.1:1/api", "missing|unsupported|protocol"),
        ("http://[::bad/api", "."),
    ],
)
async def test_an_api_that_cannot_be_reached(url: str, words: str) -> None:
    api = NovaPulseApi(ApiSettings(novapulse_api_url=url.replace("{free}", str(free_port()))))
    with pytest.raises(Unavailable, match=words):
        await api.health()
    await api.close()


async def test_close_and_call_again(api: NovaPulseApi) -> None:
    await api.health()
    await api.close()
    assert (await api.health()).ok
