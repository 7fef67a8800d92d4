"""``/alerts``: what fires, since when, and who has it."""

from datetime import datetime
from typing import Final

from bot.command import command
from bot.elapsed import elapsed
from bot.reply import Level, Note, Part, Reply, Table, say
from bot.silence import Silence
from bot.stores.incidents import Incident, Incidents
from bot.stores.outbox import Outbox
from bot.stores.silences import Silences

SHOWN: Final = 40
_COLUMNS: Final = ("alert", "severity", "age", "owner", "state", "id")


@command("/alerts", permission="alerts:read", section="Administration", examples=("/alerts",))
async def alerts(*, incidents: Incidents, silences: Silences, outbox: Outbox, now: datetime) -> Reply:
    """List every alert that fires, the critical ones first, with its age, who has it, and what is silenced."""
    firing = sorted((await incidents.firing()).values(), key=lambda one: (one.severity != "critical", one.opened_at))
    silent = await silences.active(now)
    undelivered = sum((await outbox.count_undelivered(now)).values())
    parts: list[Part] = [_table(firing, now)] if firing else []
    if len(firing) > SHOWN:
        parts.append(Note.of(f"{len(firing) - SHOWN:,} more; the worst and oldest are shown."))
    parts += [Note.of(f"Silence {one.id}: {one.words}, {one.sentence()}") for one in silent[:SHOWN]]
    if undelivered:
        parts.append(Note.of(f"Slack has not got {undelivered:,} of the bot's messages yet."))
    return say(_title(firing, silent), *parts, level=_level(firing))


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
        for one in firing[:SHOWN]
    ]
    return Table(columns=_COLUMNS, rows=tuple(rows))


def _state(incident: Incident) -> str:
    """Say how it stands; what is on and off may be within its limit at this moment."""
    if incident.calm_since is not None:
        return "calm, on and off"
    standing = "unknown" if incident.alert.value is None else "muted" if incident.muted else "firing"
    return f"{standing}, on and off" if incident.flapping else standing


def _title(firing: list[Incident], silent: list[Silence]) -> str:
    if not firing:
        return f"No alert is firing, {len(silent)} silences are in force" if silent else "No alert is firing"
    critical = sum(one.severity == "critical" for one in firing)
    number = f"{len(firing):,} {'alert is' if len(firing) == 1 else 'alerts are'} firing"
    return f"{number}, {critical:,} critical" if critical else number


def _level(firing: list[Incident]) -> Level:
    if not firing:
        return Level.OK
    return Level.CRITICAL if any(one.severity == "critical" for one in firing) else Level.WARNING
