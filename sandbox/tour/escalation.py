"""An outage that nobody answers: who is called next, by which ways, and what ends it."""

import asyncio
import re
from collections.abc import Callable

from sandbox.environment import POLICY
from sandbox.mail import MailServer
from sandbox.pagerduty import PagerDuty
from sandbox.slack_page import Message, button, shown_text
from sandbox.tour.stage import PATIENCE, Tour, expect, shows

OUTAGE = "The NovaPulse API is unreachable"
MENDED = "The NovaPulse API answers again"
UNANSWERED = f"Nobody has acknowledged: {OUTAGE}"
# The reminder is later than level 4 would be, so that its coming shows that nobody called level 4.
AFTER = (5, 10, 25)
REMIND_AFTER = 17


def hurried(policy: str) -> str:
    """Return the policy with levels 2, 3 and 4 called after seconds instead of minutes, and nothing else changed."""
    clocks = {"after": str([f"{seconds}s" for seconds in AFTER]), "remind_after": f'"{REMIND_AFTER}s"'}
    for name, value in clocks.items():
        policy, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", policy)
        if count != 1:
            raise LookupError(f"{POLICY} has {count} lines that begin with {name!r}")
    return policy


async def unanswered(tour: Tour) -> str:
    """The API goes down: a card mentions level 1, PagerDuty is told and a mail is sent; nobody answers."""
    await tour.sandbox.fault("api-down", on=True)
    card = await tour.page.wait_message("novapulse-alerts", _card("CRITICAL"), seconds=PATIENCE)
    expect(shows(card, "On call: <@U0ONCALL>"), f"the card mentions nobody of level 1: {shown_text(card)}")
    await _pages(tour, ["trigger"])
    await _mails(tour, lambda subject: subject == f"[CRITICAL] {OUTAGE}", 1)
    return "#novapulse-alerts mentions @oncall; one page, one mail"


async def levels(tour: Tour) -> str:
    """Nobody acknowledges it: level 2 is called, then level 3, by a mention and a mail; PagerDuty is told so."""
    for level, person in ((2, "U0APPROVER"), (3, "U0APPROVER2")):
        await tour.page.wait_message("novapulse-alerts", _call(level, person), seconds=PATIENCE)
        await _pages(tour, ["trigger"] * level)
        await _mails(tour, lambda subject: subject == f"[CRITICAL] {UNANSWERED}", level - 1)
    card = await tour.page.wait_message(
        "novapulse-alerts", _card("Called, and not acknowledged", "level 3 (second_approver)"), seconds=PATIENCE
    )
    line = next(line for line in shown_text(card).splitlines() if "not acknowledged" in line)
    clocks = f"after {AFTER[0]} s and {AFTER[1]} s, for the tour's sake; policy.toml has minutes"
    return f"{line.strip()}\n             ({clocks}. In `make sandbox`, see python -m sandbox pages, and inbox)"


async def acknowledged(tour: Tour) -> str:
    """Level 3 acknowledges it on the card: PagerDuty is told, level 4 is not called; the one who has it is reminded."""
    card = await tour.page.wait_message("novapulse-alerts", _card("CRITICAL"), seconds=PATIENCE)
    await tour.page.press("second_approver", "novapulse-alerts", card, button(card, "Acknowledge"))
    await tour.page.wait_message("novapulse-alerts", _card("Acknowledged by second_approver"), seconds=PATIENCE)
    await _pages(tour, ["trigger", "trigger", "trigger", "acknowledge"])
    await tour.page.wait_message(
        "novapulse-alerts", _said(f"Still firing: {OUTAGE}", "<@U0APPROVER2>"), seconds=PATIENCE
    )
    called = [message for message in tour.page.messages("novapulse-alerts") if _call(4, "U0OPERATOR")(message)]
    expect(not called, "level 4 was called after somebody had it in hand")
    await _mails(tour, lambda subject: UNANSWERED in subject, 2)
    return f"acknowledged in PagerDuty; after {REMIND_AFTER} s they are reminded that it goes on"


async def over(tour: Tour) -> str:
    """The API is mended: the card says resolved, PagerDuty's incident is resolved, and a mail says so."""
    await tour.sandbox.fault("api-down", on=False)
    card = await tour.page.wait_message("novapulse-alerts", _card("esolved after"), seconds=PATIENCE)
    await _pages(tour, ["trigger", "trigger", "trigger", "acknowledge", "resolve"])
    await _mails(tour, lambda subject: "Resolved after" in subject and MENDED in subject, 1)
    return next(line for line in shown_text(card).splitlines() if "esolved after" in line).strip()


def _card(*words: str) -> Callable[[Message], bool]:
    def fits(message: Message) -> bool:
        about = shows(message, OUTAGE) or shows(message, MENDED)
        return about and "thread_ts" not in message and shows(message, *words)

    return fits


def _call(level: int, person: str) -> Callable[[Message], bool]:
    return _said(UNANSWERED, f"Level {level}", f"<@{person}>")


def _said(*words: str) -> Callable[[Message], bool]:
    """Return what fits a message in the thread of a card that shows all these words."""
    return lambda message: "thread_ts" in message and shows(message, *words)


async def _pages(tour: Tour, actions: list[str]) -> None:
    """Return once PagerDuty was told exactly this about the outage, in this order."""
    pagerduty = tour.pagerduty

    def told() -> list[str]:
        keys = [key for key, one in pagerduty.incidents.items() if OUTAGE in one["summary"]]
        return [action for key in keys for action in pagerduty.actions(key)]

    await _until(pagerduty, lambda: len(told()) >= len(actions), lambda: f"PagerDuty was told {told()}, not {actions}")
    expect(told() == actions, f"PagerDuty was told {told()}, not {actions}")


async def _mails(tour: Tour, fits: Callable[[str], bool], count: int) -> None:
    """Return once exactly so many mails have arrived whose subject fits."""
    mail = tour.mail

    def arrived() -> int:
        return sum(fits(one.subject) for one in mail.inbox)

    def otherwise() -> str:
        return f"{arrived()} such mails arrived, not {count}: {[one.subject for one in mail.inbox]}"

    await _until(mail, lambda: arrived() >= count, otherwise)
    expect(arrived() == count, otherwise())


async def _until(receiver: PagerDuty | MailServer, holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    try:
        async with asyncio.timeout(PATIENCE), receiver.arrived:
            await receiver.arrived.wait_for(holds)
    except TimeoutError:
        raise TimeoutError(otherwise()) from None
