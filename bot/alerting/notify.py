"""Where the news of an incident goes, and as what: a card in Slack, a page, a mail."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bot.alerting.card import RINGS
from bot.alerting.dedupe import News
from bot.policy import Policy
from bot.reply import Reply
from bot.routing import Receiver, receivers_of
from bot.stores.incidents import Incident
from bot.stores.message import CARD, CRITICAL, Action, Delivery, Message, Page, mails_of, page_key, page_of

# A policy without routes says everything in the alerts channel.
_ROOM = Receiver(slack=True)


@dataclass(frozen=True)
class Ways:
    """What is set up: Slack's alerts channel, whether there is PagerDuty, and the alerts address ("" without mail)."""

    channel: str
    pagerduty: bool = False
    address: str = ""


@dataclass(frozen=True)
class Places:
    """Where one alert goes. A way that is not set up is left out: ``check`` says so."""

    channels: tuple[str, ...]
    pagerduty: bool = False
    addresses: tuple[str, ...] = ()


def places_of(names: Iterable[str], receivers: Mapping[str, Receiver], ways: Ways) -> Places:
    """Return where these receivers are reached."""
    found = [receivers[name] for name in names if name in receivers]
    channels = [ways.channel if one.slack is True else one.slack for one in found if one.slack]
    addresses: list[str] = []
    for one in found if ways.address else ():
        addresses += one.mail if isinstance(one.mail, tuple) else (ways.address,) if one.mail else ()
    paged = ways.pagerduty and any(one.pagerduty for one in found)
    return Places(tuple(dict.fromkeys(map(str, channels))), paged, tuple(dict.fromkeys(addresses)))


def route(news: News, policy: Policy, ways: Ways) -> Places:
    """Return where the incident's alert goes by the policy's routes; PagerDuty is left out where it shares a page."""
    if not policy.routes:
        return places_of(("",), {"": _ROOM}, ways)
    alert = news.incident.alert
    labels = news.finding.labels if news.finding else alert.labels | {"severity": news.incident.severity}
    places = places_of(receivers_of(policy.routes, labels), policy.receivers, ways)
    return replace(places, pagerduty=False) if news.shares_page else places


def cards(incident: Incident, body: Reply, places: Places, told: Iterable[Delivery]) -> list[Message]:
    """Return the incident's cards: those that stand are edited, and each channel has one."""
    standing = {one.key: one.channel for one in told if one.via == "slack"}
    first = f"incident:{incident.id}"
    if incident.state == "firing" or not standing:
        for channel in places.channels:
            if channel not in standing.values():
                standing[f"{first}:in:{channel}" if first in standing else first] = channel
    priority = priority_of(incident)
    return [Message(key, place, body, priority, incident=incident.id) for key, place in standing.items()]


def rings_nobody(incident: Incident) -> bool:
    """Whether no page may begin for it now: it is muted, within its limit for the moment, or over."""
    return bool(incident.muted) or incident.calm_since is not None or incident.state == "resolved"


def page(incident: Incident, body: Callable[[], Reply], places: Places, told: Iterable[Delivery]) -> list[Message]:
    """Return the incident's page where what it asks of PagerDuty is new; a value that moved is not."""
    before = next((one.page for one in told if one.key == page_key(incident.id)), None)
    if (before is None or before.action == "resolve") and (not places.pagerduty or rings_nobody(incident)):
        return []
    action: Action = "acknowledge" if incident.acknowledged_at else "trigger"
    # What is muted calls nobody there either. Acknowledged it would stay so, and ring nobody when the mute ends.
    if incident.muted or incident.state == "resolved":
        action = "resolve"
    if before == Page(incident.id, action, incident.severity):
        return []
    return [page_of(action, incident.id, body(), incident.severity)]


def mails(news: News, body: Reply, places: Places, told: Iterable[Delivery], now: datetime) -> list[Message]:
    """Return the mails for what rings, and for the end to whom was written before."""
    incident = news.incident
    if incident.state == "resolved":
        before = [one.channel for one in told if one.via == "mail"]
        return list(mails_of(incident.id, "resolved", before, body, priority=priority_of(incident)))
    if incident.muted or not (news.kind == "opened" or news.kind in RINGS):
        return []
    what = f"{news.kind}:{now.isoformat()}"
    return list(mails_of(incident.id, what, places.addresses, body, priority=priority_of(incident)))


def priority_of(incident: Incident) -> int:
    """Return how urgent it is to say anything of the incident."""
    return CRITICAL if incident.severity == "critical" else CARD
