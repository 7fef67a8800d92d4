"""CronJobs and how their runs ended: the times that the controller keeps, and the Jobs that are still there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from kubernetes.aio import client
from pydantic import Field

from bot.clients.cluster_connection import SYSTEM
from bot.clients.cluster_objects import Anything, ListMetadata, Metadata, Object, StatusCondition
from bot.clients.cluster_workloads import Workloads
from bot.clients.deadline import deadline
from bot.errors import Unavailable
from bot.masking import cut, mask

PAGE: Final = 250
PAGES: Final = 20
KEPT: Final = 100
_NOT_FOUND: Final = 404
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_REASON_LIMIT: Final = 200


class _Owner(Object):
    uid: str = ""


class _DatedMetadata(Metadata):
    creation_timestamp: datetime | None = None
    owner_references: list[_Owner] = Field(default_factory=list)


class _CronJobSpec(Object):
    schedule: str
    suspend: bool = False


class _CronJobStatus(Object):
    active: list[Anything] = Field(default_factory=list)
    last_schedule_time: datetime | None = None
    last_successful_time: datetime | None = None


class _CronJob(Object):
    metadata: _DatedMetadata
    spec: _CronJobSpec
    status: _CronJobStatus = _CronJobStatus()


class _JobCondition(StatusCondition):
    last_transition_time: datetime | None = None


class _JobStatus(Object):
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: list[_JobCondition] = Field(default_factory=list)


class _Job(Object):
    metadata: _DatedMetadata
    status: _JobStatus = _JobStatus()

    def made_at(self) -> datetime:
        """Return when it was made; what does not say counts as old."""
        return self.metadata.creation_timestamp or _LONG_AGO

    def condition(self, kind: str) -> _JobCondition | None:
        """Return its condition of this type where it holds."""
        return next((one for one in self.status.conditions if one.type == kind and one.status == "True"), None)


class _Jobs(Object):
    metadata: ListMetadata = ListMetadata()
    items: list[_Job]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """A run that ended without success; ``job`` is empty where the Job is no longer there."""

    job: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CronJobState:
    """A CronJob: whether it is suspended, whether a run is under way, and how the last runs ended.

    ``failed`` is the last run that ended, where that was a failure. ``made_at`` is when somebody made it.
    """

    name: str
    schedule: str
    suspended: bool
    running: bool
    made_at: datetime | None
    succeeded_at: datetime | None
    failed: FailedRun | None


class CronJobs:
    """Reads the CronJobs of the namespace."""

    def __init__(self, workloads: Workloads) -> None:
        self._workloads = workloads

    async def state(self, name: str) -> CronJobState:
        """Return how a CronJob stands, within the clients' time for one answer; raises as ``Workloads`` does.

        The CronJob is read before its Jobs, so that a run that ends in between is seen by its Job.
        """
        async with deadline(SYSTEM, self._workloads.seconds):
            found = await self._cronjob(name)
            return _state(found, await self._jobs(found.metadata.uid))

    async def _cronjob(self, name: str) -> _CronJob:
        namespace = self._workloads.namespace
        found = await self._workloads.connection.ask_or_none(
            _CronJob,
            lambda api: client.BatchV1Api(api).read_namespaced_cron_job_without_preload_content(name, namespace),
            self._workloads.seconds,
            none_for=_NOT_FOUND,
        )
        if found is None:
            raise Unavailable(SYSTEM, f"there is no CronJob {name} in namespace {namespace}")
        return found

    async def _jobs(self, owner: str) -> list[_Job]:
        """Return the newest Jobs of a CronJob, page by page: nothing that can be asked for tells them apart."""
        found: list[_Job] = []
        page = await self._page(None)
        for _ in range(PAGES):
            found += [job for job in page.items if any(one.uid == owner for one in job.metadata.owner_references)]
            found = sorted(found, key=_Job.made_at)[-KEPT:]
            if not page.metadata.continue_:
                return found
            page = await self._page(page.metadata.continue_)
        raise Unavailable(SYSTEM, f"there are more than {PAGE * PAGES} Jobs")

    async def _page(self, continued: str | None) -> _Jobs:
        return await self._workloads.connection.ask(
            _Jobs,
            lambda api: client.BatchV1Api(api).list_namespaced_job_without_preload_content(
                self._workloads.namespace, limit=PAGE, _continue=continued
            ),
            self._workloads.seconds,
        )


def _state(found: _CronJob, jobs: list[_Job]) -> CronJobState:
    ended = [found.status.last_successful_time, *(job.status.completion_time for job in jobs)]
    succeeded_at = max((at for at in ended if at is not None), default=None)
    running = bool(found.status.active)
    failed = _newest(_failed_runs(jobs))
    if failed is None or (succeeded_at is not None and failed.at <= succeeded_at):
        failed = None if running else _without_a_trace(found.status.last_schedule_time, succeeded_at)
    return CronJobState(
        name=found.metadata.name,
        schedule=cut(mask(found.spec.schedule), _REASON_LIMIT),
        suspended=found.spec.suspend,
        running=running,
        made_at=found.metadata.creation_timestamp,
        succeeded_at=succeeded_at,
        failed=failed,
    )


def _failed_runs(jobs: list[_Job]) -> Iterable[FailedRun]:
    for job in jobs:
        condition = job.condition("Failed")
        at = condition and (condition.last_transition_time or job.status.start_time or job.metadata.creation_timestamp)
        if condition and at:
            words = ": ".join(word for word in (condition.reason, condition.message) if word)
            yield FailedRun(job=job.metadata.name, at=at, reason=cut(mask(words), _REASON_LIMIT))


def _newest(runs: Iterable[FailedRun]) -> FailedRun | None:
    return max(runs, key=lambda run: run.at, default=None)


def _without_a_trace(scheduled_at: datetime | None, succeeded_at: datetime | None) -> FailedRun | None:
    """Return a run that was begun, is no longer under way and left no success, where its Job is not kept either."""
    if scheduled_at is None or (succeeded_at is not None and scheduled_at <= succeeded_at):
        return None
    return FailedRun(job="", at=scheduled_at, reason="it ended without success, and its Job is not kept")
