"""The ways besides Slack by which people are called: PagerDuty and mail, as far as they are configured."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.alerting.calling import call_body, page_body
from bot.alerting.escalate import wants_somebody
from bot.policy import Policy
from bot.reply import Level, Reply, Text, say
from bot.settings import PagingSettings
from bot.stores.escalations import Call
from bot.stores.incidents import Incident
from bot.stores.message import CRITICAL, Action, Message, mails_of, page_of
from bot.stores.pages import Page


@dataclass(frozen=True)
class Ways:
    """Whether PagerDuty is configured, and the addresses that get a mail."""

    pagerduty: bool = False
    mail: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: PagingSettings) -> "Ways":
        """Return what the settings configure."""
        mail = (settings.alerts_email,) if settings.smtp_url and settings.alerts_email else ()
        return cls(settings.pagerduty_routing_key is not None, mail)


NO_OTHER: Final = Ways()


def call_elsewhere(calls: Iterable[Call], incidents: dict[str, Incident], policy: Policy, ways: Ways) -> list[Message]:
    """Return what calls by the other ways; PagerDuty has its own people, so that it is told even if we know nobody."""
    found: list[Message] = []
    for call in calls:
        body = call_body(call, incidents[call.incident], policy)
        if ways.pagerduty:
            found.append(page_of("trigger", call.incident, body, "critical"))
        what = f"call:{call.began_at:%Y%m%dT%H%M%S}:{call.number}"
        found += mails_of(call.incident, what, ways.mail, body, priority=CRITICAL)
    return found


def page_elsewhere(page: Page, policy: Policy, ways: Ways) -> list[Message]:
    """Return what calls for a page by the other ways; it is an incident of its own there."""
    body, name = page_body(page, policy), f"page-{page.id}"
    trigger = [page_of("trigger", name, body, "critical")] if ways.pagerduty else []
    return [*trigger, *mails_of(name, "page", ways.mail, body, priority=CRITICAL)]


def calm(incident: Incident) -> Message | None:
    """Return what tells PagerDuty that nobody has to be called any longer, or None while somebody has to."""
    if wants_somebody(incident):
        return None
    action: Action = "resolve" if incident.state == "resolved" else "acknowledge"
    return page_of(action, incident.id, _calm(incident), incident.severity)


def _calm(incident: Incident) -> Reply:
    if incident.state == "resolved":
        return say(f"Resolved: {incident.alert.summary}", level=Level.OK)
    if incident.acknowledged_at is not None:
        why = f"{incident.acknowledged_by} has it in hand."
    else:
        why = f"Muted: {incident.muted}." if incident.muted else "It is critical no longer."
    return say(incident.alert.summary, Text.of(why), level=Level.WARNING)
