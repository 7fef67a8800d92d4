"""What calls people by other ways than Slack: PagerDuty and mail, as far as they are set up."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from bot.alerting.calling import TOGETHER_ABOVE, call_body, together
from bot.alerting.notify import Ways
from bot.alerting.page_card import Standing, page_body
from bot.policy import Policy
from bot.stores.escalations import Call
from bot.stores.incidents import Incident
from bot.stores.message import CRITICAL, Delivery, Message, mails_of, page_key, page_of


def call_elsewhere(
    due: Iterable[Call], incidents: Mapping[str, Incident], policy: Policy, ways: Ways, alone: Collection[str]
) -> list[Message]:
    """Return what calls by the other ways; the first call goes the ways of the policy's routes, where it has any.

    ``alone`` are the ids of the incidents that share no page with others.

    PagerDuty has people of its own, so that it is told even if we know nobody. Whoever is called and has an address of
    their own is mailed there too, at each call.
    """
    calls = list(due)
    paged = [one for one in calls if ways.pagerduty and one.incident in alone and not _goes_by_routes(one, policy)]
    bodies = {call: call_body(call, incidents[call.incident], policy) for call in calls}
    found = [page_of("trigger", call.incident, bodies[call], "critical") for call in paged]
    for address, mine in _mailed(calls, policy, ways).items():
        if len(mine) > TOGETHER_ABOVE:
            body, name = together(mine, incidents, policy), f"calls:{mine[0].at.isoformat()}"
            found += mails_of(name, "calls", (address,), body, priority=CRITICAL)
            continue
        for call in mine:
            what = f"call:{call.began_at:%Y%m%dT%H%M%S}:{call.number}"
            found += mails_of(call.incident, what, (address,), bodies[call], priority=CRITICAL)
    return found


def _goes_by_routes(call: Call, policy: Policy) -> bool:
    return call.number == 1 and bool(policy.routes)


def _mailed(calls: Iterable[Call], policy: Policy, ways: Ways) -> dict[str, list[Call]]:
    """Return what is mailed where: to the alerts address, and to each one's own; nothing where mail is not set up."""
    found: dict[str, list[Call]] = {}
    for call in calls if ways.address else ():
        alerts = () if _goes_by_routes(call, policy) else (ways.address,)
        for address in dict.fromkeys((*alerts, *_own(call.people, policy))):
            found.setdefault(address, []).append(call)
    return found


def _own(people: Iterable[str], policy: Policy) -> Iterator[str]:
    """Return the addresses of those who have one of their own."""
    known = (policy.people.get(person) for person in people)
    return (one.email for one in known if one is not None and one.email)


def page_elsewhere(standing: Standing, policy: Policy, ways: Ways, what: str = "page") -> list[Message]:
    """Return what calls for a page by the other ways; it is an incident of its own there.

    ``what`` tells the mails of one page apart.
    """
    page = standing.paged.page
    body, name = page_body(standing, policy), page.incident
    trigger = [page_of("trigger", name, body, "critical")] if ways.pagerduty else []
    addresses = (ways.address, *_own(page.people, policy)) if ways.address else ()
    return [*trigger, *mails_of(name, what, addresses, body, priority=CRITICAL)]


def page_told_elsewhere(standing: Standing, policy: Policy, told: Iterable[Delivery]) -> list[Message]:
    """Return what tells of a page how it stands, to whom it went before; mails only tell of its end."""
    body, paged, before = page_body(standing, policy), standing.paged, list(told)
    name, found = paged.page.incident, list[Message]()
    if any(one.key == page_key(name) for one in before):
        found.append(page_of("resolve" if paged.ended_at else "acknowledge", name, body, "critical"))
    if paged.ended_at is not None:
        found += mails_of(name, "resolved", [one.channel for one in before if one.via == "mail"], body)
    return found
