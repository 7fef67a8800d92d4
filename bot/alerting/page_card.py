"""A page as a card, a page in PagerDuty and a mail: who is called, by whom, why, who has it, and who is called next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.alert import Alert
from bot.alerting.calling import level_named, people
from bot.alerting.escalate import as_it_is, called
from bot.policy import Policy
from bot.reply import Bold, Button, Buttons, Level, Part, Reply, Text, When, say
from bot.stores.escalations import Call
from bot.stores.incidents import Incident
from bot.stores.message import CRITICAL, Message
from bot.stores.pages import Page, Paged, page_card_key

_RESOLVED: Final = "Resolved"


@dataclass(frozen=True)
class Standing:
    """A page with its calls so far, and the level that is called next and when, None where none is."""

    paged: Paged
    calls: tuple[Call, ...] = ()
    ahead: tuple[int, datetime] | None = None


def page_incident(standing: Standing, policy: Policy) -> Incident:
    """Return a page as the incident that it is for the escalation: critical, until somebody has it or has ended it."""
    paged, page = standing.paged, standing.paged.page
    summary = f"page of {page.by.name}: {page.reason}"
    state = "resolved" if paged.ended_at else "firing"
    known = {"labels": {"page": page.id}, "severity": "critical", "state": state, "summary": summary, "value": None}
    alert = Alert.model_validate(known | {"since": page.at})
    return Incident(
        id=page.incident,
        fingerprint=alert.fingerprint,
        alert=alert,
        severity="critical",
        state="resolved" if paged.ended_at else "firing",
        peak=None,
        opened_at=page.at,
        acknowledged_by=paged.acknowledged_by,
        acknowledged_at=paged.acknowledged_at,
        called=called(standing.calls, policy) if len(standing.calls) > 1 else "",
    )


def page_body(standing: Standing, policy: Policy) -> Reply:
    """Return what whoever somebody pages reads, by whatever way."""
    paged, page = standing.paged, standing.paged.page
    parts: list[Part] = [
        Text.of(
            Bold(text=level_named(policy, page.level)), ": ", *people(policy, page.people, notify=not paged.ended_at)
        ),
        Text.of(f"{page.by.name} calls at ", When(at=page.at), f": {page.reason}"),
    ]
    if paged.acknowledged_at is not None:
        parts.append(Text.of(f"Acknowledged by {paged.acknowledged_by} at ", When(at=paged.acknowledged_at)))
    parts += _calls(standing, policy)
    if paged.ended_at is not None:
        by = f" by {paged.ended_by}" if paged.ended_by else ""
        parts.append(Text.of(f"{_RESOLVED}{by} at ", When(at=paged.ended_at)))
    return say(f"Page: {page.reason}", *parts, level=_level(paged))


def _calls(standing: Standing, policy: Policy) -> Iterator[Part]:
    """Say who was called when, and who is called next while nobody has it."""
    paged = standing.paged
    if said := as_it_is(page_incident(standing, policy)):
        yield Text.of(said)
    if paged.acknowledged_at or paged.ended_at or not standing.calls:
        return
    if standing.ahead is None:
        yield Text.of("Nobody further is called: the policy's [escalation] ends here.")
        return
    level, at = standing.ahead
    again = " again" if any(call.level == level for call in standing.calls) else ""
    yield Text.of(f"Next, unless somebody has it: {level_named(policy, level)},{again} at ", When(at=at))


def page_card(standing: Standing, policy: Policy, channel: str) -> Message:
    """Return the card that mentions whoever is called, with its buttons while it is open."""
    paged, page, body = standing.paged, standing.paged.page, page_body(standing, policy)
    if paged.ended_at is None:
        resolved = Button(label=_RESOLVED, action="run", value=f"/page end {page.id}")
        buttons = (resolved,) if paged.acknowledged_at else (_acknowledge(page), resolved)
        body = body.model_copy(update={"parts": (*body.parts, Buttons(buttons=buttons))})
    return Message(page_card_key(page.id), channel, body, CRITICAL, incident=page.incident)


def page_ring(again: Page, policy: Policy, channel: str) -> Message:
    """Return what rings whoever is called for a page that is open already: in its card's thread, as an edit is silent.

    ``again`` is the page with the level, the people, the caller and the time of this call.
    """
    body = page_body(Standing(Paged(again)), policy)
    body = body.model_copy(update={"parts": (*body.parts, Buttons(buttons=(_acknowledge(again),)))})
    key = f"incident:{again.incident}:call:{again.at:%Y%m%dT%H%M%S%f}:1"
    return Message(key, channel, body, CRITICAL, thread_of=page_card_key(again.id))


def _acknowledge(page: Page) -> Button:
    return Button(label="Acknowledge", action="run", value=f"/ack {page.incident}", style="primary")


def _level(paged: Paged) -> Level:
    if paged.ended_at is not None:
        return Level.OK
    return Level.WARNING if paged.acknowledged_at else Level.CRITICAL
