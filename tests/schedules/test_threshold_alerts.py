from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bot.clients.api import NovaPulseApi
from bot.clients.mongo import Mongo
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.schedule import Observation
from bot.settings import ApiSettings, MongoSettings, RedisSettings
from bot.stores.history import histories
from bot.stores.samples import Samples
from sandbox.ports import free_port
from schedules.threshold_alerts import METRICS, QUEUE_METRICS, threshold_alerts
from tests.clients.kubernetes_server import status
from tests.clients.pretend_api import failure
from tests.schedules.conftest import NOW, Systems, as_declared, cut_off_redis

Found = dict[tuple[str, str], Observation]


async def observe(systems: Systems, **changes: Any) -> Found:
    names = ("queues", "redis", "mongo", "api", "cluster")
    asked = {name: getattr(systems, name) for name in names} | {"samples": Samples(systems.database), "now": NOW}
    found = as_declared(threshold_alerts, await threshold_alerts.handler(**(asked | changes)))
    assert all(observation.at == NOW for observation in found)
    assert {observation.metric for observation in found} == set(METRICS)
    return {(one.metric, next(iter(one.labels.values()))): one for one in found}


def values(found: Found, subject: str) -> dict[str, float | None]:
    return {metric: one.value for (metric, name), one in found.items() if name == subject}


async def test_reads_every_queue_from_redis(systems: Systems) -> None:
    await systems.fill("email", wait=3, failed=2)
    await systems.fill("report", paused=4)
    await systems.raw.hset("bull:nova-report:meta", "paused", "1")
    await systems.raw.set("bull:nova-email:id", 17)
    await systems.raw.hset("bull:nova-email:2", "timestamp", str(int((NOW - timedelta(minutes=5)).timestamp() * 1000)))
    found = await observe(systems)
    assert values(found, "email") == {
        "queue_waiting": 3,
        "queue_failed": 2,
        "queue_paused": 0,
        "queue_oldest_seconds": 300,
        "queue_stalled_seconds": None,
        "queue_workers": 0,
        "queue_readable": 1,
        "queue_unfinished": 3,
        "queue_added": 17,
        "queue_plain": 0,
    }
    # The jobs of a paused queue wait too, and how old they are is not known here.
    report = values(found, "report")
    assert (report["queue_waiting"], report["queue_paused"], report["queue_oldest_seconds"]) == (4, 1, None)
    assert values(found, "webhook")["queue_oldest_seconds"] == 0
    assert {name for metric, name in found if metric == "queue_waiting"} == {"email", "webhook", "workflow", "report"}
    assert "GET /queue/stats" not in systems.api_server.seen


async def test_a_queue_stalls_since_its_last_job_was_finished_or_the_oldest_was_due(systems: Systems) -> None:
    ago = {name: int((NOW - timedelta(minutes=each)).timestamp() * 1000) for name, each in (("old", 9), ("new", 4))}
    await systems.fill("email", wait=1)
    await systems.raw.hset("bull:nova-email:0", "timestamp", str(ago["old"]))
    stalled = [(await observe(systems))["queue_stalled_seconds", "email"].value]
    await systems.raw.zadd("bull:nova-email:completed", {"a": ago["new"]})
    stalled.append((await observe(systems))["queue_stalled_seconds", "email"].value)
    await systems.raw.hset("bull:nova-email:meta", "paused", "1")
    stalled.append((await observe(systems))["queue_stalled_seconds", "email"].value)
    assert stalled == [540, 240, 0]


async def test_every_system_that_answers_is_up(systems: Systems) -> None:
    found = await observe(systems)
    up = {name: one.value for (metric, name), one in found.items() if metric == "system_up"}
    assert up == {"redis": 1, "mongodb": 1, "api": 1, "cluster": 1}


async def test_a_queue_that_is_not_in_redis_is_unknown_and_never_0(systems: Systems) -> None:
    await systems.raw.delete("bull:nova-email:meta")
    systems.api_server.answers["/queue/stats"] = failure(500, "no")
    found = await observe(systems)
    assert "answered 500" in found["queue_waiting", "email"].reason
    assert values(found, "email") == dict.fromkeys(QUEUE_METRICS) | {"queue_readable": 0}
    assert "bull:nova-email:meta" in found["queue_waiting", "email"].reason
    assert values(found, "webhook")["queue_waiting"] == 0


async def test_a_queue_that_is_not_in_redis_is_counted_by_the_api(systems: Systems) -> None:
    await systems.raw.delete("bull:nova-email:meta")
    found = await observe(systems)
    email = values(found, "email")
    assert (email["queue_waiting"], email["queue_failed"], email["queue_readable"]) == (18, 4, 0)
    assert found["queue_waiting", "email"].reason.startswith("Read from the NovaPulse API. email: no such keys")
    assert values(found, "webhook")["queue_waiting"] == 0


async def test_without_redis_the_api_is_read_and_said_to_be(systems: Systems) -> None:
    await cut_off_redis(systems)
    found = await observe(systems)
    assert found["system_up", "redis"].value == 0
    assert "connection refused" in found["system_up", "redis"].reason
    email = values(found, "email")
    # 7 waiting, 5 paused and 6 prioritized, as the API counts them.
    assert (email["queue_waiting"], email["queue_failed"], email["queue_paused"]) == (18, 4, 1)
    assert (email["queue_workers"], email["queue_added"], email["queue_oldest_seconds"]) == (None, None, None)
    assert found["queue_waiting", "email"].reason.startswith("Read from the NovaPulse API.")


async def test_with_neither_source_everything_is_unknown_with_both_reasons(systems: Systems) -> None:
    await cut_off_redis(systems)
    systems.api_server.answers["/queue/stats"] = failure(500, "no")
    found = await observe(systems)
    assert set(values(found, "email").values()) == {None}
    reason = found["queue_waiting", "email"].reason
    assert "connection refused" in reason
    assert "answered 500" in reason


async def test_what_is_not_configured_or_forbidden_is_neither_up_nor_down(systems: Systems) -> None:
    systems.kubernetes.answers["GET /version/"] = status(403, "may not")
    found = await observe(
        systems,
        redis=RedisServer(RedisSettings(redis_url=None)),
        queues=Queues(RedisSettings(redis_url=None)),
        mongo=Mongo(MongoSettings(mongo_url=None)),
    )
    for name, reason in (("redis", "REDIS_URL"), ("mongodb", "MONGO_URL"), ("cluster", "may not")):
        assert found["system_up", name].value is None
        assert reason in found["system_up", name].reason
    readable = {name: found["system_readable", name].value for name in ("redis", "mongodb", "api", "cluster")}
    assert readable == {"redis": None, "mongodb": None, "api": 1, "cluster": 0}
    summary = found["system_readable", "cluster"].summary
    assert summary.startswith("The cluster could not be read for {for}: ")
    assert "may not" in summary


async def test_an_api_that_only_the_load_balancer_answers_for_is_down(systems: Systems) -> None:
    systems.api_server.answers["/health/live"] = failure(503, "no backend")
    found = await observe(systems)
    assert found["system_up", "api"].value == 0
    assert "503" in found["system_up", "api"].reason


async def test_systems_that_are_gone_are_down(systems: Systems) -> None:
    mongo = Mongo(MongoSettings(mongo_url=SecretStr(f"mongodb://127.0.0.1:{free_port()}/?directConnection=true")))
    api = NovaPulseApi(ApiSettings(novapulse_api_url=f"http://127.0.0.1:{free_port()}"))
    found = await observe(systems, mongo=mongo, api=api)
    assert (found["system_up", "mongodb"].value, found["system_up", "api"].value) == (0, 0)
    await mongo.close()


async def test_the_readings_are_kept_for_trends_and_forecasts(systems: Systems) -> None:
    await systems.fill("email", wait=3)
    await systems.raw.set("bull:nova-email:id", 17)
    await observe(systems)
    samples = Samples(systems.database)
    assert [sample.value for sample in await samples.series("queue/email/waiting", NOW)] == [3]
    (past,) = (await histories(samples, ("email",), NOW))["email"]
    assert (past.ready, past.unfinished, past.added, past.workers, past.is_paused) == (3, 3, 17, 0, False)


async def test_whether_a_system_answers_is_kept_too(systems: Systems) -> None:
    await cut_off_redis(systems)
    await observe(systems)
    samples = Samples(systems.database)
    kept = [
        (await samples.series(f"system/{name}/up", NOW))[0].value for name in ("redis", "mongodb", "api", "cluster")
    ]
    assert kept == [0, 1, 1, 1]


async def test_a_gap_in_the_readings_is_kept_as_a_gap(systems: Systems) -> None:
    systems.api_server.answers["/queue/stats"] = failure(500, "no")
    await systems.raw.delete("bull:nova-email:meta")
    await observe(systems)
    assert [sample.value for sample in await Samples(systems.database).series("queue/email/waiting", NOW)] == [None]


@pytest.mark.parametrize("waiting", [500, 501])
async def test_the_number_is_exact_at_the_threshold(systems: Systems, waiting: int) -> None:
    await systems.fill("email", wait=waiting)
    assert (await observe(systems))["queue_waiting", "email"].value == waiting


async def test_queues_that_no_source_gives_are_not_readable(systems: Systems) -> None:
    assert (await observe(systems))["system_readable", "queues"].value == 1
    await cut_off_redis(systems)
    assert (await observe(systems))["system_readable", "queues"].value == 1
    systems.api_server.answers["/queue/stats"] = failure(401, "Unauthorized")
    unread = (await observe(systems))["system_readable", "queues"]
    assert unread.value == 0
    assert unread.summary.startswith("The queues could not be read for {for}: Redis could not be read: connection re")


async def test_redis_that_is_slow_is_not_called_unreachable(systems: Systems) -> None:
    await systems.raw.client_pause(3_000)
    slow = (await observe(systems))["system_up", "redis"]
    await systems.raw.client_unpause()
    assert (slow.value, slow.summary) == (0, "Redis answers slowly or not at all: no answer within 2 s")
    await cut_off_redis(systems)
    refused = (await observe(systems))["system_up", "redis"]
    assert (refused.value, refused.summary) == (0, "")


async def test_plain_lists_that_are_emptied_stay_known_through_a_restart(systems: Systems, shared_redis: str) -> None:
    await systems.raw.delete("bull:nova-email:meta")
    await systems.raw.rpush("nova:email:waiting", "1")
    systems.api_server.answers["/queue/stats"] = failure(500, "no")
    assert (await observe(systems))["queue_plain", "email"].value == 1
    await systems.raw.delete("nova:email:waiting")
    restarted = Queues(RedisSettings(redis_url=SecretStr(shared_redis)))
    assert (await observe(systems, queues=restarted))["queue_readable", "email"].value == 0
    restarted.remember_plain(["email"])
    found = await observe(systems, queues=restarted)
    await restarted.close()
    assert (found["queue_waiting", "email"].value, found["queue_readable", "email"].value) == (0, 1)
