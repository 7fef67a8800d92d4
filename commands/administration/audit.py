"""``/audit``: every attempt, also the refused ones."""

from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from bot.command import command
from bot.masking import cut
from bot.policy_file import PolicyFile
from bot.reply import Note, Reply, Table, say
from bot.stores.requests import AuditEntry, Requests

_CELL: Final = 80


@command(
    "/audit",
    permission="audit:read",
    section="Administration",
    examples=("/audit", "/audit 20", "/audit --user @operator", "/audit 5 --command scale-workers"),
)
async def audit(
    n: Annotated[int, Field(ge=1, le=50, description="How many, newest first")] = 10,
    user: Annotated[str, Field(description="Only this person's, by name or mention")] = "",
    command: Annotated[str, Field(description="Only this command's, with the clicks on its plans")] = "",
    *,
    requests: Requests,
    policy: PolicyFile,
) -> Reply:
    """Show who asked for what, when, who approved it, and what came of it."""
    found = await requests.search(limit=n, user=user.removeprefix("@"), command=command.lower())
    wanted = [f"by {user}" if user else "", f"of {command}" if command else ""]
    which = " ".join(word for word in wanted if word)
    if not found:
        return say(f"Nothing is on record {which}".rstrip(), private=True)
    zone = ZoneInfo(policy.current.timezone)
    table = Table(
        columns=("When", "Who", "What", "Status", "Outcome", "Approved by"),
        rows=tuple(_row(entry, zone) for entry in found),
    )
    title = f"The newest {len(found)} on record {which}".rstrip()
    return say(title, table, Note.of(f"Times are {policy.current.timezone}. Refused attempts count too."), private=True)


def _row(entry: AuditEntry, zone: ZoneInfo) -> tuple[str, ...]:
    what = f"{entry.command} {entry.text}" if entry.kind == "command" else f"{entry.command}: {entry.text}".rstrip(": ")
    about = f" [{entry.plan_id}]" if entry.plan_id else ""
    return (
        entry.received_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
        cut(entry.actor_name, _CELL),
        cut(what.strip(), _CELL) + about,
        entry.status,
        cut(" ".join(entry.outcome.split()), _CELL),
        ", ".join(entry.approvers),
    )
