"""The bot's own parts: its policy, its database, its schedules and alert rules."""

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile

from bot.catalog import Catalog
from bot.check.tried import Lines, problem, tried
from bot.clients.mail import MailServer
from bot.errors import InvalidPolicy, UserError
from bot.policy import Policy, ScheduleRule
from bot.policy_file import PolicyFile
from bot.reply import Level, Line
from bot.rota import Rota
from bot.settings import PagingSettings
from bot.stores.database import Database, file_to_come
from bot.stores.executors import Executors
from bot.vacancy import vacancies


def policy_lines(
    path: Path, catalog: Catalog, queues: Collection[str] = (), *, now: datetime, pretend: bool
) -> tuple[Policy | None, Lines]:
    """Read the policy file; None where it would stop the start. ``pretend``: this is a sandbox's Slack."""
    try:
        policy = PolicyFile(path, catalog, queues, clock=lambda: now).current
    except InvalidPolicy as error:
        return None, (problem("Policy", f"{path}: {error}", "The bot does not start with it."),)
    words = f"{path}: {len(policy.people)} people, {len(policy.roles)} roles, {len(policy.alerts)} alert rules"
    found = Line(level=Level.OK, label="Policy", value=words)
    if pretend or not policy.console_as_anybody:
        return policy, (found,)
    what = "console_as_anybody lets whoever can start this program take anybody's place"
    return policy, (found, problem("Policy", what, "Leave it out, except in a sandbox.", level=Level.WARNING))


def schedule_lines(policy: Policy, catalog: Catalog) -> Lines:
    """Say what would never fire: a schedule without a time, alerts without a rule."""
    found = tuple(_silent(policy, catalog))
    if found:
        return found
    times = ", ".join(f"{name} {_time(rule)}" for name, rule in policy.schedules.items())
    return (Line(level=Level.OK, label="Schedules", value=f"{times} ({policy.timezone})"),)


def _time(rule: ScheduleRule) -> str:
    return rule.cron if rule.every is None else f"every {rule.every.total_seconds():g} s"


def _silent(policy: Policy, catalog: Catalog) -> Iterator[Line]:
    for name in catalog.schedules:
        if name not in policy.schedules:
            mend = f"Add [schedules.{name}] to the policy."
            yield problem("Schedules", f"{name} never fires", mend, level=Level.WARNING)
    if not policy.alerts:
        yield problem("Alerts", "there is no rule, so nothing is ever an alert", "Add [[alerts]] to the policy.")


def rota_lines(policy: Policy, now: datetime) -> Lines:
    """Say which level that the escalation calls has nobody within a week, by the policy; overrides are not asked."""
    mend = "Name somebody in the policy, or type /oncall override."
    found = vacancies(policy, Rota(policy.oncall), now)
    return tuple(problem("On call", words, mend, level=Level.WARNING) for words in found)


def paging_lines(paging: PagingSettings, policy: Policy | None) -> Lines:
    """Say which receivers name a way that is not set up, and what is set up besides Slack."""
    if policy is None:
        return ()
    found: list[Line] = []
    for label, variable, is_set in (
        ("PagerDuty", "PAGERDUTY_ROUTING_KEY", paging.pagerduty_routing_key is not None),
        ("Mail", "SMTP_URL", paging.smtp_url is not None),
    ):
        named = [name for name, one in policy.receivers.items() if (one.pagerduty, one.mail)[label == "Mail"]]
        found += _way_lines(label, variable, named, is_set=is_set)
    if not policy.second_path:
        what = "when Slack is away nobody is paged or mailed"
        found.append(problem("Second path", what, "Add second_path to the policy.", level=Level.WARNING))
    words = "pinged every minute while the bot is well" if paging.deadman_url else "nobody outside watches the bot"
    mend = "" if paging.deadman_url else ": set DEADMAN_URL"
    return (*found, Line(level=Level.OK if not mend else Level.INFO, label="Dead-man's switch", value=words + mend))


def _way_lines(label: str, variable: str, named: list[str], *, is_set: bool) -> Lines:
    if named and not is_set:
        what = f"the policy's receiver {', '.join(named)} needs {variable}, which is not set, so nothing goes this way"
        return (problem(label, what, f"Set {variable}, or take it out of the policy.", level=Level.WARNING),)
    if is_set and not named:
        what = f"{variable} is set and no receiver of the policy uses it"
        return (problem(label, what, "Add it to a receiver in the policy.", level=Level.WARNING),)
    return (Line(level=Level.OK, label=label, value=f"for {', '.join(named)}"),) if named else ()


def mail_lines(paging: PagingSettings) -> Lines:
    """Say what is wrong with the mail server's address, which would stop the start."""
    try:
        MailServer(paging)
    except UserError as error:
        return (problem("Mail", error.message, error.hint),)
    return ()


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
