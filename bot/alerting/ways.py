"""What calls people by other ways than Slack: PagerDuty and mail, as far as they are set up."""

from collections.abc import Iterable

from bot.alerting.calling import TOGETHER_ABOVE, call_body, together
from bot.alerting.notify import Ways
from bot.alerting.page_card import page_body
from bot.policy import Policy
from bot.stores.escalations import Call
from bot.stores.incidents import Incident
from bot.stores.message import CRITICAL, Delivery, Message, mails_of, page_key, page_of
from bot.stores.pages import Paged


def call_elsewhere(due: Iterable[Call], incidents: dict[str, Incident], policy: Policy, ways: Ways) -> list[Message]:
    """Return what calls by the other ways; the first call goes the ways of the policy's routes, where it has any.

    PagerDuty has people of its own, so that it is told even if we know nobody.
    """
    calls = [call for call in due if call.number > 1 or not policy.routes]
    found: list[Message] = []
    addresses = (ways.address,) if ways.address else ()
    if len(calls) > TOGETHER_ABOVE:
        body = together(calls, incidents, policy)
        found += mails_of(f"calls:{calls[0].at.isoformat()}", "calls", addresses, body, priority=CRITICAL)
        addresses = ()
    for call in calls:
        body = call_body(call, incidents[call.incident], policy)
        if ways.pagerduty:
            found.append(page_of("trigger", call.incident, body, "critical"))
        what = f"call:{call.began_at:%Y%m%dT%H%M%S}:{call.number}"
        found += mails_of(call.incident, what, addresses, body, priority=CRITICAL)
    return found


def page_elsewhere(paged: Paged, policy: Policy, ways: Ways) -> list[Message]:
    """Return what calls for a page by the other ways; it is an incident of its own there."""
    body, name = page_body(paged, policy), paged.page.incident
    trigger = [page_of("trigger", name, body, "critical")] if ways.pagerduty else []
    return [*trigger, *mails_of(name, "page", (ways.address,) if ways.address else (), body, priority=CRITICAL)]


def page_told_elsewhere(paged: Paged, policy: Policy, told: Iterable[Delivery]) -> list[Message]:
    """Return what tells of a page how it stands, to whom it went before; mails only tell of its end."""
    body, name, before = page_body(paged, policy), paged.page.incident, list(told)
    found: list[Message] = []
    if any(one.key == page_key(name) for one in before):
        found.append(page_of("resolve" if paged.ended_at else "acknowledge", name, body, "critical"))
    if paged.ended_at is not None:
        found += mails_of(name, "resolved", [one.channel for one in before if one.via == "mail"], body)
    return found
