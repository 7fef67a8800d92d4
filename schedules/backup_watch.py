"""Whether the backups are there: the CronJobs that the policy names, and Redis' own snapshot."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bot.backup import SYSTEMS
from bot.clients.platform import CronJobReading
from bot.clients.redis import RedisServer
from bot.elapsed import elapsed
from bot.policy_file import PolicyFile
from bot.schedule import FOR, Labels, Observation, schedule
from schedules.backup_sources import Backup, read_backups

METRICS: Final = ("backup_age_seconds", "backup_overdue_seconds", "backup_ok", "backup_readable")
_LABELS: Final[Labels] = {"backup": tuple(SYSTEMS), "cronjob": ()}


@schedule("backup-watch", metrics=dict.fromkeys(METRICS, _LABELS))
async def backup_watch(
    cronjobs: CronJobReading, redis: RedisServer, policy: PolicyFile, now: datetime
) -> list[Observation]:
    """Look how old each backup is and how its last run ended; one that is not watched is not observed."""
    found = await read_backups(policy.current.backups, cronjobs, redis, now)
    return [one for backup in found if backup.watched for one in observations(backup, now)]


def observations(backup: Backup, now: datetime) -> Iterator[Observation]:
    """Say what is observed of a backup; of one that could not be read only that, and why."""
    written = None if backup.written is None else float(backup.written)
    readable = float(not backup.unread) if backup.expects else None
    behind = "; ".join([f"expected every {elapsed(backup.every)}", *backup.notes])
    how_old = f"{backup.age_said}; {behind}"
    ended = "; ".join(part for part in (backup.age_said, backup.failure, *backup.notes) if part)
    for metric, value, said, bad in (
        ("backup_age_seconds", backup.age, how_old, ""),
        ("backup_overdue_seconds", backup.overdue, how_old, how_old if backup.overdue else ""),
        ("backup_ok", written, ended, backup.headline if backup.failure else ""),
        ("backup_readable", readable, "", f"unknown for {FOR}: {backup.unread}" if readable == 0 else ""),
    ):
        yield Observation(
            metric=metric,
            labels=backup.labels,
            value=value,
            at=now,
            reason=backup.unread or said,
            summary=f"{backup.title}: {bad}" if bad else "",
            is_expected=backup.expects,
        )
