"""A backlog, from its alert to the workers that end it."""

from sandbox.slack_page import button, shown_text
from sandbox.tour.stage import PATIENCE, Tour, expect, labels, shows

WARNING_DEPTH = 500  # of the policy: more than this many waiting e-mail jobs is a warning
WORKERS = 6  # what the operator asks for


async def quiet(tour: Tour) -> str:
    """The operator looks: all four queues are shown, and the workers are connected."""
    await tour.ask("/queue-stats", "email", "webhook", "workflow", "report")
    return "four queues, read from the API and from Redis"


async def backlog(tour: Tour) -> str:
    """A backlog grows, and the alert card says warning."""
    await tour.sandbox.load("email", burst=900)
    card = await tour.alert_card("WARNING", "mail")
    expect(await tour.waiting() > 0, "Redis has no backlog")
    return shown_text(card).splitlines()[0]


async def critical(tour: Tour) -> str:
    """It grows further, and the same card says critical."""
    await tour.sandbox.load("email", burst=1500)
    await tour.alert_card("CRITICAL", "mail")
    cards = [
        message
        for message in tour.page.messages("novapulse-alerts")
        if shows(message, "mail") and "thread_ts" not in message
    ]
    expect(len(cards) == 1, f"{len(cards)} cards for one incident")
    return f"the same card; {await tour.waiting():,} jobs wait"


async def in_hand(tour: Tour) -> str:
    """The operator takes it in hand with the card's button: the card says who has it, and nobody else is called."""
    card = await tour.alert_card("CRITICAL")
    await tour.page.press("operator", "novapulse-alerts", card, button(card, "Acknowledge"))
    card = await tour.alert_card("Acknowledged by operator")
    expect("Acknowledge" not in labels(card), f"the card still offers {labels(card)}")
    return next(line.strip() for line in shown_text(card).splitlines() if "Acknowledged by" in line)


async def ask(tour: Tour) -> str:
    """The operator asks for more workers: a plan, and nothing is changed."""
    before = _scaled(tour)
    await tour.ask_for_plan(f"/scale-workers {WORKERS}")
    expect(_scaled(tour) == before, "the cluster was changed before anybody approved")
    return "a plan card with Approve and Deny; the cluster is untouched"


async def own_approval(tour: Tour) -> str:
    """The operator tries to approve it alone, and is refused."""
    before = _scaled(tour)
    await tour.page.press("operator", "ops", tour.plan, button(tour.plan, "Approve"))
    await tour.page.wait_message("ops", "somebody else has to approve", seconds=PATIENCE)
    expect(_scaled(tour) == before, "the requester's own approval changed the cluster")
    return "refused, with who may"


async def approval(tour: Tour) -> str:
    """A second person approves; the workers start and connect."""
    before = _scaled(tour)
    card = await tour.approved()
    expect(labels(card) == ["Undo"], f"the card offers {labels(card)}")
    expect(_scaled(tour) == before + 1, f"the cluster was scaled {_scaled(tour) - before} times")
    await tour.expect_workers(WORKERS)
    return f"{WORKERS} pods ready and connected to Redis, scaled exactly once"


async def drain(tour: Tour) -> str:
    """The queue drains, and the same card says resolved."""
    card = await tour.alert_card("esolved after")
    expect(await tour.waiting() <= WARNING_DEPTH, f"{await tour.waiting()} jobs still wait")
    line = next(line for line in shown_text(card).splitlines() if "esolved after" in line)
    return line.strip()


def _scaled(tour: Tour) -> int:
    """Return how often somebody set the number of worker replicas, asked of the cluster itself."""
    changes = tour.sandbox.cluster_changes()
    return sum("scale" in str(change.get("resource", "")) or "replicas" in str(change) for change in changes)
