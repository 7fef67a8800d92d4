"""``/alerts``: what fires, since when, and who has it; what is over; and what of all that was said has not arrived."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from bot.alert_list import FEW, LISTED, conditions, every_line, firing_table, left_out, narrowed, resolved_table
from bot.command import command
from bot.elapsed import elapsed
from bot.errors import UsageError
from bot.matchers import Matcher
from bot.policy_file import PolicyFile
from bot.reply import Button, Buttons, Level, Note, Part, Reply, Table, say
from bot.sentence import sentence
from bot.silence import Silence
from bot.stores.escalations import Call, Escalations
from bot.stores.incidents import Incident, Incidents
from bot.stores.message import CRITICAL, Delivery, Via
from bot.stores.outbox import Outbox
from bot.stores.pages import Paged, Pages
from bot.stores.silences import Silences

Show = Literal["firing", "resolved", "undelivered"]
A_DAY: Final = timedelta(days=1)
NARROW: Final = "/alerts severity=critical or queue=report lists only those."
OFFERED: Final = 5
# What was said less than this ago is on its way, and nothing to wonder about.
ON_ITS_WAY: Final = timedelta(seconds=15)
_UNDELIVERED: Final = ("message", "where to", "for", "attempts", "why")
_WAYS: Final[dict[Via, str]] = {"slack": "Slack", "pagerduty": "PagerDuty", "mail": "mail"}


_Only = Annotated[
    str, Field(description="Only what fires with this, such as queue=report", json_schema_extra={"matchers": True})
]


@command(
    "/alerts",
    permission="alerts:read",
    section="Administration",
    examples=("/alerts", "/alerts severity=critical queue=~report.*", "/alerts resolved", "/alerts undelivered"),
)
async def alerts(  # noqa: PLR0913 - two arguments of the command, seven things it needs
    show: Annotated[
        Show, Field(description="What fires, what is over since a day, or what has not arrived")
    ] = "firing",
    only: _Only = "",
    *,
    incidents: Incidents,
    silences: Silences,
    pages: Pages,
    calls: Escalations,
    outbox: Outbox,
    policy: PolicyFile,
    now: datetime,
) -> Reply:
    """List all that fires, the critical first, with its age and who has it; open pages, and what is silenced.

    Matchers such as severity=critical or queue=report list only what fires with them. resolved lists what was over
    within the last day, undelivered the bot's messages, pages and mails that have not arrived after 15 seconds: where
    to, since when, and why. What does not fit into the message comes as a file.
    """
    if only and show != "firing":
        raise UsageError(f"Matchers narrow what fires, not what is {show}.", argument="only")
    if show == "undelivered":
        return await _undelivered(outbox, now)
    if show == "resolved":
        return _resolved(*await incidents.resolved_since(now - A_DAY, limit=LISTED), now)
    if only:
        return await _only(conditions(only), incidents, policy, now)
    firing, counts, silent = await incidents.worst(LISTED), await incidents.count_firing(), await silences.active(now)
    paged, undelivered = await pages.open(limit=LISTED), await outbox.count_undelivered(now - ON_ITS_WAY)
    called = await calls.of([one.page.incident for one in paged]) if paged else {}
    parts = [
        *_firing(firing, counts.total(), now),
        *every_line([_page(one, called.get(one.page.incident, []), now) for one in paged], "pages.txt"),
        *every_line([f"Silence {one.id}: {one.words}, {one.sentence()}" for one in silent], "silences.txt"),
        *_late(sum(undelivered.values())),
    ]
    return say(_title(counts, silent, len(paged)), *parts, *_buttons(firing), level=_level(counts, paged))


def _firing(firing: list[Incident], number: int, now: datetime) -> list[Part]:
    if not firing:
        return []
    is_long = number > FEW and len(firing) == number
    hint: list[Part] = [Note.of(NARROW)] if is_long else []
    return [firing_table(firing, now), *left_out(number, len(firing), NARROW), *hint]


async def _only(only: tuple[Matcher, ...], incidents: Incidents, policy: PolicyFile, now: datetime) -> Reply:
    """List what fires and meets the conditions; one that no alert can meet is said."""
    found = await narrowed(incidents, only, policy.current)
    counts, words = Counter[str](one.severity for one in found), ", ".join(map(str, only))
    unknown = [] if found else [problem for one in only if (problem := policy.labels.problem(one))]
    parts = [*_firing(found[:LISTED], len(found), now), *(Note.of(sentence(problem)) for problem in unknown)]
    title = f"{_said(counts, [])}, with {words}"
    return say(title, *parts, *_buttons(found), level=Level.UNKNOWN if unknown else _level(counts, []))


def _resolved(over: list[Incident], number: int, now: datetime) -> Reply:
    if not over:
        return say("No alert was over within the last day", level=Level.OK)
    title = f"{number:,} {'alert was' if number == 1 else 'alerts were'} over within the last day"
    newest = left_out(number, len(over), "those that were over last are shown.")
    return say(title, resolved_table(over, now), *newest, level=Level.OK)


def _late(undelivered: int) -> list[Part]:
    one = "One of the bot's messages has"
    how_many = one if undelivered == 1 else f"{undelivered:,} of the bot's messages have"
    return [Note.of(f"{how_many} not arrived: /alerts undelivered.")] if undelivered else []


async def _undelivered(outbox: Outbox, now: datetime) -> Reply:
    late = await outbox.undelivered(now - ON_ITS_WAY, limit=LISTED)
    number = sum((await outbox.count_undelivered(now - ON_ITS_WAY)).values())
    on_the_way = sum((await outbox.count_undelivered(now)).values()) - number
    return _listed(late, number, on_the_way, now)


def _listed(late: list[Delivery], number: int, on_the_way: int, now: datetime) -> Reply:
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
        parts.append(Note.of(f"and {number - len(late):,} more: the most urgent and oldest are shown."))
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


def _buttons(firing: list[Incident]) -> list[Buttons]:
    """Offer to take the worst in hand that nobody has."""
    by_card = {one.id: one for one in reversed(firing) if one.acknowledged_at is None and not one.muted}
    free = [*reversed(by_card.values())][:OFFERED]
    shown = [
        Button(label=f"Acknowledge: {one.alert.summary}", action="run", value=f"/ack {one.id}", style="primary")
        for one in free
    ]
    return [Buttons(buttons=tuple(shown))] if shown else []


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
