from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from structlog.testing import capture_logs

from bot.catalog import Catalog, load
from bot.clients.mongo import Mongo
from bot.clients.redis import RedisServer
from bot.errors import TimedOut
from bot.plan import Change, Plan, Step
from bot.policy_file import PolicyFile
from bot.reply import Bold, Button, Buttons, Level, Line, Note, Reply, Table, Text, When
from bot.request import Actor
from bot.settings import MongoSettings, RedisSettings
from bot.stores.fires import Fires
from bot.stores.overrides import Overrides
from bot.stores.plans import Plans, StoredPlan, Vote
from bot.stores.samples import Sample, Samples
from schedules.morning_checklist import morning_checklist
from tests.clients.kubernetes_server import JOBS, PODS, job, status
from tests.clients.pretend_api import COUNTERS, failure, wrapped
from tests.schedules.conftest import NOW, Systems, api_pod, cut_off_redis, dead_url, log
from tests.servers import ROOT

THIS_MORNING = "2026-07-01T06:30:00Z"
CALM = dict.fromkeys(COUNTERS, 0)
QUEUES = ("email", "webhook", "workflow", "report")
METRICS = (
    "# HELP queue_size Jobs\n# TYPE queue_size gauge\n"
    "# HELP http_request_errors_total Errors\n# TYPE http_request_errors_total counter\n"
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load()


def stats(**changed: dict[str, int]) -> Any:
    return wrapped({"success": True, "stats": {name: CALM | changed.get(name, {}) for name in QUEUES}})


@pytest.fixture
async def calm(systems: Systems, shared_redis: str) -> AsyncIterator[Systems]:
    """A morning on which all is well, but for the metrics that nothing feeds; every queue has its worker."""
    systems.api_server.answers["/queue/stats"] = stats()
    systems.api_server.answers["/metrics"] = wrapped(METRICS)
    async with AsyncExitStack() as stack:
        for name in QUEUES:
            own = f"bull:{b64encode(f'nova-{name}'.encode()).decode()}"
            worker = await stack.enter_async_context(Redis.from_url(shared_redis, client_name=own))
            await worker.ping()
        yield systems


async def run(systems: Systems, catalog: Catalog, **changes: Any) -> Reply:
    asked = {name: getattr(systems, name) for name in ("api", "queues", "redis", "mongo", "cluster", "cronjobs")} | {
        "fires": Fires(systems.database),
        "plans": Plans(systems.database),
        "samples": Samples(systems.database),
        "overrides": Overrides(systems.database),
        "policy": PolicyFile(ROOT / "policy.toml", catalog),
        "catalog": catalog,
        "now": NOW,
    }
    reply = await morning_checklist.handler(**(asked | changes))
    assert isinstance(reply, Reply)
    return reply


async def remember(systems: Systems, reply: Reply) -> None:
    """Store a checklist as yesterday's."""
    fires, due = Fires(systems.database), NOW - timedelta(days=1)
    assert await fires.claim("morning-checklist", due, "a", due)
    async with systems.database.transaction() as connection:
        result = {"reply": reply.model_dump(mode="json")}
        await fires.finish(("morning-checklist", due), "a", due, result, connection=connection)


def lines(reply: Reply) -> dict[str, Line]:
    return {part.label: part for part in reply.parts if isinstance(part, Line)}


def buttons(reply: Reply) -> list[Button]:
    return [button for part in reply.parts if isinstance(part, Buttons) for button in part.buttons]


def since(reply: Reply) -> str:
    (text,) = (part for part in reply.parts if isinstance(part, Text))
    return "".join(span for span in text.spans if isinstance(span, str))


async def test_a_calm_morning(calm: Systems, catalog: Catalog) -> None:
    reply = await run(calm, catalog)
    found = lines(reply)
    green = {label for label, line in found.items() if line.level is Level.OK}
    assert green == {
        *("API health", "API live", "API ready", "Redis", "MongoDB", "API pods", "Worker pods", "API error log"),
        *(f"Queue {name}" for name in QUEUES),
        *("Backup of MongoDB", "Backup of Redis"),
        "Break-glass",
    }
    assert found["API health"].value == "mongodb up, redis up"
    assert found["API pods"].value == "2 of 2 ready, 0 restarts"
    assert (reply.title, reply.level) == ("Morning checklist: green, 1 not measured", Level.OK)
    assert found["API error log"].value == "no errors in the last day, 2 pods read"
    assert buttons(reply) == []


async def test_a_level_that_has_become_nobodys_is_amber(calm: Systems, catalog: Catalog, tmp_path: Path) -> None:
    text = (ROOT / "policy.toml").read_text(encoding="utf-8")
    path = tmp_path / "policy.toml"
    ended = f"until = {NOW - timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"
    path.write_text(text.replace('title = "CTO"\n', f'title = "CTO"\n{ended}\n'), encoding="utf-8")
    # It was good when it was read, and time has passed.
    policy = PolicyFile(path, catalog, clock=lambda: NOW - timedelta(days=60))
    reply = await run(calm, catalog, policy=policy)
    line = lines(reply)["On call"]
    assert (line.level, line.value) == (Level.WARNING, "level 4 (CTO) has nobody")
    assert "/oncall" in [button.value for button in buttons(reply)]


async def test_a_metric_without_a_sample_is_unknown_and_says_why(calm: Systems, catalog: Catalog) -> None:
    line = lines(await run(calm, catalog))["Metrics"]
    unfed = "not measured: the API's metrics carry no samples of"
    assert (line.level, line.value) == (Level.UNKNOWN, f"{unfed} queue_size and http_request_errors_total")
    calm.api_server.answers["/metrics"] = wrapped('# TYPE queue_size gauge\nqueue_size{queue="email"} 12\n')
    found = lines(await run(calm, catalog))
    assert (found["queue_size"].level, found["queue_size"].value) == (
        Level.OK,
        "email 12, by the replica that answered",
    )
    assert found["Metrics"].value == f"{unfed} http_request_errors_total"
    fed = "# TYPE {0} gauge\n{0} 12\n"
    calm.api_server.answers["/metrics"] = wrapped("".join(map(fed.format, ("queue_size", "http_request_errors_total"))))
    assert (await run(calm, catalog)).title == "Morning checklist: green"


async def test_what_is_not_watched_is_counted_apart_and_no_failure(
    calm: Systems, catalog: Catalog, tmp_path: Path
) -> None:
    path, text = tmp_path / "policy.toml", (ROOT / "policy.toml").read_text(encoding="utf-8")
    path.write_text(text.replace('cronjob = "mongo-backup"', "watched = false"), encoding="utf-8")
    reply = await run(calm, catalog, policy=PolicyFile(path, catalog))
    assert (reply.title, reply.level) == ("Morning checklist: green, 1 not measured, 1 not watched", Level.OK)


async def test_a_backup_that_failed_is_amber(calm: Systems, catalog: Catalog) -> None:
    calm.kubernetes.answers[f"GET {JOBS}"] = {"items": [job("mongo-backup-77", failed="2026-07-01T07:10:00Z")]}
    reply = await run(calm, catalog)
    assert lines(reply)["Backup of MongoDB"].level is Level.WARNING
    assert reply.title.startswith("Morning checklist: 1 amber")


async def test_the_sizes_that_the_api_measures_are_judged_queue_by_queue(calm: Systems, catalog: Catalog) -> None:
    sizes = "# TYPE queue_size gauge\n" + "".join(
        f'queue_size{{queue="{name}"}} {size}\n'
        for name, size in {"email": 501, "report": 900, "webhook": 50_000, "workflow": "NaN"}.items()
    )
    calm.api_server.answers["/metrics"] = wrapped(sizes)
    line = lines(await run(calm, catalog))["queue_size"]
    said = "email 501 (warning), report 900, webhook 50,000 (critical), workflow unknown, by the replica that answered"
    assert (line.level, line.value) == (Level.CRITICAL, said)


async def test_what_is_not_measured_is_counted_beside_what_fails(calm: Systems, catalog: Catalog) -> None:
    calm.api_server.answers["/queue/stats"] = stats(email={"waiting": 501})
    reply = await run(calm, catalog)
    assert (reply.title, reply.level) == ("Morning checklist: 1 amber, 14 green, 1 not measured", Level.WARNING)
    calm.api_server.answers["/metrics"] = failure(500, "no")
    assert (await run(calm, catalog)).title == "Morning checklist: 1 amber, 1 unknown, 14 green"


@pytest.mark.parametrize(
    ("counts", "level", "said"),
    [
        ({"waiting": 500, "failed": 100}, Level.OK, "500 waiting, 100 failed"),
        ({"waiting": 501}, Level.WARNING, "501 waiting (warning), 0 failed"),
        ({"waiting": 600, "paused": 401}, Level.CRITICAL, "1,001 waiting (critical), 0 failed, paused with jobs in it"),
        ({"failed": 101}, Level.WARNING, "0 waiting, 101 failed (warning)"),
        ({"failed": 1000}, Level.CRITICAL, "0 waiting, 1,000 or more failed (critical)"),
    ],
)
async def test_queues_are_measured_by_the_policys_thresholds(
    calm: Systems, catalog: Catalog, counts: dict[str, int], level: Level, said: str
) -> None:
    calm.api_server.answers["/queue/stats"] = stats(email=counts)
    line = lines(await run(calm, catalog))["Queue email"]
    assert (line.level, line.value) == (level, said)


async def test_failing_items_have_their_next_step(calm: Systems, catalog: Catalog) -> None:
    calm.api_server.answers["/queue/stats"] = stats(email={"waiting": 2000})
    reply = await run(calm, catalog)
    assert reply.level is Level.CRITICAL
    assert [(button.action, button.value) for button in buttons(reply)] == [
        ("form", "/scale-workers +2"),
        ("run", "/queue-stats email"),
    ]


async def test_the_next_step_of_failed_jobs_is_the_policys(calm: Systems, catalog: Catalog) -> None:
    calm.api_server.answers["/queue/stats"] = stats(email={"failed": 120}, report={"failed": 101})
    await calm.raw.delete("bull:nova-workflow:meta")
    assert [button.value for button in buttons(await run(calm, catalog))] == [
        "/failed-jobs email",
        "/queue-stats email",
        "/failed-jobs report",
        "/queue-stats report",
    ]


async def test_the_next_step_of_queues_that_pass_no_rule_is_to_look(calm: Systems, catalog: Catalog) -> None:
    await calm.raw.delete("bull:nova-workflow:meta")
    assert [button.value for button in buttons(await run(calm, catalog))] == ["/queue-stats"]


async def test_without_the_api_the_queues_are_those_of_redis(calm: Systems, catalog: Catalog) -> None:
    calm.api_server.answers["/queue/stats"] = failure(500, "no")
    await calm.fill("email", wait=501)
    await calm.raw.delete("bull:nova-report:meta")
    reply = await run(calm, catalog)
    found = lines(reply)
    assert found["Queue email"].value == "501 waiting (warning), 0 failed"
    assert found["Queue report"].level is Level.UNKNOWN
    assert "bull:nova-report:meta" in found["Queue report"].value
    notes = [str(part) for part in reply.parts if isinstance(part, Note)]
    assert any("answered 500" in note for note in notes)


async def test_what_is_down_is_red_or_unknown_and_holds_nothing_up(calm: Systems, catalog: Catalog) -> None:
    await cut_off_redis(calm)
    for path in ("/health", "/health/ready", "/queue/stats", "/metrics"):
        calm.api_server.answers[path] = failure(500, "Redis down")
    calm.kubernetes.answers[f"GET {PODS}"] = status(403, "may not")
    found = lines(await run(calm, catalog))
    levels = {label: line.level for label, line in found.items()}
    assert levels == {
        "API health": Level.CRITICAL,
        "API live": Level.OK,
        "API ready": Level.CRITICAL,
        "Redis": Level.CRITICAL,
        "MongoDB": Level.OK,
        "API pods": Level.UNKNOWN,
        "Worker pods": Level.UNKNOWN,
        "Queues": Level.UNKNOWN,
        "Metrics": Level.UNKNOWN,
        "Backup of MongoDB": Level.OK,
        "Backup of Redis": Level.UNKNOWN,
        "Break-glass": Level.OK,
        "API error log": Level.UNKNOWN,
    }
    assert "connection refused" in found["Redis"].value
    assert "answered 500: Redis down" in found["API health"].value


async def test_what_is_not_configured_is_said_with_its_variable(calm: Systems, catalog: Catalog) -> None:
    found = lines(
        await run(
            calm,
            catalog,
            mongo=Mongo(MongoSettings(mongo_url=None)),
            redis=RedisServer(RedisSettings(redis_url=None)),
        )
    )
    for label, variable in (("MongoDB", "MONGO_URL"), ("Redis", "REDIS_URL")):
        assert found[label].level is Level.UNKNOWN
        assert variable in found[label].value


async def test_the_logs_of_all_api_pods_are_read_and_4xx_left_apart(calm: Systems, catalog: Catalog) -> None:
    def http(code: int, message: str) -> str:
        return (
            f'\x1b[31merror\x1b[39m: HTTP Exception: {{\n  "statusCode": {code},\n  "message": "{message}"\n'
            '} {"timestamp":"2026-07-01T07:00:00.000Z"}\n'
        )

    log(calm.kubernetes, "api-a", http(500, "token=verysecretvalue broke") * 3 + http(404, "not found") * 5)
    log(calm.kubernetes, "api-b", "Redis connection error: ECONNREFUSED\n" + http(500, "other") + http(502, "third"))
    reply = await run(calm, catalog)
    line = lines(reply)["API error log"]
    assert line.level is Level.WARNING
    assert line.value == "6 errors of 4 kinds and 5 answers of 4xx in the last day, 2 pods read"
    (table,) = (part for part in reply.parts if isinstance(part, Table))
    assert len(table.rows) == 3
    assert table.rows[0][:2] == ("3", "500")
    assert "verysecretvalue" not in str(reply)
    assert "/rollout-status api" in [button.value for button in buttons(reply)]
    asked = [one for one in calm.kubernetes.asked if one.path.endswith("/log")]
    assert {one.query["sinceSeconds"] for one in asked} == {"86400"}


async def test_a_log_that_could_not_be_read_is_no_all_clear(calm: Systems, catalog: Catalog) -> None:
    calm.kubernetes.answers[f"GET {PODS}/api-b/log"] = status(400, "container is waiting to start")
    line = lines(await run(calm, catalog))["API error log"]
    assert line.level is Level.UNKNOWN
    assert "1 pod read; not read: api-b" in line.value


async def test_the_logs_of_pods_that_are_younger_than_a_day_are_no_all_clear(calm: Systems, catalog: Catalog) -> None:
    young = [api_pod("api-a", since="2026-07-01T07:40:00Z"), api_pod("api-b", since=THIS_MORNING)]
    calm.kubernetes.answers[f"GET {PODS}"] = {"items": young}
    line = lines(await run(calm, catalog))["API error log"]
    said = "no errors since 07-01 06:30 UTC, when the oldest pod started, 2 pods read"
    assert (line.level, line.value) == (Level.UNKNOWN, said)


async def test_a_pod_that_was_evicted_is_no_trouble_of_todays(calm: Systems, catalog: Catalog) -> None:
    evicted = api_pod("api-c", restarts=7)
    evicted["status"] |= {"phase": "Failed", "reason": "Evicted", "containerStatuses": []}
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-06-25T05:00:00Z"}
    evicted["status"]["conditions"] = [ready]
    calm.kubernetes.answers[f"GET {PODS}"] = {"items": [evicted, api_pod("api-a"), api_pod("api-b")]}
    found = lines(await run(calm, catalog))
    assert (found["API pods"].level, found["API pods"].value) == (Level.OK, "2 of 2 ready, 0 restarts")
    gone = "1 pod that ended at 06-25 05:00:00 UTC (Evicted) has no log any more: api-c"
    said = f"no errors in the last day, 2 pods read; {gone}"
    assert (found["API error log"].level, found["API error log"].value) == (Level.OK, said)
    ready["lastTransitionTime"] = "2026-07-01T05:00:00Z"
    assert lines(await run(calm, catalog))["API error log"].level is Level.UNKNOWN


async def test_pods_that_are_missing_or_restarted_are_seen(calm: Systems, catalog: Catalog) -> None:
    calm.kubernetes.answers[f"GET {PODS}"] = {"items": [api_pod("api-a"), api_pod("api-b", ready=False)]}
    line = lines(await run(calm, catalog))["API pods"]
    assert (line.level, line.value) == (Level.WARNING, "1 of 2 ready, 0 restarts")


@pytest.mark.parametrize(
    ("started", "ended", "level"),
    [
        ("2026-06-20T08:00:00Z", "2026-07-01T05:00:00Z", Level.WARNING),
        ("2026-06-20T08:00:00Z", "2026-06-25T05:00:00Z", Level.OK),
        ("2026-07-01T02:00:00Z", None, Level.WARNING),  # no older than its restarts
        ("2026-06-20T08:00:00Z", None, Level.OK),
        (None, None, Level.WARNING),  # when is unknown, and unknown is not well
    ],
)
async def test_restarts_of_the_last_day_are_amber(
    calm: Systems, catalog: Catalog, started: str | None, ended: str | None, level: Level
) -> None:
    last = {"terminated": {"reason": "OOMKilled", "finishedAt": ended}} if ended else {}
    restarted = api_pod("api-a", restarts=3)
    restarted["status"] |= {
        "startTime": started,
        "containerStatuses": [{"name": "api", "restartCount": 3, "lastState": last}],
    }
    calm.kubernetes.answers[f"GET {PODS}"] = {"items": [restarted, api_pod("api-b")]}
    line = lines(await run(calm, catalog))["API pods"]
    assert line.level is level
    assert line.value.startswith("2 of 2 ready, 3 restarts")
    assert ("1 pod restarted in the last day" in line.value) is (level is Level.WARNING)


async def test_a_pod_that_crashes_again_and_again_is_red(calm: Systems, catalog: Catalog) -> None:
    crashing = api_pod("api-a", ready=False, restarts=7, since=THIS_MORNING)
    state = {"waiting": {"reason": "CrashLoopBackOff"}}
    crashing["status"] |= {"containerStatuses": [{"name": "api", "restartCount": 7, "state": state}]}
    calm.kubernetes.answers[f"GET {PODS}"] = {"items": [crashing, api_pod("api-b")]}
    line = lines(await run(calm, catalog))["API pods"]
    said = "1 of 2 ready, 7 restarts, 1 pod restarted in the last day, CrashLoopBackOff"
    assert (line.level, line.value) == (Level.CRITICAL, said)


async def test_what_is_down_says_since_when(calm: Systems, catalog: Catalog) -> None:
    await cut_off_redis(calm)
    calm.api_server.answers["/health/live"] = failure(503, "gone")
    calm.kubernetes.answers[f"GET {PODS}"] = status(503, "starting")
    for system in ("redis", "cluster", "api"):
        moments = ((50, 1.0), (44, 0.0))
        found = [Sample(f"system/{system}/up", NOW - timedelta(minutes=ago), up) for ago, up in moments]
        await Samples(calm.database).add(found)
    found_lines = lines(await run(calm, catalog))
    for label in ("Redis", "API live", "API pods"):
        assert "since 07:16 UTC" in found_lines[label].value
    assert "since" not in found_lines["MongoDB"].value


async def test_the_first_checklist_has_nothing_to_compare_with(calm: Systems, catalog: Catalog) -> None:
    assert "no earlier checklist" in since(await run(calm, catalog))


async def test_what_changed_since_yesterday_is_said(calm: Systems, catalog: Catalog) -> None:
    calm.api_server.answers["/queue/stats"] = stats(email={"failed": 120}, report={"failed": 600})
    await remember(calm, await run(calm, catalog))
    assert "Nothing changed." in since(await run(calm, catalog))
    calm.api_server.answers["/queue/stats"] = stats(email={"failed": 180})
    calm.mongo_server.answers["ping"] = {"ok": 0.0, "code": 13, "errmsg": "not authorized"}
    said = since(await run(calm, catalog))
    assert "- Queue email: still amber, was “0 waiting, 120 failed (warning)”" in said
    assert "- Queue report: was red, is now green (0 waiting, 0 failed)" in said
    assert "- MongoDB: was green, is now unknown" in said
    assert "Queue webhook" not in said


async def test_green_lines_that_count_are_compared_too(calm: Systems, catalog: Catalog) -> None:
    await remember(calm, await run(calm, catalog))
    calm.api_server.answers["/queue/stats"] = stats(email={"waiting": 480})
    calm.kubernetes.answers[f"GET {PODS}"] = {
        "items": [api_pod("api-a", restarts=6, since=THIS_MORNING), api_pod("api-b")]
    }
    reply = await run(calm, catalog)
    said = since(reply)
    assert "- Queue email: still green, was “0 waiting, 0 failed”, is now “480 waiting, 0 failed”" in said
    assert "- API pods: was green, is now amber (2 of 2 ready, 6 restarts, 1 pod restarted in the last day)" in said
    assert "Redis" not in said
    (text,) = (part for part in reply.parts if isinstance(part, Text))
    assert (text.spans[0], text.spans[2]) == (Bold(text="Since"), When(at=NOW - timedelta(days=1)))


async def test_what_is_no_longer_shown_is_said(calm: Systems, catalog: Catalog) -> None:
    await remember(calm, await run(calm, catalog))
    calm.api_server.answers["/queue/stats"] = failure(500, "no")
    await cut_off_redis(calm)
    said = since(await run(calm, catalog))
    assert "- Queues: new, unknown" in said
    assert "- no longer shown: Queue email, was “0 waiting, 0 failed”" in said


async def test_an_error_counter_is_a_note_and_no_all_clear(calm: Systems, catalog: Catalog) -> None:
    counted = "# TYPE http_request_errors_total counter\nhttp_request_errors_total 7\n"
    calm.api_server.answers["/metrics"] = wrapped(counted)
    reply = await run(calm, catalog)
    assert "http_request_errors_total" not in lines(reply)
    notes = ["".join(map(str, part.spans)) for part in reply.parts if isinstance(part, Note)]
    assert notes == ["http_request_errors_total: 7 since the replica that answered started."]


async def test_a_queue_that_redis_does_not_have_is_said_though_the_api_counts_it(
    calm: Systems, catalog: Catalog
) -> None:
    await calm.raw.delete("bull:nova-report:meta")
    line = lines(await run(calm, catalog))["Queue report"]
    assert line.level is Level.UNKNOWN
    assert line.value.startswith("0 waiting, 0 failed, report: no such keys in Redis (bull:nova-report:meta")


async def test_waiting_jobs_that_nobody_works_on_are_amber(calm: Systems, catalog: Catalog) -> None:
    calm.api_server.answers["/queue/stats"] = stats(email={"waiting": 3}, report={"paused": 3})
    await calm.raw.client_kill_filter(_type="normal", skipme=True)
    found = lines(await run(calm, catalog))
    assert (found["Queue email"].level, found["Queue email"].value) == (
        Level.WARNING,
        "3 waiting, 0 failed, nobody works on them",
    )
    assert found["Queue report"].value == "3 waiting, 0 failed, paused with jobs in it"


async def test_a_stored_checklist_that_cannot_be_read_is_left_alone(calm: Systems, catalog: Catalog) -> None:
    fires = Fires(calm.database)
    assert await fires.claim("morning-checklist", NOW, "a", NOW)
    async with calm.database.transaction() as connection:
        await fires.finish(("morning-checklist", NOW), "a", NOW, {"reply": {"strange": 1}}, connection=connection)
    assert "no earlier checklist" in since(await run(calm, catalog))


async def test_break_glass_of_the_last_day_is_listed(calm: Systems, catalog: Catalog) -> None:
    plan = Plan(
        title="Scale",
        target="deployment/novapulse-worker",
        changes=(Change(what="pods", before="2", after="5"),),
        steps=(Step(title="Scale", operation="cluster.scale"),),
    )
    stored = StoredPlan(
        id="k3v9x2mq7a",
        request_id="r1",
        command="/scale-workers",
        arguments={},
        plan=plan,
        digest="d",
        requester=Actor(id="U1", name="Otto"),
        channel="C1",
        source="slash",
        undo_of=None,
        needed=1,
        status="started",
        reason="",
        created_at=NOW - timedelta(hours=5),
        approve_by=NOW,
        execute_by=None,
        asked_next_at=None,
        break_glass=True,
        closed_at=None,
    )
    async with calm.database.transaction() as connection:
        await Plans(calm.database).add(connection, stored)
        alone = Vote(Actor(id="U9", name="Nora"), "break_glass", "the queue was burning", NOW - timedelta(hours=4))
        await Plans(calm.database).vote(connection, stored.id, alone)
    line = lines(await run(calm, catalog))["Break-glass"]
    assert line.level is Level.WARNING
    assert line.value == "/scale-workers by Nora alone, 04:00 UTC: the queue was burning"


async def test_an_unexpected_error_in_one_check_hides_no_other(calm: Systems, catalog: Catalog) -> None:
    class Broken(RedisServer):
        async def ping(self, *, seconds: float = 2.0) -> float:
            raise RuntimeError(f"bug {seconds}")

    broken = Broken(RedisSettings(redis_url=SecretStr(dead_url())))
    with capture_logs() as logs:
        found = lines(await run(calm, catalog, redis=broken))
    assert found["Redis"].level is Level.UNKNOWN
    assert logs[0]["error_id"] in found["Redis"].value
    assert found["MongoDB"].level is Level.OK


async def test_a_slow_system_is_down_and_the_rest_is_shown(calm: Systems, catalog: Catalog) -> None:
    class Slow(RedisServer):
        async def ping(self, *, seconds: float = 2.0) -> float:
            raise TimedOut("Redis", seconds)

    found = lines(await run(calm, catalog, redis=Slow(RedisSettings(redis_url=None))))
    assert (found["Redis"].level, found["Redis"].value) == (
        Level.CRITICAL,
        "Redis could not be read: no answer within 2 s.",
    )
