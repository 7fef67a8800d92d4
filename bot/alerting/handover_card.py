"""The card of a hand-over: what the next one takes over, and the button that says that they have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.alert_rule import SEVERITIES
from bot.alerting.calling import people
from bot.elapsed import elapsed
from bot.freeze import Freeze
from bot.policy import Policy
from bot.reply import Bold, Button, Buttons, Code, Level, Link, Part, Reply, Span, Text, When, say
from bot.request import Actor
from bot.silence import Silence
from bot.stores.handovers import Handover
from bot.stores.incidents import Incident
from bot.stores.pages import Paged, page_card_key
from bot.stores.plans import StoredPlan
from bot.stores.runs import StoredRun

SHOWN: Final = 10


@dataclass(frozen=True)
class Running:
    """A run, the line that somebody typed for it, and who; None where its plan is not known."""

    run: StoredRun
    line: str
    requester: Actor | None


@dataclass(frozen=True)
class Situation:
    """What is under way when somebody hands over; ``until`` is when the turn that begins ends, None if unknown."""

    firing: list[Incident]
    silences: list[Silence]
    waiting: list[StoredPlan]
    running: list[Running]
    freezes: list[Freeze]
    until: datetime | None
    paged: list[Paged]


def handover_key(handover: str) -> str:
    """Return the key of a hand-over's card."""
    return f"handover:{handover}"


def handover_card(handover: Handover, found: Situation, policy: Policy, now: datetime) -> Reply:
    """Render a hand-over as it stands when it happens."""
    before, after = _names(policy, handover.before), _names(policy, handover.after)
    until: tuple[Span, ...] = (", until ", When(at=found.until)) if found.until else ()
    ringing = ("From ", *people(policy, handover.before), " to ", *people(policy, handover.after), *until, ".")
    parts: list[Part] = [Text(spans=ringing), *_lists(found, now)]
    if not handover.after:
        title = f"Nobody is known to be on call after {before}"
        return Reply(title=title, level=Level.UNKNOWN, parts=tuple(parts))
    accept = Button(label="Accept hand-over", action="run", value=f"/oncall accept {handover.id}", style="primary")
    return say(f"On-call hand-over: {before} → {after}", *parts, Buttons(buttons=(accept,)))


def accepted(card: Reply, by: str, now: datetime) -> Reply:
    """Return the card without its button, with who has accepted it."""
    kept = [part for part in card.parts if part.kind != "buttons"]
    said = Text.of(f"Accepted by {by} at ", When(at=now), ".")
    return card.model_copy(update={"level": Level.OK, "parts": (*kept, said)})


def overdue(handover: Handover, policy: Policy, now: datetime) -> Reply:
    """Say that nobody has accepted it, to whoever had it before and whoever has it now."""
    waited = elapsed(now - handover.at)
    return say(
        "Nobody has accepted the hand-over",
        Text.of(*people(policy, handover.before), f": for {waited} nobody has. Please make sure that it has arrived."),
        Text.of(*people(policy, handover.after), ": alerts call you now; the button is on the card."),
        level=Level.WARNING,
    )


def _lists(found: Situation, now: datetime) -> Iterator[Part]:
    ending = [one for one in found.silences if found.until is None or one.until <= found.until]
    firing = sorted(found.firing, key=lambda one: (-SEVERITIES.index(one.severity), one.opened_at))
    silences = [(f"{one.id}: {one.words}, {one.sentence()}",) for one in ending]
    yield _listed("Alerts", [_alert(one, now) for one in firing], "/alerts")
    yield _listed("Pages that are open", [_page(one, now) for one in found.paged], "/alerts")
    yield _listed("Silences that end within this turn", silences, "/silence list")
    yield _listed("Waits for approval", [_plan(one) for one in found.waiting], "/approvals")
    yield _listed("Runs now", [_run(one) for one in found.running], "/runs")
    frozen = [(f"{one.scope}, by {one.actor.name}, until ", When(at=one.until)) for one in found.freezes]
    yield _listed("Frozen", frozen, "/freeze")


def _listed(title: str, rows: Sequence[tuple[Span, ...]], command: str) -> Text:
    """List the first rows; where there are more, say how many and what lists them."""
    if not rows:
        return Text.of(Bold(text=title), ": none")
    spans: list[Span] = [Bold(text=title)]
    for row in rows[:SHOWN]:
        spans += ["\n", *row]
    if len(rows) > SHOWN:
        spans.append(f"\nand {len(rows) - SHOWN:,} more: {command}")
    return Text(spans=tuple(spans))


def _alert(one: Incident, now: datetime) -> tuple[Span, ...]:
    owner = f"{one.acknowledged_by} has it" if one.acknowledged_at else "nobody has it"
    muted = f", muted: {one.muted}" if one.muted else ""
    age = elapsed(now - one.alert.since)
    link = Link(text=one.alert.summary, key=f"incident:{one.id}")
    return f"{one.severity}: ", link, f", for {age}, {owner}{muted}"


def _page(one: Paged, now: datetime) -> tuple[Span, ...]:
    owner = f"{one.acknowledged_by} has it" if one.acknowledged_at else "nobody has it"
    link = Link(text=one.page.reason, key=page_card_key(one.page.id))
    return link, f", by {one.page.by.name}, for {elapsed(now - one.page.at)}, {owner}"


def _plan(one: StoredPlan) -> tuple[Span, ...]:
    return Link(text=one.plan.title, key=f"plan:{one.id}"), f", requested by {one.requester.name}"


def _run(one: Running) -> tuple[Span, ...]:
    by = f", by {one.requester.name}" if one.requester else ""
    link = Link(text=one.line, key=f"plan:{one.run.id}")
    return link, " (", Code(text=one.run.id), f"){by}, since ", When(at=one.run.started_at)


def _names(policy: Policy, ids: tuple[str, ...]) -> str:
    return ", ".join(policy.name(person) for person in ids) or "nobody"
