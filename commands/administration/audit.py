"""``/audit``: every attempt, also the refused ones."""

from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from bot.catalog import Catalog
from bot.command import command
from bot.errors import Conflicting, Incomplete, NotFound, UsageError
from bot.masking import mask
from bot.nearest import nearest, shown
from bot.plain_text import ELLIPSIS
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.reply import Level, Line, Note, Reply, say
from bot.stores.plans import Plans
from bot.stores.requests import AuditEntry, Requests

# So that fifty entries fit into one message.
_LIMIT: Final = 64
_NAME_LIMIT: Final = 24
_UNFINISHED: Final = {"open": "not handled yet", "planned": "not ended yet"}
_LEVELS: Final = {"done": Level.OK, "refused": Level.WARNING, "failed": Level.CRITICAL}
# What was typed wrongly is nothing that somebody may not do.
_MISTYPED: Final = frozenset(kind.recorded for kind in (UsageError, NotFound, Incomplete, Conflicting))
# Outcomes that begin with such a word say by themselves what the status would.
_SAID: Final = _MISTYPED | frozenset({"denied", "cancelled", "expired", "stale", "failed"})


@command(
    "/audit",
    permission="audit:read",
    section="Administration",
    examples=("/audit", "/audit 20", "/audit --user @operator", "/audit 5 --command scale-workers"),
)
async def audit(  # noqa: PLR0913 - three arguments of the command, four things it needs
    n: Annotated[int, Field(ge=1, le=50, description="How many, newest first")] = 10,
    user: Annotated[str, Field(description="Only this person's, by name or mention")] = "",
    command: Annotated[str, Field(description="Only this command's, with the clicks on its plans")] = "",
    *,
    requests: Requests,
    plans: Plans,
    policy: PolicyFile,
    catalog: Catalog,
) -> Reply:
    """Show who asked for what, when, who approved it, and what came of it."""
    who, name = user.removeprefix("@"), command.lower()
    people = _people(policy.current, who)
    by_id = {
        entry.id: entry
        for person in ({who, *people} if who else {""})
        for entry in await requests.search(limit=n, user=person, command=name)
    }
    found = sorted(by_id.values(), key=lambda entry: entry.received_at, reverse=True)[:n]
    if not found:
        _check_command(catalog, name)
        if who and not people and not await requests.search(limit=1, user=who):
            raise _nobody(policy.current, who)
    wanted = [f"by {user}" if user else "", f"of {command}" if command else ""]
    which = " ".join(mask(word) for word in wanted if word)
    if not found:
        return say(f"Nothing is on record {which}".rstrip(), private=True)
    zone = ZoneInfo(policy.current.timezone)
    lines = [_line(entry, await _decided(entry, plans), zone) for entry in found]
    note = Note.of(f"Times are {policy.current.timezone}. What was refused or not understood is on record too.")
    return say(f"The newest {len(found)} on record {which}".rstrip(), *lines, note, private=True)


def _people(policy: Policy, wanted: str) -> set[str]:
    """Return the ids of the people whose id, name, part of the name, or login name at the terminal this is."""
    return {
        person
        for person, entry in policy.people.items()
        if wanted.casefold() in {word.casefold() for word in (person, entry.console, entry.name, *entry.name.split())}
    } - {""}


def _nobody(policy: Policy, wanted: str) -> NotFound:
    people = policy.people.values()
    names = [name for entry in people for name in (entry.name, entry.console, *entry.name.split()) if name]
    message = f"Nobody of the name {shown(wanted)} is known: it is neither in the policy nor on record."
    return NotFound(message, usage=audit.usage, nearest=nearest(wanted, names), argument="user")


def _check_command(catalog: Catalog, name: str) -> None:
    wanted = "/" + name.lstrip("/")
    if name and wanted not in catalog.commands:
        message = f"There is no command {shown(name)}, and nobody tried to run it."
        raise NotFound(message, usage=audit.usage, nearest=catalog.nearest(wanted), argument="command")


async def _decided(entry: AuditEntry, plans: Plans) -> list[str]:
    """Say who let the attempt's plan run; the clicks themselves say it already."""
    if entry.plan_id is None or not entry.approvers or (entry.kind == "decision" and not entry.command.startswith("/")):
        return []
    votes = await plans.votes(entry.plan_id)
    alone = [f"{vote.actor.name} broke glass" for vote in votes if vote.action == "break_glass"]
    approved = ", ".join(vote.actor.name for vote in votes if vote.action == "approve")
    return [*([f"approved by {approved}"] if approved else []), *alone]


def _line(entry: AuditEntry, decided: list[str], zone: ZoneInfo) -> Line:
    what = f"{entry.command} {entry.text}" if entry.kind == "command" else f"clicked {entry.command} {entry.text}"
    plan = [f"plan {entry.plan_id}"] if entry.plan_id else []
    at = entry.received_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    return Line(
        level=Level.INFO if entry.outcome.partition(":")[0] in _MISTYPED else _LEVELS.get(entry.status, Level.INFO),
        label=f"{at} {_short(entry.actor_name, _NAME_LIMIT)}",
        value=" · ".join([_short(what, _LIMIT), _short(_outcome(entry), _LIMIT), *decided, *plan]),
    )


def _outcome(entry: AuditEntry) -> str:
    if unfinished := _UNFINISHED.get(entry.status):
        return unfinished
    is_said = entry.outcome.partition(":")[0] in _SAID
    return entry.outcome if is_said else f"{entry.status}: {entry.outcome}"


def _short(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS
