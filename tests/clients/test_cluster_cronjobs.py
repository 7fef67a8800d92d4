"""How a CronJob stands, from the times it keeps and the Jobs that are left, against a scripted API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_cronjobs import PAGES, CronJobs, FailedRun
from bot.clients.cluster_workloads import Workloads
from bot.clients.compose_cronjobs import ComposeCronJobs
from bot.errors import BotError, Forbidden, NotConfigured, Refused, TimedOut, Unavailable
from bot.settings import PlatformSettings
from tests.clients.kubernetes_server import (
    CRONJOBS,
    JOBS,
    Asked,
    KubernetesServer,
    cronjob,
    job,
    kubernetes_server,
    status,
)

NAME = "mongo-backup"
SUCCESS = datetime(2026, 6, 30, 2, 4, tzinfo=UTC)


@pytest.fixture
async def server() -> AsyncIterator[KubernetesServer]:
    async with kubernetes_server() as running:
        running.answers[f"GET {CRONJOBS}/{NAME}"] = cronjob(NAME)
        running.answers[f"GET {JOBS}"] = {"kind": "JobList", "items": []}
        yield running


@pytest.fixture
async def cronjobs(server: KubernetesServer, tmp_path: Path) -> AsyncIterator[CronJobs]:
    async with reading(server, tmp_path) as client:
        yield client


@asynccontextmanager
async def reading(server: KubernetesServer, directory: Path, seconds: float = 5.0) -> AsyncIterator[CronJobs]:
    settings = PlatformSettings(kubeconfig=server.kubeconfig(directory))
    connection = ClusterConnection(settings)
    yield CronJobs(Workloads(settings, connection, seconds=seconds))
    await connection.close()


def jobs(server: KubernetesServer, *found: dict[str, Any]) -> None:
    server.answers[f"GET {JOBS}"] = {"kind": "JobList", "items": list(found)}


async def test_its_own_times_tell_of_the_last_success(cronjobs: CronJobs) -> None:
    found = await cronjobs.state(NAME)
    assert (found.succeeded_at, found.failed, found.suspended, found.running) == (SUCCESS, None, False, False)
    assert found.schedule == "0 2 * * *"


async def test_a_job_that_failed_after_the_last_success_is_said_with_its_reason(
    server: KubernetesServer, cronjobs: CronJobs
) -> None:
    jobs(server, job("old", failed="2026-06-29T02:00:00Z"), job("new", failed="2026-07-01T02:10:00Z"))
    found = await cronjobs.state(NAME)
    reason = "BackoffLimitExceeded: Job has reached the specified backoff limit"
    assert found.failed == FailedRun(job="new", at=datetime(2026, 7, 1, 2, 10, tzinfo=UTC), reason=reason)
    assert found.succeeded_at == SUCCESS


async def test_a_job_that_succeeded_later_ends_the_failure_before_the_cronjob_knows_of_it(
    server: KubernetesServer, cronjobs: CronJobs
) -> None:
    jobs(server, job("new", failed="2026-07-01T02:10:00Z"), job("again", completed="2026-07-01T07:00:00Z"))
    found = await cronjobs.state(NAME)
    assert (found.failed, found.succeeded_at) == (None, datetime(2026, 7, 1, 7, tzinfo=UTC))


async def test_another_cronjobs_jobs_count_for_nothing(server: KubernetesServer, cronjobs: CronJobs) -> None:
    jobs(server, job("other", failed="2026-07-01T02:10:00Z", owner="uid-of-another"))
    assert (await cronjobs.state(NAME)).failed is None


async def test_a_run_that_left_neither_a_success_nor_its_job_has_failed(
    server: KubernetesServer, cronjobs: CronJobs
) -> None:
    begun = {"lastScheduleTime": "2026-07-01T02:00:00Z"}
    server.answers[f"GET {CRONJOBS}/{NAME}"] = cronjob(NAME, status=begun)
    failed = (await cronjobs.state(NAME)).failed
    assert failed is not None
    assert (failed.job, failed.at, failed.reason) == (
        "",
        datetime(2026, 7, 1, 2, tzinfo=UTC),
        "it ended without success, and its Job is not kept",
    )


async def test_a_run_that_is_under_way_is_no_failure(server: KubernetesServer, cronjobs: CronJobs) -> None:
    under_way = {"lastScheduleTime": "2026-07-01T02:00:00Z", "active": [{"kind": "Job", "name": "new"}]}
    server.answers[f"GET {CRONJOBS}/{NAME}"] = cronjob(NAME, status=under_way)
    jobs(server, job("new"))
    found = await cronjobs.state(NAME)
    assert (found.running, found.failed) == (True, None)


async def test_one_that_never_ran_knows_no_success(server: KubernetesServer, cronjobs: CronJobs) -> None:
    new = cronjob(NAME, spec={"suspend": True})
    new["status"] = {}
    server.answers[f"GET {CRONJOBS}/{NAME}"] = new
    found = await cronjobs.state(NAME)
    assert (found.succeeded_at, found.failed, found.suspended) == (None, None, True)
    assert found.made_at == datetime(2026, 6, 1, tzinfo=UTC)


async def test_jobs_are_read_page_by_page(server: KubernetesServer, cronjobs: CronJobs) -> None:
    def page(asked: Asked) -> dict[str, Any]:
        if asked.query.get("continue") == "more":
            return {"kind": "JobList", "items": [job("new", failed="2026-07-01T02:10:00Z")]}
        return {"kind": "JobList", "metadata": {"continue": "more"}, "items": [job("other", owner="another")]}

    server.answers[f"GET {JOBS}"] = page
    failed = (await cronjobs.state(NAME)).failed
    assert failed is not None
    assert failed.job == "new"


async def test_a_list_without_an_end_is_given_up(server: KubernetesServer, cronjobs: CronJobs) -> None:
    server.answers[f"GET {JOBS}"] = {"kind": "JobList", "metadata": {"continue": "more"}, "items": []}
    with pytest.raises(Unavailable, match="there are more than 5000 Jobs"):
        await cronjobs.state(NAME)
    assert sum(asked.path == JOBS for asked in server.asked) == PAGES + 1


@pytest.mark.parametrize(
    ("path", "answer", "kind", "said"),
    [
        (f"{CRONJOBS}/{NAME}", status(403, "cronjobs.batch is forbidden"), Forbidden, "cronjobs.batch is forbidden"),
        (JOBS, status(403, "jobs.batch is forbidden"), Forbidden, "jobs.batch is forbidden"),
        (f"{CRONJOBS}/{NAME}", status(404, "no"), Unavailable, "there is no CronJob mongo-backup in namespace nova"),
        (f"{CRONJOBS}/{NAME}", {}, Unavailable, "it answered something else"),
        (JOBS, {}, Unavailable, "it answered something else"),
    ],
)
async def test_what_cannot_be_read_says_why(
    server: KubernetesServer, cronjobs: CronJobs, path: str, answer: Any, kind: type[BotError], said: str
) -> None:
    server.answers[f"GET {path}"] = answer
    with pytest.raises(kind, match=said):
        await cronjobs.state(NAME)


async def test_one_that_hangs_is_given_up_in_time(server: KubernetesServer, tmp_path: Path) -> None:
    server.answers[f"GET {JOBS}"] = server.hang
    async with reading(server, tmp_path, seconds=0.5) as cronjobs:
        with pytest.raises(TimedOut):
            await cronjobs.state(NAME)


async def test_a_cluster_that_is_not_configured_is_none() -> None:
    settings = PlatformSettings()
    connection = ClusterConnection(settings)
    with pytest.raises(NotConfigured):
        await CronJobs(Workloads(settings, connection)).state(NAME)
    await connection.close()


async def test_docker_compose_has_none_and_says_what_to_do() -> None:
    with pytest.raises(Refused, match="Docker Compose has no CronJobs") as caught:
        await ComposeCronJobs().state(NAME)
    assert "watched = false" in caught.value.hint
