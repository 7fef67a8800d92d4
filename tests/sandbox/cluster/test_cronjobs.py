"""The pretend CronJob controller: what is due is run once, and what is kept is what the CronJob says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.cluster import cronjobs
from sandbox.cluster.objects import BACKUP, NAMESPACE, create_all
from sandbox.cluster.store import ObjectStore
from tests.clients.kubernetes_types import fits


class Night:
    """A store whose clock a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 1, 8, tzinfo=UTC)
        self.store = ObjectStore(lambda: self.now)
        create_all(self.store, {})

    @property
    def cronjob(self) -> dict[str, Any]:
        return self.store.get("cronjobs", NAMESPACE, BACKUP)

    @property
    def jobs(self) -> list[dict[str, Any]]:
        return self.store.list("jobs", NAMESPACE)

    def passes(self, *, failed: bool = False, days: int = 0) -> None:
        self.now += timedelta(days=days)
        for _ in range(2):
            cronjobs.reconcile(self.store, NAMESPACE, failed=failed)


@pytest.fixture
def night() -> Night:
    return Night()


def test_what_was_due_last_night_is_run_once(night: Night) -> None:
    night.passes()
    assert night.cronjob["status"] == {
        "lastScheduleTime": "2026-07-01T02:00:00Z",
        "lastSuccessfulTime": "2026-07-01T02:04:00Z",
    }
    assert len(night.jobs) == 1
    night.passes(days=1)
    assert night.cronjob["status"]["lastScheduleTime"] == "2026-07-02T02:00:00Z"


def test_a_run_that_fails_leaves_the_last_success_and_a_failed_job(night: Night) -> None:
    night.passes()
    night.passes(failed=True, days=1)
    assert night.cronjob["status"]["lastSuccessfulTime"] == "2026-07-01T02:04:00Z"
    (failed,) = [job for job in night.jobs if "failed" in job["status"]]
    assert failed["status"]["conditions"][0]["reason"] == "BackoffLimitExceeded"


def test_a_suspended_one_runs_nothing(night: Night) -> None:
    night.store.change("cronjobs", NAMESPACE, BACKUP, lambda found: found["spec"].update(suspend=True))
    night.passes()
    assert night.jobs == []


def test_as_many_jobs_are_kept_as_it_says(night: Night) -> None:
    for days in range(6):
        night.passes(days=days and 1)
        night.passes(failed=True, days=1)
    ends = [job["status"]["conditions"][0]["type"] for job in night.jobs]
    assert (ends.count("Complete"), ends.count("Failed")) == (3, 1)


def test_every_object_is_one_that_the_api_describes(night: Night) -> None:
    night.passes()
    night.passes(failed=True, days=1)
    fits(night.cronjob, "V1CronJob", BACKUP)
    for job in night.jobs:
        fits(job, "V1Job", job["metadata"]["name"])
