"""``/alerts``: what fires, since when, and who has it; and what of all that was said has not arrived."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.command import command
from bot.elapsed import elapsed
from bot.reply import Button, Buttons, Level, Note, Part, Reply, Table, Text, say
from bot.silence import Silence
from bot.stores.escalations import Call, Escalations
from bot.stores.incidents import SHORT_ID, Incident, Incidents
from bot.stores.message import CRITICAL, Delivery, Via
from bot.stores.outbox import Outbox
from bot.stores.pages import Paged, Pages
from bot.stores.silences import Silences

Show = Literal["firing", "undelivered"]
SHOWN: Final = 40
OFFERED: Final = 5
# What was said less than this ago is on its way, and nothing to wonder about.
ON_ITS_WAY: Final = timedelta(seconds=15)
_UNDELIVERED: Final = ("message", "where to", "for", "attempts", "why")
_WAYS: Final[dict[Via, str]] = {"slack": "Slack", "pagerduty": "PagerDuty", "mail": "mail"}
_COLUMNS: Final = ("alert", "severity", "age", "owner", "state", "id")


@command("/alerts", permission="alerts:read", section="Administration", examples=("/alerts", "/alerts undelivered"))
async def alerts(  # noqa: PLR0913 - one argument of the command, six things it needs
    show: Annotated[Show, Field(description="What fires, or what has not arrived")] = "firing",
    *,
    incidents: Incidents,
    silences: Silences,
    pages: Pages,
    calls: Escalations,
    outbox: Outbox,
    now: datetime,
) -> Reply:
    """List what fires, the critical first, with its age and who has it; open pages, and what is silenced.

    undelivered lists the bot's messages, pages and mails that have not arrived after 15 seconds: where to, since when,
    and why.
    """
    if show == "undelivered":
        late = await outbox.undelivered(now - ON_ITS_WAY, limit=SHOWN)
        number = sum((await outbox.count_undelivered(now - ON_ITS_WAY)).values())
        return _undelivered(late, number, sum((await outbox.count_undelivered(now)).values()) - number, now)
    firing, counts, silent = await incidents.worst(SHOWN), await incidents.count_firing(), await silences.active(now)
    paged, undelivered = await pages.open(), sum((await outbox.count_undelivered(now - ON_ITS_WAY)).values())
    parts: list[Part] = [_table(firing, now)] if firing else []
    if counts.total() > len(firing):
        parts.append(Note.of(f"{counts.total() - len(firing):,} more; the worst and oldest are shown."))
    called = await calls.of([one.page.incident for one in paged[:SHOWN]]) if paged else {}
    parts += [Text.of(_page(one, called.get(one.page.incident, []), now)) for one in paged[:SHOWN]]
    parts += [Note.of(f"Silence {one.id}: {one.words}, {one.sentence()}") for one in silent[:SHOWN]]
    if undelivered:
        one = "One of the bot's messages has"
        how_many = one if undelivered == 1 else f"{undelivered:,} of the bot's messages have"
        parts.append(Note.of(f"{how_many} not arrived: /alerts undelivered."))
    return say(_title(counts, silent, len(paged)), *parts, *_buttons(firing), level=_level(counts, paged))


def _undelivered(late: list[Delivery], number: int, on_the_way: int, now: datetime) -> Reply:
    if not late:
        return say(_nothing_late(on_the_way), level=Level.OK)
    rows = [
        (
            one.body.title,
            f"{_WAYS[one.via]} {one.channel}".strip(),
            elapsed(now - one.unsent_since),
            "given up" if one.state == "dropped" else str(one.attempts),
            one.error or "not tried yet",
        )
        for one in late
    ]
    parts: list[Part] = [Table(columns=_UNDELIVERED, rows=tuple(rows))]
    number = max(number, len(late))  # one may have arrived between the two looks
    if number > len(late):
        parts.append(Note.of(f"{number - len(late):,} more; the most urgent and oldest are shown."))
    if on_the_way > 0:
        parts.append(Note.of(f"{on_the_way:,} more {'is on its' if on_the_way == 1 else 'are on their'} way."))
    title = "1 message has not arrived" if number == 1 else f"{number:,} messages have not arrived"
    is_urgent = any(one.priority == CRITICAL for one in late)
    return say(title, *parts, level=Level.CRITICAL if is_urgent else Level.WARNING)


def _nothing_late(on_the_way: int) -> str:
    if on_the_way <= 0:
        return "All that was said has arrived"
    said = "1 message is on its way" if on_the_way == 1 else f"{on_the_way:,} messages are on their way"
    return f"{said}, none is late"


def _table(firing: list[Incident], now: datetime) -> Table:
    rows = [
        (
            one.alert.summary,
            one.severity,
            elapsed(now - one.alert.since),
            one.acknowledged_by or "nobody",
            _state(one),
            one.id[:SHORT_ID],
        )
        for one in firing
    ]
    return Table(columns=_COLUMNS, rows=tuple(rows))


def _buttons(firing: list[Incident]) -> list[Buttons]:
    """Offer to take the worst in hand that nobody has."""
    free = [one for one in firing if one.acknowledged_at is None and not one.muted][:OFFERED]
    shown = [
        Button(label=f"Acknowledge: {one.alert.summary}", action="run", value=f"/ack {one.id}", style="primary")
        for one in free
    ]
    return [Buttons(buttons=tuple(shown))] if shown else []


def _state(incident: Incident) -> str:
    """Say how it stands; what is on and off may be within its limit at this moment."""
    if incident.calm_since is not None:
        return "calm, on and off"
    standing = "unknown" if incident.alert.value is None else "muted" if incident.muted else "firing"
    return f"{standing}, on and off" if incident.flapping else standing


def _page(one: Paged, calls: list[Call], now: datetime) -> str:
    page, owner = one.page, f"{one.acknowledged_by} has it" if one.acknowledged_at else "nobody has it"
    called = f"{page.by.name} called level {calls[0].level if calls else page.level} {elapsed(now - page.at)} ago"
    last = f", level {calls[-1].level} was called {elapsed(now - calls[-1].at)} ago" if len(calls) > 1 else ""
    return f"Page {page.incident}: {page.reason}; {called}{last}, {owner}. /page end {page.id} ends it."


def _title(firing: Counter[str], silent: list[Silence], paged: int) -> str:
    pages = {0: "", 1: ", 1 page is open"}.get(paged, f", {paged} pages are open")
    return f"{_said(firing, silent)}{pages}"


def _said(firing: Counter[str], silent: list[Silence]) -> str:
    number = firing.total()
    if not number:
        silences = "1 silence is" if len(silent) == 1 else f"{len(silent)} silences are"
        return f"No alert is firing, {silences} in force" if silent else "No alert is firing"
    said = f"{number:,} {'alert is' if number == 1 else 'alerts are'} firing"
    return f"{said}, {firing['critical']:,} critical" if firing["critical"] else said


def _level(firing: Counter[str], paged: list[Paged]) -> Level:
    if firing["critical"] or any(one.acknowledged_at is None for one in paged):
        return Level.CRITICAL
    return Level.WARNING if firing.total() or paged else Level.OK
