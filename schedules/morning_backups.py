"""The morning checklist's lines about backups: the same readings and the same rules as the alerts'."""

from datetime import datetime
from typing import Final

from bot.clients.platform import CronJobReading
from bot.clients.redis import RedisServer
from bot.policy import Policy
from bot.reply import Level, Line, Part, worst
from schedules.backup_sources import Backup, read_backups
from schedules.backup_watch import observations
from schedules.morning_checks import severity_of

# What somebody chose not to watch is neither good nor bad, and no news on any morning.
NOT_WATCHED: Final = "not watched"


async def backup_lines(cronjobs: CronJobReading, redis: RedisServer, policy: Policy, now: datetime) -> list[Part]:
    """Say of each backup how old it is and how its last run ended."""
    return [_line(backup, policy, now) for backup in await read_backups(policy.backups, cronjobs, redis, now)]


def _line(backup: Backup, policy: Policy, now: datetime) -> Line:
    if not backup.watched:
        said = f"{NOT_WATCHED}: the policy says so under [backups.{backup.system}]"
        return Line(level=Level.UNKNOWN, label=backup.title, value=said)
    if backup.unread:
        said = backup.unread if backup.expects else f"not looked at. {backup.unread}"
        return Line(level=Level.UNKNOWN, label=backup.title, value=said)
    found = [one for one in observations(backup, now) if one.value is not None]
    passed = [severity_of(policy, one.metric, one.labels, one.value) for one in found if one.value is not None]
    levels = [Level(severity) for severity in passed if severity is not None]
    levels += [Level.WARNING] if backup.suspended or backup.failure else []
    levels += [Level.UNKNOWN] if backup.age is None else []
    said = "; ".join(words for words in (backup.failure, backup.age_said, *backup.notes) if words)
    return Line(level=worst([Level.OK, *levels]), label=backup.title, value=said)
