"""The bot's own parts: its policy, its database, its schedules and alert rules."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile

from bot.catalog import Catalog
from bot.check.tried import Lines, problem, tried
from bot.errors import InvalidPolicy
from bot.policy import Policy, ScheduleRule
from bot.policy_file import PolicyFile
from bot.reply import Level, Line
from bot.settings import PagingSettings
from bot.stores.database import Database, file_to_come
from bot.stores.executors import Executors


def policy_lines(path: Path, catalog: Catalog, *, pretend: bool) -> tuple[Policy | None, Lines]:
    """Read the policy file; None where it would stop the start. ``pretend``: this is a sandbox's Slack."""
    try:
        policy = PolicyFile(path, catalog).current
    except InvalidPolicy as error:
        return None, (problem("Policy", f"{path}: {error}", "The bot does not start with it."),)
    words = f"{path}: {len(policy.people)} people, {len(policy.roles)} roles, {len(policy.alerts)} alert rules"
    found = Line(level=Level.OK, label="Policy", value=words)
    if pretend or not policy.console_as_anybody:
        return policy, (found,)
    what = "console_as_anybody lets whoever can start this program take anybody's place"
    return policy, (found, problem("Policy", what, "Leave it out, except in a sandbox.", level=Level.WARNING))


def schedule_lines(policy: Policy, catalog: Catalog, queues: tuple[str, ...]) -> Lines:
    """Say what would never fire: a schedule without a time, an alert rule about a queue that is not configured."""
    found = tuple(_silent(policy, catalog, queues))
    if found:
        return found
    times = ", ".join(f"{name} {_time(rule)}" for name, rule in policy.schedules.items())
    return (Line(level=Level.OK, label="Schedules", value=f"{times} ({policy.timezone})"),)


def _time(rule: ScheduleRule) -> str:
    return rule.cron if rule.every is None else f"every {rule.every.total_seconds():g} s"


def _silent(policy: Policy, catalog: Catalog, queues: tuple[str, ...]) -> Iterator[Line]:
    for name in catalog.schedules:
        if name not in policy.schedules:
            mend = f"Add [schedules.{name}] to the policy."
            yield problem("Schedules", f"{name} never fires", mend, level=Level.WARNING)
    if not policy.alerts:
        yield problem("Alerts", "there is no rule, so nothing is ever an alert", "Add [[alerts]] to the policy.")
    for rule in policy.alerts:
        queue = rule.match.get("queue")
        if queue is not None and queue not in queues:
            what = f"the rule {rule.name} watches the queue {queue}, which QUEUES does not name"
            yield problem("Alerts", what, f"There are {', '.join(queues)}.")


def paging_lines(paging: PagingSettings) -> Lines:
    """Warn of what is set for the second path of an alert, which nobody would be reached on."""
    fields = PagingSettings.model_fields.items()
    used = [name.upper() for name, field in fields if getattr(paging, name) != field.default]
    if not used:
        return ()
    what = f"{', '.join(used)}: this version has no second path, so nobody is paged or mailed"
    return (problem("Second path", what, "Watch the alerts channel.", level=Level.WARNING),)


async def state_lines(url: str, name: str, now: datetime) -> Lines:
    """Write to the bot's own database under a process name of one's own, and say who serves from it.

    A SQLite file that is not there yet is not made: looking changes nothing.
    """
    return await tried("State database", _written(url, name, now), "Check STATE_URL and the rights on it.")


async def _written(url: str, name: str, now: datetime) -> Lines:
    if (path := file_to_come(url)) is not None:
        return (_to_come(path),)
    database = Database(url)
    try:
        await database.migrate()
        executors = Executors(database)
        await executors.beat(name, now)
        await executors.leave(name)
        serving = ", ".join(sorted(await executors.serving(now)))
    finally:
        await database.close()
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    words = f"{serving} serves from it" if serving else "no bot serves from it at present"
    return (
        Line(level=Level.OK, label="State database", value=f"{kind}, can be written"),
        Line(level=Level.OK if serving else Level.INFO, label="Bot", value=words),
    )


def _to_come(path: Path) -> Line:
    """Say that the file is made later, after a try whether it can be; raises OSError where not."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    with TemporaryFile(dir=folder):
        words = f"{path} is not there yet; it is made when the bot first runs"
    return Line(level=Level.INFO, label="State database", value=words)
