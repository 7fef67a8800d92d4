"""A page as a card, a page in PagerDuty and a mail: who is called, by whom, why, and who has it in hand."""

from typing import Final

from bot.alerting.calling import level_named, people
from bot.policy import Policy
from bot.reply import Bold, Button, Buttons, Level, Part, Reply, Text, When, say
from bot.stores.message import CRITICAL, Message
from bot.stores.pages import Paged

_RESOLVED: Final = "Resolved"


def page_body(paged: Paged, policy: Policy) -> Reply:
    """Return what whoever somebody pages reads, by whatever way."""
    page, is_over = paged.page, paged.ended_at is not None
    called = people(policy, page.people, notify=not is_over)
    parts: list[Part] = [
        Text.of(Bold(text=level_named(policy, page.level)), ": ", *called),
        Text.of(f"{page.by.name} calls at ", When(at=page.at), f": {page.reason}"),
    ]
    if paged.acknowledged_at is not None:
        parts.append(Text.of(f"Acknowledged by {paged.acknowledged_by} at ", When(at=paged.acknowledged_at)))
    if paged.ended_at is not None:
        by = f" by {paged.ended_by}" if paged.ended_by else ""
        parts.append(Text.of(f"{_RESOLVED}{by} at ", When(at=paged.ended_at)))
    return say(f"Page: {page.reason}", *parts, level=_level(paged))


def page_card(paged: Paged, policy: Policy, channel: str) -> Message:
    """Return the card that mentions whoever is called, with its buttons while it is open."""
    page, body = paged.page, page_body(paged, policy)
    if paged.ended_at is None:
        acknowledge = Button(label="Acknowledge", action="run", value=f"/ack {page.incident}", style="primary")
        resolved = Button(label=_RESOLVED, action="run", value=f"/page end {page.id}")
        buttons = (resolved,) if paged.acknowledged_at else (acknowledge, resolved)
        body = body.model_copy(update={"parts": (*body.parts, Buttons(buttons=buttons))})
    return Message(page_card_key(page.id), channel, body, CRITICAL, incident=page.incident)


def page_card_key(page: str) -> str:
    """Return the key of a page's card."""
    return f"page:{page}"


def _level(paged: Paged) -> Level:
    if paged.ended_at is not None:
        return Level.OK
    return Level.WARNING if paged.acknowledged_at else Level.CRITICAL
