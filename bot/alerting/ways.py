"""What calls people by other ways than Slack: PagerDuty and mail, as far as they are set up."""

from collections.abc import Sequence

from bot.alerting.calling import TOGETHER_ABOVE, call_body, page_body, together
from bot.alerting.notify import Ways
from bot.policy import Policy
from bot.stores.escalations import Call
from bot.stores.incidents import Incident
from bot.stores.message import CRITICAL, Message, mails_of, page_of
from bot.stores.pages import Page


def call_elsewhere(calls: Sequence[Call], incidents: dict[str, Incident], policy: Policy, ways: Ways) -> list[Message]:
    """Return what calls by the other ways; PagerDuty has its own people, so that it is told even if we know nobody."""
    found: list[Message] = []
    addresses = (ways.address,) if ways.address else ()
    if len(calls) > TOGETHER_ABOVE:
        # What is new, the policy's routes have mailed in one message already.
        if not policy.routes or any(call.number > 1 for call in calls):
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


def page_elsewhere(page: Page, policy: Policy, ways: Ways) -> list[Message]:
    """Return what calls for a page by the other ways; it is an incident of its own there."""
    body, name = page_body(page, policy), f"page-{page.id}"
    trigger = [page_of("trigger", name, body, "critical")] if ways.pagerduty else []
    return [*trigger, *mails_of(name, "page", (ways.address,) if ways.address else (), body, priority=CRITICAL)]
