"""The backups: how old, how the last run ended, and unknown, with the reason, where nothing tells."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.alert_rule import AlertRule
from bot.alerting.evaluate import evaluate
from bot.catalog import load
from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_cronjobs import CronJobs
from bot.clients.cluster_workloads import Workloads
from bot.clients.compose_cronjobs import ComposeCronJobs
from bot.clients.platform import CronJobReading
from bot.clients.redis import RedisServer
from bot.policy_file import PolicyFile
from bot.reply import Level, Line
from bot.schedule import Observation
from bot.settings import PlatformSettings, RedisSettings
from schedules.backup_watch import METRICS, backup_watch
from schedules.morning_backups import backup_lines
from tests.clients.kubernetes_server import CRONJOBS, JOBS, cronjob, job, status
from tests.schedules.conftest import NOW, Systems, as_declared, dead_url
from tests.servers import ROOT

DEFAULT = (ROOT / "policy.toml").read_text(encoding="utf-8")
NAMED = '[backups.mongodb]\ncronjob = "mongo-backup"\nevery = "1d"\n\n[backups.redis]\nevery = "1d"\n'
Watch = Callable[..., Awaitable["Seen"]]


class Seen:
    """What was observed, which of the policy's rules fire at once by it, and what the checklist says."""

    def __init__(self, found: list[Observation], rules: tuple[AlertRule, ...], lines: dict[str, Line]) -> None:
        self.found = found
        self.lines = lines
        at_once = tuple(rule.model_copy(update={"hold": {}}) for rule in rules)
        self.firing = {
            one.alert.labels["alert"]: one.alert
            for one in evaluate(at_once, found, {}, NOW)
            if one.alert.state == "firing" and one.alert.labels.get("backup") == "mongodb"
        }

    def of(self, metric: str, backup: str = "mongodb", *, job: str = "") -> Observation:
        (found,) = [
            one
            for one in self.found
            if one.metric == metric and one.labels["backup"] == backup and (not job or one.labels.get("cronjob") == job)
        ]
        return found


@pytest.fixture
def watch(systems: Systems, tmp_path: Path) -> Watch:
    async def watched(
        backups: str = NAMED,
        cronjobs: CronJobReading | None = None,
        redis: RedisServer | None = None,
        now: datetime = NOW,
    ) -> Seen:
        path = tmp_path / "policy.toml"
        assert NAMED in DEFAULT
        path.write_text(DEFAULT.replace(NAMED, backups), encoding="utf-8")
        policy = PolicyFile(path, load())
        reading, server = cronjobs or systems.cronjobs, redis or systems.redis
        found = as_declared(backup_watch, await backup_watch.handler(reading, server, policy, now))
        parts = await backup_lines(reading, server, policy.current, now)
        lines = {part.label: part for part in parts if isinstance(part, Line)}
        return Seen(found, policy.current.alerts, lines)

    return watched


async def test_a_cronjob_that_succeeded_last_night_is_well(watch: Watch) -> None:
    seen = await watch()
    values = {metric: seen.of(metric).value for metric in METRICS}
    assert values == {
        "backup_age_seconds": 5 * 3600 + 56 * 60,
        "backup_overdue_seconds": 0,
        "backup_ok": 1,
        "backup_readable": 1,
    }
    assert seen.of("backup_ok").labels == {"backup": "mongodb", "cronjob": "mongo-backup"}
    assert seen.firing == {}
    line = seen.lines["Backup of MongoDB"]
    assert (line.level, line.value) == (Level.OK, "mongo-backup last succeeded at 2026-07-01 02:04 UTC")


async def test_a_run_that_failed_is_a_warning_and_says_which_and_why(systems: Systems, watch: Watch) -> None:
    systems.kubernetes.answers[f"GET {JOBS}"] = {"items": [job("mongo-backup-77", failed="2026-07-01T07:10:00Z")]}
    seen = await watch()
    said = (
        "the run of mongo-backup at 2026-07-01 07:10 UTC (Job mongo-backup-77) failed: "
        "BackoffLimitExceeded: Job has reached the specified backoff limit"
    )
    title = "Backup of MongoDB: the last run failed; the last good one is 5 h 56 min old"
    assert {name: (alert.severity, alert.summary) for name, alert in seen.firing.items()} == {
        "backup-failed": ("warning", title)
    }
    assert seen.of("backup_ok").reason == f"mongo-backup last succeeded at 2026-07-01 02:04 UTC; {said}"
    line = seen.lines["Backup of MongoDB"]
    assert line.level is Level.WARNING
    assert line.value == f"{said}; mongo-backup last succeeded at 2026-07-01 02:04 UTC"


async def test_a_run_that_failed_before_any_has_succeeded_says_that(systems: Systems, watch: Watch) -> None:
    systems.kubernetes.answers[f"GET {JOBS}"] = {"items": [job("mongo-backup-77", failed="2026-07-01T07:10:00Z")]}
    never = cronjob("mongo-backup") | {"status": {}}
    systems.kubernetes.answers[f"GET {CRONJOBS}/mongo-backup"] = never
    alert = (await watch()).firing["backup-failed"]
    assert alert.summary == "Backup of MongoDB: the last run failed; none has succeeded yet"


async def test_no_success_for_longer_than_the_policy_expects_is_said(watch: Watch) -> None:
    late = NOW + timedelta(hours=18)
    assert (await watch(now=late)).firing.keys() == set()
    seen = await watch(now=late + timedelta(hours=4))
    alert = seen.firing["backup-old"]
    assert alert.value == 4 * 3600 - 4 * 60
    assert alert.summary == (
        "Backup of MongoDB: mongo-backup last succeeded at 2026-07-01 02:04 UTC; expected every 1 d"
    )
    assert seen.lines["Backup of MongoDB"].level is Level.WARNING
    assert (await watch(NAMED.replace("1d", "2d"), now=late + timedelta(hours=4))).firing == {}


async def test_a_suspended_one_is_said_at_once_and_in_the_alert(systems: Systems, watch: Watch) -> None:
    systems.kubernetes.answers[f"GET {CRONJOBS}/mongo-backup"] = cronjob("mongo-backup", spec={"suspend": True})
    words = "mongo-backup is suspended, so no new one is made"
    seen = await watch(now=NOW)
    assert words in seen.firing["backup-old"].summary
    line = seen.lines["Backup of MongoDB"]
    assert (line.level, words in line.value) == (Level.WARNING, True)
    early = await watch(now=NOW - timedelta(days=1))
    assert (early.firing, early.lines["Backup of MongoDB"].level) == ({}, Level.WARNING)


async def test_one_that_never_succeeded_is_as_old_as_it_is_itself(systems: Systems, watch: Watch) -> None:
    never = cronjob("mongo-backup") | {"status": {}}
    systems.kubernetes.answers[f"GET {CRONJOBS}/mongo-backup"] = never
    seen = await watch()
    assert seen.of("backup_ok").value is None
    said = "no run of mongo-backup has succeeded since it was made at 2026-06-01 00:00 UTC"
    assert said in seen.firing["backup-old"].summary
    assert seen.lines["Backup of MongoDB"].value == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(403, "cronjobs.batch is forbidden"), "The cluster could not be read: cronjobs.batch is forbidden."),
        (status(404, "no"), "there is no CronJob mongo-backup in namespace novapulse."),
        (status(500, "etcd is gone"), "The cluster could not be read: etcd is gone."),
    ],
)
async def test_what_cannot_be_read_is_unknown_never_well_and_an_alert_of_its_own(
    systems: Systems, watch: Watch, answer: Any, said: str
) -> None:
    systems.kubernetes.answers[f"GET {CRONJOBS}/mongo-backup"] = answer
    seen = await watch()
    assert [seen.of(metric).value for metric in METRICS] == [None, None, None, 0]
    assert all(said in seen.of(metric).reason for metric in METRICS)
    assert list(seen.firing) == ["backup-unknown"]
    assert seen.firing["backup-unknown"].summary.startswith("Backup of MongoDB: unknown for ")
    line = seen.lines["Backup of MongoDB"]
    assert (line.level, said in line.value) == (Level.UNKNOWN, True)


async def test_without_a_cronjob_named_it_says_where_to_name_one(watch: Watch) -> None:
    seen = await watch("")
    said = "name its CronJob under [backups.mongodb] in the policy, or set watched = false there"
    assert list(seen.firing) == ["backup-unknown"]
    assert said in seen.firing["backup-unknown"].summary
    assert said in seen.lines["Backup of MongoDB"].value


async def test_docker_compose_has_no_cronjob_and_says_how_to_go_on(watch: Watch) -> None:
    seen = await watch(cronjobs=ComposeCronJobs())
    line = seen.lines["Backup of MongoDB"]
    assert line.level is Level.UNKNOWN
    assert line.value == (
        "Docker Compose has no CronJobs, so nothing that the bot can ask knows of mongo-backup. "
        "Have something else watch it, and set watched = false for it under [backups] in the policy."
    )
    assert list(seen.firing) == ["backup-unknown"]


async def test_what_is_not_watched_is_said_and_is_no_alert(watch: Watch) -> None:
    seen = await watch("[backups.mongodb]\nwatched = false\n", cronjobs=ComposeCronJobs())
    assert {one.labels["backup"] for one in seen.found} == {"redis"}
    line = seen.lines["Backup of MongoDB"]
    assert line.value == "not watched: the policy says so under [backups.mongodb]"


async def test_a_cluster_that_is_not_configured_is_nobodys_alert(watch: Watch) -> None:
    settings = PlatformSettings()
    connection = ClusterConnection(settings)
    seen = await watch(cronjobs=CronJobs(Workloads(settings, connection)))
    await connection.close()
    assert {seen.of(metric).value for metric in METRICS} == {None}
    assert not any(seen.of(metric).is_expected for metric in METRICS)
    assert seen.lines["Backup of MongoDB"].value.startswith("not looked at. The cluster is not configured")


async def test_a_snapshot_is_as_old_as_it_is_unless_nothing_was_written_since(systems: Systems, watch: Watch) -> None:
    await systems.raw.save()
    saved = (await systems.redis.info()).saved_at
    assert saved is not None
    later = saved + timedelta(hours=26)
    seen = await watch(now=later)
    assert (seen.of("backup_age_seconds", "redis").value, seen.of("backup_ok", "redis").value) == (0, 1)
    await systems.raw.set("written", "later")
    seen = await watch(now=later)
    assert seen.of("backup_age_seconds", "redis").value == 26 * 3600
    assert seen.of("backup_overdue_seconds", "redis").value == 2 * 3600
    assert seen.lines["Backup of Redis"].level is Level.WARNING


async def test_redis_may_have_a_cronjob_besides_its_snapshot(systems: Systems, watch: Watch) -> None:
    systems.kubernetes.answers[f"GET {CRONJOBS}/redis-copy"] = cronjob("redis-copy")
    seen = await watch(NAMED.replace("[backups.redis]", '[backups.redis]\ncronjob = "redis-copy"'))
    assert seen.of("backup_overdue_seconds", "redis", job="redis-copy").value == 5 * 3600 + 56 * 60
    assert {"Backup of Redis", "Backup of Redis (redis-copy)"} <= seen.lines.keys()


@pytest.mark.parametrize(("url", "value", "said"), [(None, None, "REDIS_URL"), ("dead", 0, "connection refused")])
async def test_a_redis_that_cannot_be_read_is_unknown(
    watch: Watch, url: str | None, value: int | None, said: str
) -> None:
    server = RedisServer(RedisSettings(redis_url=SecretStr(dead_url()) if url else None))
    seen = await watch(redis=server)
    await server.close()
    assert (seen.of("backup_ok", "redis").value, seen.of("backup_readable", "redis").value) == (None, value)
    assert seen.of("backup_ok", "redis").is_expected is (url is not None)
    assert said in seen.of("backup_ok", "redis").reason
    assert seen.lines["Backup of Redis"].level is Level.UNKNOWN
