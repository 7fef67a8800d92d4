"""``/alerts``: what fires, since when, and who has it; and what of all that was said has not arrived."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.command import command
from bot.elapsed import elapsed
from bot.reply import Level, Note, Part, Reply, Table, say
from bot.silence import Silence
from bot.stores.incidents import Incident, Incidents
from bot.stores.message import CRITICAL, Delivery, Via
from bot.stores.outbox import Outbox
from bot.stores.silences import Silences

Show = Literal["firing", "undelivered"]
SHOWN: Final = 40
_UNDELIVERED: Final = ("message", "where to", "for", "attempts", "why")
_WAYS: Final[dict[Via, str]] = {"slack": "Slack", "pagerduty": "PagerDuty", "mail": "mail"}
_COLUMNS: Final = ("alert", "severity", "age", "owner", "state", "id")


@command("/alerts", permission="alerts:read", section="Administration", examples=("/alerts", "/alerts undelivered"))
async def alerts(
    show: Annotated[Show, Field(description="What fires, or what has not arrived")] = "firing",
    *,
    incidents: Incidents,
    silences: Silences,
    outbox: Outbox,
    now: datetime,
) -> Reply:
    """List every alert that fires, the critical ones first, with its age, who has it, and what is silenced.

    undelivered lists the bot's messages, pages and mails that have not arrived: where to, since when, and why.
    """
    if show == "undelivered":
        late = await outbox.undelivered(now, limit=SHOWN)
        return _undelivered(late, sum((await outbox.count_undelivered(now)).values()), now)
    firing, counts, silent = await incidents.worst(SHOWN), await incidents.count_firing(), await silences.active(now)
    undelivered = sum((await outbox.count_undelivered(now)).values())
    parts: list[Part] = [_table(firing, now)] if firing else []
    if counts.total() > len(firing):
        parts.append(Note.of(f"{counts.total() - len(firing):,} more; the worst and oldest are shown."))
    parts += [Note.of(f"Silence {one.id}: {one.words}, {one.sentence()}") for one in silent[:SHOWN]]
    if undelivered:
        parts.append(Note.of(f"{undelivered:,} of the bot's messages have not arrived: /alerts undelivered."))
    return say(_title(counts, silent), *parts, level=_level(counts))


def _undelivered(late: list[Delivery], number: int, now: datetime) -> Reply:
    if not late:
        return say("All that was said has arrived", level=Level.OK)
    rows = [
        (
            one.body.title,
            f"{_WAYS[one.via]} {one.channel}".strip(),
            elapsed(now - (one.created_at if one.sent_version == 0 else one.changed_at)),
            "given up" if one.state == "dropped" else str(one.attempts),
            one.error or "not tried yet",
        )
        for one in late
    ]
    parts: list[Part] = [Table(columns=_UNDELIVERED, rows=tuple(rows))]
    number = max(number, len(late))  # one may have arrived between the two looks
    if number > len(late):
        parts.append(Note.of(f"{number - len(late):,} more; the most urgent and oldest are shown."))
    title = "1 message has not arrived" if number == 1 else f"{number:,} messages have not arrived"
    is_urgent = any(one.priority == CRITICAL for one in late)
    return say(title, *parts, level=Level.CRITICAL if is_urgent else Level.WARNING)


def _table(firing: list[Incident], now: datetime) -> Table:
    rows = [
        (
            one.alert.summary,
            one.severity,
            elapsed(now - one.alert.since),
            one.acknowledged_by or "nobody",
            _state(one),
            one.id,
        )
        for one in firing
    ]
    return Table(columns=_COLUMNS, rows=tuple(rows))


def _state(incident: Incident) -> str:
    """Say how it stands; what is on and off may be within its limit at this moment."""
    if incident.calm_since is not None:
        return "calm, on and off"
    standing = "unknown" if incident.alert.value is None else "muted" if incident.muted else "firing"
    return f"{standing}, on and off" if incident.flapping else standing


def _title(firing: Counter[str], silent: list[Silence]) -> str:
    number = firing.total()
    if not number:
        silences = "1 silence is" if len(silent) == 1 else f"{len(silent)} silences are"
        return f"No alert is firing, {silences} in force" if silent else "No alert is firing"
    said = f"{number:,} {'alert is' if number == 1 else 'alerts are'} firing"
    return f"{said}, {firing['critical']:,} critical" if firing["critical"] else said


def _level(firing: Counter[str]) -> Level:
    if not firing.total():
        return Level.OK
    return Level.CRITICAL if firing["critical"] else Level.WARNING
