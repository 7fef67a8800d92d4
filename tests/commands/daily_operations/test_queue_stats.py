"""``/queue-stats``: two sources, one of which may lie, hang or be gone, and never a 0 that nobody counted."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.api import NovaPulseApi
from bot.clients.queues import Queues
from bot.errors import UsageError
from bot.policy_file import PolicyFile
from bot.reply import Chart, Level, Reply, Table
from bot.settings import ApiSettings, RedisSettings
from bot.stores.samples import Sample, Samples
from commands.daily_operations.queue_stats import queue_stats
from tests.clients.pretend_api import NAMES, PretendApi, failure, wrapped
from tests.commands.said import line, said
from tests.servers import NodeQueues

Ask = Callable[..., Awaitable[Reply]]


@pytest.fixture
def ask(api: NovaPulseApi, queues: Queues, samples: Samples, policy: PolicyFile, now: datetime) -> Ask:
    async def asked(queue: str = "", **other: Any) -> Reply:
        given = {"api": api, "queues": queues, "samples": samples, "policy": policy, "now": now, **other}
        reply = await queue_stats.handler(queue, **given)
        assert isinstance(reply, Reply)
        return reply

    return asked


@pytest.fixture
async def api_counts(api_server: PretendApi) -> Callable[..., None]:
    def count(**queues: dict[str, int]) -> None:
        names = ("email", "webhook", "workflow", "report")
        stats = {name: dict.fromkeys(NAMES, 0) | queues.get(name, {}) for name in names}
        answer = wrapped({"success": True, "stats": stats})
        api_server.answers["/queue/stats"] = answer

    count()
    return count


async def fill(raw: Redis, state: str, number: int, queue: str = "email") -> None:
    if state in ("wait", "active", "paused"):
        await raw.rpush(f"bull:nova-{queue}:{state}", *map(str, range(number)))
    else:
        await raw.zadd(f"bull:nova-{queue}:{state}", {str(job): job for job in range(number)})


@pytest.mark.usefixtures("api_counts")
async def test_quiet_queues_are_well(ask: Ask) -> None:
    reply = await ask()
    assert reply.level is Level.OK
    assert reply.title == "The queues are within their limits"
    assert line(reply, "email").value.startswith("0 waiting · 0 failed · 0 workers · ")
    assert "checked against Redis" in said(reply)


async def test_thresholds_of_the_policy_are_marked(ask: Ask, api_counts: Callable[..., None], raw: Redis) -> None:
    api_counts(email={"waiting": 1200}, webhook={"waiting": 1200}, report={"failed": 101}, workflow={"waiting": 1000})
    await fill(raw, "wait", 1200)
    await fill(raw, "wait", 1200, "webhook")
    await fill(raw, "failed", 101, "report")
    await fill(raw, "wait", 1000, "workflow")
    reply = await ask()
    assert reply.level is Level.CRITICAL
    assert line(reply, "email").value.startswith("1,200 waiting (critical: over 1,000)")
    assert line(reply, "webhook").value.startswith("1,200 waiting (warning: over 1,000)")
    assert "101 failed (warning: over 100)" in line(reply, "report").value
    assert line(reply, "workflow").value.startswith("1,000 waiting · 0 failed · ")


async def test_jobs_that_nobody_works_on_are_a_warning(ask: Ask, api_counts: Callable[..., None], raw: Redis) -> None:
    api_counts(email={"waiting": 3})
    await fill(raw, "wait", 3)
    reply = await ask()
    assert (reply.level, reply.title) == (Level.WARNING, "Jobs wait and nobody works on them")
    assert "nobody works on them" in line(reply, "email").value
    assert line(reply, "webhook").level is Level.OK
    await raw.client_setname("bull:bm92YS1lbWFpbA==")
    assert (await ask()).level is Level.OK


async def test_a_paused_queue_with_jobs_is_a_warning(
    ask: Ask, api_counts: Callable[..., None], dead_queues: Queues
) -> None:
    api_counts(email={"paused": 3})
    found = line(await ask(queues=dead_queues), "email")
    assert (found.level, found.value) == (
        Level.WARNING,
        "3 waiting · 0 failed · paused with jobs in it · no forecast without Redis",
    )


async def test_a_counter_that_the_api_leaves_out_is_no_all_clear(ask: Ask, api_server: PretendApi) -> None:
    entry = {name: 0 for name in NAMES if name != "waiting"}
    api_server.answers["/queue/stats"] = wrapped({"success": True, "stats": {"email": entry}})
    found = line(await ask("email"), "email")
    assert found.level is Level.UNKNOWN
    assert found.value.startswith("waiting unknown · 0 failed")


async def test_since_when_a_source_is_down(
    ask: Ask, samples: Samples, dead_queues: Queues, now: datetime, api_counts: Callable[..., None]
) -> None:
    api_counts()
    await samples.add([Sample("system/redis/up", now - timedelta(minutes=2 - up), 1.0 - up) for up in (0, 1)])
    reply = await ask(queues=dead_queues)
    assert "Redis could not be read: connection refused. Down since 08:59 UTC. These are" in said(reply)


@pytest.mark.usefixtures("api_counts")
async def test_whose_numbers_they_are_is_said_by_queue(ask: Ask, raw: Redis) -> None:
    await raw.delete("bull:nova-report:meta")
    reply = await ask()
    assert line(reply, "report").level is Level.UNKNOWN
    assert "bull:nova-report:meta" in line(reply, "report").value
    assert (
        "Numbers by the NovaPulse API, checked against Redis: email, webhook, workflow; "
        "by the NovaPulse API alone: report." in said(reply)
    )


async def test_a_name_is_found_however_it_is_typed(ask: Ask, api_server: PretendApi) -> None:
    stats = {"uploadCleanup": dict.fromkeys(NAMES, 0)}
    api_server.answers["/queue/stats"] = wrapped({"success": True, "stats": stats})
    assert line(await ask("UPLOADcleanup"), "uploadCleanup").level is Level.OK


async def test_jobs_of_a_paused_queue_wait_too(ask: Ask, api_counts: Callable[..., None], raw: Redis) -> None:
    api_counts(email={"paused": 700})
    await fill(raw, "paused", 700)
    await raw.hset("bull:nova-email:meta", "paused", "1")
    reply = await ask("email")
    assert "700 waiting (warning: over 500)" in line(reply, "email").value
    assert "paused, so nothing is worked on" in line(reply, "email").value


async def test_a_thousand_failed_jobs_are_a_thousand_or_more(ask: Ask, api_counts: Callable[..., None]) -> None:
    api_counts(email={"failed": 1000})
    assert "1,000 or more failed (critical: over 500)" in line(await ask(), "email").value


async def test_the_oldest_job_the_rates_and_the_forecast(
    ask: Ask, samples: Samples, node: NodeQueues, raw: Redis, now: datetime
) -> None:
    await node.ask("add", "nova-email", jobs=[{}] * 3)
    for job in range(1, 4):
        await raw.hset(f"bull:nova-email:{job}", "timestamp", str(int((now.timestamp() - 360) * 1000)))
    await samples.add([Sample("queue/email/waiting", now - timedelta(seconds=s), 10.0 + s) for s in (60, 30)])
    reply = await ask("email")
    assert "the oldest has waited about 6 min" in line(reply, "email").value
    assert "no workers connected" in line(reply, "email").value
    (chart,) = [part for part in reply.parts if isinstance(part, Chart)]
    assert (chart.label, chart.values) == ("email, waiting, last 60 s", (70.0, 40.0))


async def test_a_forecast_from_what_was_recorded(
    ask: Ask, samples: Samples, raw: Redis, api_counts: Callable[..., None], now: datetime
) -> None:
    api_counts(email={"waiting": 100})
    await fill(raw, "wait", 100)
    await raw.set("bull:nova-email:id", 500)
    await raw.client_setname("bull:bm92YS1lbWFpbA==")
    for seconds, waiting, added in ((60, 160, 440), (30, 130, 470)):
        values = {"waiting": waiting, "unfinished": waiting, "added": added, "workers": 1, "paused": 0}
        moment = now - timedelta(seconds=seconds)
        await samples.add([Sample(f"queue/email/{name}", moment, float(value)) for name, value in values.items()])
    value = line(await ask("email"), "email").value
    assert "1 worker · in 60 and out 120 a minute · empty in about 2 min" in value


async def test_redis_alone_when_the_api_is_down(ask: Ask, dead_api: NovaPulseApi, raw: Redis) -> None:
    await fill(raw, "wait", 7)
    reply = await ask(api=dead_api)
    assert line(reply, "email").value.startswith("7 waiting")
    assert "NovaPulse API could not be read: connection refused. These are the other source's numbers." in said(reply)
    assert "Numbers by Redis alone." in said(reply)


async def test_the_api_alone_when_redis_is_down(ask: Ask, dead_queues: Queues, api_counts: Callable[..., None]) -> None:
    api_counts(email={"waiting": 7})
    reply = await ask(queues=dead_queues)
    assert line(reply, "email").value == "7 waiting · 0 failed · no forecast without Redis"
    assert "Redis could not be read: connection refused." in said(reply)
    assert "Numbers by the NovaPulse API alone." in said(reply)


async def test_nothing_is_known_when_both_are_down(ask: Ask, dead_api: NovaPulseApi, dead_queues: Queues) -> None:
    reply = await ask(api=dead_api, queues=dead_queues)
    assert reply.level is Level.UNKNOWN
    assert reply.title == "The queues could not be read: how they stand is unknown"
    assert said(reply).count("could not be read: connection refused") == 2
    assert not [part for part in reply.parts if isinstance(part, Table)]


async def test_keys_that_do_not_exist_are_unknown_and_not_0(
    ask: Ask, shared_redis: str, raw: Redis, dead_api: NovaPulseApi
) -> None:
    del raw
    names = RedisSettings(redis_url=SecretStr(shared_redis), queues={"email": "mails", "webhook": "nova-webhook"})
    wrong = Queues(names)
    reply = await ask(queues=wrong, api=dead_api)
    await wrong.close()
    assert reply.level is Level.UNKNOWN
    assert line(reply, "email").level is Level.UNKNOWN
    assert "unknown. email: no such keys in Redis (bull:mails:meta" in line(reply, "email").value
    assert "found instead: bull:nova-email" in line(reply, "email").value
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert table.rows[0] == ("email", "?", "?", "?", "?", "?", "?")
    assert table.rows[1][1] == "0"


async def test_the_runbooks_own_layout_works(ask: Ask, raw: Redis, dead_api: NovaPulseApi) -> None:
    await raw.flushall()
    await raw.rpush("nova:email:waiting", *map(str, range(600)))
    reply = await ask("email", api=dead_api)
    assert line(reply, "email").level is Level.WARNING
    assert line(reply, "email").value.startswith("600 waiting (warning: over 500) · 0 failed")


async def test_sources_that_disagree_are_said_to(ask: Ask, api_counts: Callable[..., None], raw: Redis) -> None:
    api_counts(email={"waiting": 300})
    await fill(raw, "wait", 100)
    reply = await ask()
    assert "the API counts 300 waiting, Redis 100" in said(reply)


async def test_an_api_that_forbids_says_what_it_answered(ask: Ask, api_server: PretendApi) -> None:
    api_server.answers["/queue/stats"] = failure(403, "Forbidden resource")
    assert "NovaPulse API could not be read: answered 403: Forbidden resource." in said(await ask())


async def test_a_missing_login_names_the_variable(ask: Ask, api_server: PretendApi) -> None:
    bare = NovaPulseApi(ApiSettings(novapulse_api_url=api_server.url))
    reply = await ask(api=bare)
    await bare.close()
    assert "NOVAPULSE_EMAIL" in said(reply)


@pytest.mark.usefixtures("api_counts")
async def test_one_queue_by_its_name(ask: Ask) -> None:
    reply = await ask("EMAIL")
    assert line(reply, "email").level is Level.OK
    assert "webhook" not in said(reply)


@pytest.mark.usefixtures("api_counts")
async def test_an_unknown_queue_is_answered_with_those_that_exist(ask: Ask) -> None:
    with pytest.raises(UsageError, match="there are email, webhook, workflow, report") as caught:
        await ask("emial")
    assert (caught.value.nearest, caught.value.usage) == ("email", "/queue-stats [queue]")
    with pytest.raises(UsageError, match="no queue") as caught:
        await ask("password=hunter2")
    assert "hunter2" not in caught.value.message
