"""``/webhook-logs``: the attempts to deliver a webhook, and what the failed ones have in common."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.attempt import attempt, is_missing, why
from bot.clients.webhook_attempts import ADVICE, Attempt
from bot.clients.webhooks import Deliveries, Source, Webhooks
from bot.command import command
from bot.errors import BotError, UserError
from bot.reply import Level, Line, Note, Part, Reply, Table, say

_NAMES: Final[dict[Source, str]] = {"api": "NovaPulse API", "db": "MongoDB"}
_FEW: Final = 0.5  # a smaller share of successes is critical


@command(
    "/webhook-logs",
    permission="webhooks:read",
    section="Viewing Webhook Logs",
    runbook=(
        'curl -H "Authorization: Bearer $TOKEN" https://api.novapulse.com/api/v1/webhooks/{webhookId}/logs',
        'db.webhooklogs.find({ webhookId: ObjectId("...") }).sort({ createdAt: -1 }).limit(50)',
    ),
    examples=("/webhook-logs 65f0c0ffee0000000000a001", "/webhook-logs 65f0c0ffee0000000000a001 --status failed"),
)
async def webhook_logs(
    webhook: Annotated[str, Field(description="The webhook's id")],
    status: Annotated[Literal["success", "failed"] | None, Field(description="Only these; both when left out")] = None,
    limit: Annotated[int, Field(ge=1, le=100, description="How many attempts to show")] = 10,
    source: Annotated[
        Literal["api", "db"] | None, Field(description="The API or MongoDB; the API, else MongoDB, when left out")
    ] = None,
    *,
    webhooks: Webhooks,
) -> Reply:
    """Show how a webhook's deliveries went, attempt by attempt, and what is wrong where they fail."""
    identity = await webhooks.identified(webhook)
    found, problems = await _read(webhooks, identity, source)
    lines = [Line(level=Level.UNKNOWN, label=_NAMES[name], value=why(error)) for name, error in problems]
    if found is None:
        return say(f"The deliveries of {identity} are unknown", *lines, level=Level.UNKNOWN)
    if not found.attempts:
        note = Note.of(_source(found), *(_stranger(found)))
        return say(f"No delivery of {identity} is on record", *lines, note, level=Level.UNKNOWN)
    chosen = [one for one in found.attempts if status in (None, one.status)]
    parts: list[Part] = [*lines, *_diagnosis(found.attempts), *_table(chosen[:limit])]
    return say(_title(found, identity), *parts, _note(found, chosen, limit), level=_level(found.attempts))


async def _read(
    webhooks: Webhooks, identity: str, source: Source | None
) -> tuple[Deliveries | None, list[tuple[Source, BotError]]]:
    """Read from the source, or from the API and, where it does not answer, from MongoDB."""
    tried: tuple[Source, ...] = (source,) if source else ("api", "db")
    problems: list[tuple[Source, BotError]] = []
    for name in tried:
        found = await attempt(webhooks.deliveries(identity, name))
        if not isinstance(found, BotError):
            return found, problems
        # "No such webhook" is an answer; what is not configured leaves the other source to be asked.
        if isinstance(found, UserError) and (source or not is_missing(found)):
            raise found
        problems.append((name, found))
    return None, problems


def _title(found: Deliveries, identity: str) -> str:
    good = sum(one.succeeded for one in found.attempts)
    total = len(found.attempts)
    return f"{good} of the newest {total} attempts to deliver {identity} succeeded ({good / total:.0%})"


def _level(attempts: Sequence[Attempt]) -> Level:
    share = sum(one.succeeded for one in attempts) / len(attempts)
    if share == 1:
        return Level.OK
    return Level.CRITICAL if share < _FEW else Level.WARNING


def _diagnosis(attempts: Sequence[Attempt]) -> list[Part]:
    """Say what the failures are probably due to, the most frequent cause first."""
    causes = Counter(one.cause for one in attempts if not one.succeeded)
    newest_good = attempts[0].succeeded
    lines: list[Part] = [
        Line(level=Level.WARNING, label=f"{number} x {cause}", value=ADVICE[cause])
        for cause, number in causes.most_common()
    ]
    if causes and newest_good:
        lines.insert(0, Line(level=Level.OK, label="Now", value="the newest attempt succeeded"))
    return lines


def _table(attempts: Sequence[Attempt]) -> list[Part]:
    if not attempts:
        return []
    columns = ("when (UTC)", "event", "attempt", "status", "code", "ms", "error")
    return [Table(columns=columns, rows=tuple(_row(one) for one in attempts))]


def _row(one: Attempt) -> tuple[str, ...]:
    when = one.at.strftime("%Y-%m-%d %H:%M:%S") if one.at else "unknown"
    took = "?" if one.duration is None else f"{one.duration:,.0f}"
    number = "?" if one.number is None else str(one.number)
    code = "-" if one.code is None else str(one.code)
    return (when, one.event, number, one.status, code, took, "" if one.succeeded else one.error or "no reason given")


def _note(found: Deliveries, chosen: Sequence[Attempt], limit: int) -> Note:
    shown = min(limit, len(chosen))
    said = [_source(found), f"{shown} of {len(chosen)} {'matching ' * (len(chosen) != len(found.attempts))}are shown."]
    twice = sum(one.rows > 1 for one in found.attempts)
    said += [f"{twice} attempts have two rows in the log (4xx answers are written twice); they count once."] * bool(
        twice
    )
    return Note.of(" ".join(said))


def _source(found: Deliveries) -> str:
    older = " Older ones exist or may exist; --source db reads further back." if found.source == "api" else ""
    if found.source == "db":
        older = " Older ones exist or may exist."
    return f"From the {'API' if found.source == 'api' else 'database'}.{older if found.is_capped else ''}"


def _stranger(found: Deliveries) -> list[str]:
    """Say that MongoDB does not tell a webhook without deliveries from one that does not exist."""
    return [" MongoDB's log does not tell whether there is such a webhook: see /webhook."] * (found.source == "db")
