"""Jobs that fail, from their alert to the clean-up."""

import re
from collections.abc import Callable

from sandbox.slack_page import Message, shown_text
from sandbox.tour.stage import PATIENCE, Tour, expect, labels, shows

POISONED = 150  # e-mail jobs that fail; more than 100 failed jobs of a queue are a warning of the policy


async def failing(tour: Tour) -> str:
    """Every job fails, and cards of two queues say so; then what broke them is mended."""
    await tour.sandbox.fault("poison-jobs", on=True)
    await tour.sandbox.load("email", burst=POISONED)
    await tour.sandbox.load("webhook", burst=POISONED)
    for queue in ("email", "webhook"):
        await tour.page.wait_message("novapulse-alerts", _about(queue), seconds=PATIENCE)
    await tour.sandbox.fault("poison-jobs", on=False)
    return f"Redis keeps {await tour.failed('email'):,} failed e-mail jobs, {await tour.failed('webhook'):,} webhooks"


async def why(tour: Tour) -> str:
    """The operator asks why: the errors say the same, and are counted together."""
    before = await tour.failed("email")
    answer = await tour.ask("/failed-jobs email", "failed jobs in email", "Invalid login", "cluster")
    text = shown_text(answer)
    counted = re.search(r"([\d,]+)x", text)
    number = int(counted[1].replace(",", "")) if counted else -1
    expect(before <= number <= await tour.failed("email"), f"{before} jobs failed, and it says: {text}")
    expect("customer" not in text, f"job data is shown: {text}")
    return f"{labels(answer)} are offered"


async def clear(tour: Tour) -> str:
    """The operator asks to clear them: nothing is removed before the second person approves; an undo is offered."""
    before = await tour.failed("email")
    await tour.ask_for_plan("/clear-failed email")
    expect(await tour.failed("email") == before, "jobs were removed before anybody approved")
    card = await tour.approved()
    expect(labels(card) == ["Undo"], f"the card offers {labels(card)}")
    expect(shows(card, "Bring them back as failed"), f"the undo is not the archive's: {shown_text(card)}")
    expect(await tour.failed("email") == 0, f"{await tour.failed('email')} failed e-mail jobs are left")
    return f"{before:,} jobs archived and removed; 0 are left"


async def retry(tour: Tour) -> str:
    """The failed webhooks are retried, with a second person's approval, and none fails again."""
    before = await tour.failed("webhook")
    await tour.ask_for_plan("/retry-failed webhook")
    expect(await tour.failed("webhook") == before, "jobs were retried before anybody approved")
    await tour.approved()
    expect(await tour.failed("webhook") == 0, f"{await tour.failed('webhook')} failed webhooks are left")
    return f"{before:,} jobs done again; 0 are left"


def _about(queue: str) -> Callable[[Message], bool]:
    def fits(message: Message) -> bool:
        return shows(message, "failed jobs", queue)

    return fits
