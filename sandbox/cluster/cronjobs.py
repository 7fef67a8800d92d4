"""The CronJob controller: at their time of day runs are begun, which end at once, and of old ones a few are kept."""

import uuid
from datetime import UTC, datetime, time, timedelta

from sandbox.cluster.pods import owned, owner
from sandbox.cluster.store import Object, ObjectStore, stamp

TAKES = timedelta(minutes=4)
"""What a run that was due while nothing ran here is said to have taken."""


def reconcile(store: ObjectStore, namespace: str, *, failed: bool) -> None:
    """Begin what is due: the last run that should have been, where there has been none since."""
    for cronjob in store.list("cronjobs", namespace):
        due, last = (
            _last_due(cronjob["spec"]["schedule"], store.now()),
            cronjob.get("status", {}).get("lastScheduleTime"),
        )
        if not cronjob["spec"].get("suspend") and (last is None or datetime.fromisoformat(last) < due):
            run(store, cronjob, due, failed=failed)


def run(store: ObjectStore, cronjob: Object, at: datetime, *, failed: bool) -> None:
    """Make a Job as of then that has ended, and write down in the CronJob what its controller does."""
    metadata = cronjob["metadata"]
    ended = stamp(min(at + TAKES, store.now()))
    store.create("jobs", metadata["namespace"], _job(cronjob, stamp(at), ended, failed=failed))

    def report(found: Object) -> None:
        status = found.setdefault("status", {})
        status["lastScheduleTime"] = stamp(at)
        if not failed:
            status["lastSuccessfulTime"] = ended

    store.change("cronjobs", metadata["namespace"], metadata["name"], report)
    _forget(store, cronjob)


def _job(cronjob: Object, begun: str, ended: str, *, failed: bool) -> Object:
    condition = {"type": "Complete", "status": "True", "lastTransitionTime": ended}
    status: Object = {"startTime": begun, "completionTime": ended, "succeeded": 1}
    if failed:
        condition |= {"type": "Failed", "reason": "BackoffLimitExceeded"}
        condition |= {"message": "Job has reached the specified backoff limit"}
        status = {"startTime": begun, "failed": 3}
    return {
        "metadata": {
            "name": f"{cronjob['metadata']['name']}-{uuid.uuid4().hex[:8]}",
            "ownerReferences": [owner(cronjob)],
        },
        "spec": cronjob["spec"]["jobTemplate"]["spec"],
        "status": status | {"conditions": [condition]},
    }


def _forget(store: ObjectStore, cronjob: Object) -> None:
    """Keep as many Jobs of either end as the CronJob says."""
    own = sorted(owned(store, "jobs", cronjob), key=lambda job: str(job["status"]["startTime"]), reverse=True)
    kept = {"succeeded": ("successfulJobsHistoryLimit", 3), "failed": ("failedJobsHistoryLimit", 1)}
    for key, (limit, default) in kept.items():
        for job in [job for job in own if key in job["status"]][cronjob["spec"].get(limit, default) :]:
            store.remove("jobs", job["metadata"]["namespace"], job["metadata"]["name"])


def _last_due(schedule: str, now: datetime) -> datetime:
    """Return when a schedule such as ``0 2 * * *``, a time of every day, was last due."""
    minute, hour, *_ = schedule.split()
    today = datetime.combine(now.astimezone(UTC).date(), time(int(hour), int(minute)), UTC)
    return today if today <= now else today - timedelta(days=1)
