"""The backups that the policy names: whether their CronJobs are there and may be read."""

from collections.abc import Mapping
from typing import Final

from bot.attempt import together
from bot.backup import SYSTEMS, BackupRule
from bot.check.tried import Lines, problem, tried
from bot.clients.platform import CronJobReading
from bot.errors import Refused
from bot.reply import Level, Line

_RIGHTS: Final = "Apply deploy/kubernetes/rbac.yaml, and let the bot use its account."


async def backup_lines(rules: Mapping[str, BackupRule], cronjobs: CronJobReading) -> Lines:
    """Try every CronJob that the policy names, and say which backup nobody watches."""
    found = await together(*(_lines(system, rules.get(system), cronjobs) for system in SYSTEMS))
    return tuple(line for lines in found for line in lines)


async def _lines(system: str, rule: BackupRule | None, cronjobs: CronJobReading) -> Lines:
    label = f"Backup of {SYSTEMS[system]}"
    if rule is not None and not rule.watched:
        return (Line(level=Level.INFO, label=label, value="not watched, as the policy says"),)
    if rule is not None and rule.cronjob:
        mend = f"Name the CronJob that makes it under [backups.{system}] in the policy."
        return await tried(label, _found(label, rule.cronjob, cronjobs), mend, forbidden=_RIGHTS)
    if system == "redis":
        return ()  # its own snapshot is tried with Redis itself
    mend = f"Name its CronJob under [backups.{system}] in the policy, or set watched = false there."
    return (problem(label, "nothing says what makes it", mend, level=Level.WARNING),)


async def _found(label: str, name: str, cronjobs: CronJobReading) -> str | Line:
    try:
        found = await cronjobs.state(name)
    except Refused as refusal:  # the platform has none, and works without
        return problem(label, refusal.message, refusal.hint, level=Level.WARNING)
    success = f"{found.succeeded_at:%Y-%m-%d %H:%M} UTC" if found.succeeded_at else "never"
    suspended = ", and is suspended" if found.suspended else ""
    return f"CronJob {name} is there ({found.schedule}), last succeeded: {success}{suspended}"
