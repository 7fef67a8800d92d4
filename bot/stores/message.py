"""A message, the way it goes, and how far it has come.

A page is ``page_of("trigger", incident, body, severity)``, a mail ``mails_of(incident, what, addresses, body)``; what
they return is put into the outbox as it is, in the transaction that decides about it. Each incident has one page:
the newest of trigger, acknowledge and resolve wins, and PagerDuty is told them under the same ``dedup_key``.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from bot.alert import Severity
from bot.reply import Reply

CRITICAL: Final = 0
CARD: Final = 1
ANSWER: Final = 2

State = Literal["due", "posting", "sent", "dropped"]
Via = Literal["slack", "pagerduty", "mail"]
Action = Literal["trigger", "acknowledge", "resolve"]
VIAS: Final[tuple[Via, ...]] = ("slack", "pagerduty", "mail")


@dataclass(frozen=True)
class Page:
    """What PagerDuty is told besides the body; ``dedup_key`` names the same incident there in each of its events."""

    dedup_key: str
    action: Action
    severity: Severity


@dataclass(frozen=True)
class Message:
    """Something to say, by its way: ``channel`` is Slack's channel, a mail's one address, and nothing for a page.

    ``private_to`` is the one person who sees it, ``response_url`` the way back to them. ``thread_of`` is the key of
    the message that this one answers in its thread. ``incident`` is the id of the incident it is about: what was
    told of an incident by any way is told of its end too.
    """

    key: str
    channel: str
    body: Reply
    priority: int = ANSWER
    private_to: str = ""
    response_url: str = ""
    thread_of: str = ""
    via: Via = "slack"
    page: Page | None = None
    incident: str = ""


@dataclass(frozen=True)
class Delivery:
    """A message on its way: its newest version, what is confirmed of it (``sent_version``), where it stands.

    What is not delivered waits since ``unsent_since``, however often it changed meanwhile. ``acknowledged`` says that
    PagerDuty may hold the page as acknowledged, whatever its newest version asks for.
    """

    key: str
    channel: str
    body: Reply
    version: int
    sent_version: int
    priority: int
    private_to: str
    response_url: str
    response_uses: int
    thread_of: str
    posted_channel: str
    posted_ts: str
    state: State
    attempts: int
    error: str
    created_at: datetime
    changed_at: datetime
    unsent_since: datetime
    via: Via
    page: Page | None
    incident: str
    acknowledged: bool

    @property
    def delivered(self) -> bool:
        """Whether the newest version is delivered."""
        return self.sent_version == self.version


def page_key(incident: str) -> str:
    """Return the key of an incident's page."""
    return f"pagerduty:{incident}"


def page_of(action: Action, incident: str, body: Reply, severity: Severity) -> Message:
    """Return an incident's page; a later one of the same incident takes its place."""
    page = Page(incident, action, severity)
    priority = CRITICAL if severity == "critical" else CARD
    return Message(page_key(incident), "", body, priority, via="pagerduty", page=page, incident=incident)


def mails_of(
    incident: str, what: str, addresses: Iterable[str], body: Reply, *, priority: int = CARD
) -> tuple[Message, ...]:
    """Return a mail for each address, so that each is confirmed by itself; ``what`` tells an incident's mails apart."""
    return tuple(
        Message(f"mail:{incident}:{what}:{_short(address)}", address, body, priority, via="mail", incident=incident)
        for address in dict.fromkeys(addresses)
    )


def _short(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:12]
