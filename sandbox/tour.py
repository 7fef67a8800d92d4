"""The closed loop, played by itself: each act is done as a person would, and checked against the systems themselves.

``make tour`` exits 0 when every act held, else 1 with the act that did not.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from redis.asyncio import Redis

from sandbox.cluster.cluster import WORKER
from sandbox.site import Sandbox, running
from sandbox.slack_page import Message, SlackPage, button, buttons, shown_text

PATIENCE = 90.0  # seconds for an act; each ends with the event it waits for
EMAIL = "bull:nova-email"
WARNING_DEPTH = 500  # of the policy: more than this many waiting e-mail jobs is a warning
WORKERS = 6  # what the operator asks for


class NotAsTold(Exception):
    """An act did not go as the story says."""


def expect(holds: bool, otherwise: str) -> None:
    """Raise ``NotAsTold`` with the sentence unless it holds."""
    if not holds:
        raise NotAsTold(otherwise)


@dataclass
class Tour:
    """The stage: the running sandbox, the page, and what later acts need of earlier ones."""

    sandbox: Sandbox
    page: SlackPage
    redis: Redis
    alert: str = field(default="", init=False)
    plan: Message = field(default_factory=dict, init=False)

    async def waiting(self) -> int:
        """Return how many e-mail jobs wait, asked of Redis itself."""
        return int(await self.redis.llen(f"{EMAIL}:wait"))

    def scale_calls(self) -> int:
        """Return how often somebody set the number of worker replicas, asked of the cluster itself."""
        changes = self.sandbox.cluster_changes()
        return sum("scale" in str(change.get("resource", "")) or "replicas" in str(change) for change in changes)

    async def alert_card(self, *words: str) -> Message:
        """Return the e-mail queue's card once it shows all these words; the first time it learns which card that is."""

        def fits(message: Message) -> bool:
            text = shown_text(message)
            return (not self.alert or message["ts"] == self.alert) and all(word in text for word in words)

        found = await self.page.wait_message("novapulse-alerts", fits, seconds=PATIENCE)
        self.alert = found["ts"]
        return found


async def quiet(tour: Tour) -> str:
    """The operator looks: all four queues are shown, and the workers are connected."""
    await tour.page.command("operator", "ops", "/queue-stats")
    answer = await tour.page.wait_message("ops", "report", seconds=PATIENCE)
    text = shown_text(answer)
    expect(all(name in text for name in ("email", "webhook", "workflow", "report")), f"a queue is missing in: {text}")
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
        if "mail" in shown_text(message) and "thread_ts" not in message
    ]
    expect(len(cards) == 1, f"{len(cards)} cards for one incident")
    return f"the same card; {await tour.waiting():,} jobs wait"


async def ask(tour: Tour) -> str:
    """The operator asks for more workers: a plan, and nothing is changed."""
    before = tour.scale_calls()
    await tour.page.command("operator", "ops", f"/scale-workers {WORKERS}")
    tour.plan = await tour.page.wait_message("ops", lambda message: _has(message, "Approve"), seconds=PATIENCE)
    expect(tour.scale_calls() == before, "the cluster was changed before anybody approved")
    return "a plan card with Approve and Deny; the cluster is untouched"


async def own_approval(tour: Tour) -> str:
    """The operator tries to approve it alone, and is refused."""
    before = tour.scale_calls()
    await tour.page.press("operator", "ops", tour.plan, button(tour.plan, "Approve"))
    await tour.page.wait_message("ops", "somebody else has to approve", seconds=PATIENCE)
    expect(tour.scale_calls() == before, "the requester's own approval changed the cluster")
    return "refused, with who may"


async def approval(tour: Tour) -> str:
    """A second person approves; the workers start and connect."""
    before = tour.scale_calls()
    await tour.page.press("approver", "ops", tour.plan, button(tour.plan, "Approve"))

    def done(message: Message) -> bool:
        return message["ts"] == tour.plan["ts"] and not _has(message, "Approve") and "Undo" in _labels(message)

    await tour.page.wait_message("ops", done, seconds=PATIENCE)
    expect(tour.scale_calls() == before + 1, f"the cluster was scaled {tour.scale_calls() - before} times")
    cluster = tour.sandbox.cluster
    ready = cluster.ready_pods(WORKER) if cluster is not None else []
    expect(len(ready) == WORKERS, f"{len(ready)} worker pods are ready")
    clients = {client["name"] for client in await tour.redis.client_list() if ":w:" in client["name"]}
    pods = {name.rpartition(":")[2] for name in clients}
    expect(set(ready) <= pods, f"connected to Redis: {sorted(pods)}, ready: {sorted(ready)}")
    return f"{WORKERS} pods ready and connected to Redis, scaled exactly once"


async def drain(tour: Tour) -> str:
    """The queue drains, and the same card says resolved."""
    card = await tour.alert_card("esolved after")
    expect(await tour.waiting() <= WARNING_DEPTH, f"{await tour.waiting()} jobs still wait")
    line = next(line for line in shown_text(card).splitlines() if "esolved after" in line)
    return line.strip()


ACTS: tuple[Callable[[Tour], Awaitable[str]], ...] = (quiet, backlog, critical, ask, own_approval, approval, drain)


def _labels(message: Message) -> list[str]:
    return [(element.get("text") or {}).get("text", "") for element in buttons(message)]


def _has(message: Message, label: str) -> bool:
    return label in _labels(message)


async def play(directory: Path) -> int:
    """Play every act; return 0 when all held, else 1."""
    began = time.monotonic()
    async with (
        running(directory, bot=True, speed=2.0) as sandbox,
        SlackPage(sandbox.endpoints["slack"]) as page,
        Redis.from_url(sandbox.endpoints["redis"], decode_responses=True) as redis,
    ):
        await page.wait_connected()
        await sandbox.ordinary_day()
        tour = Tour(sandbox, page, redis)
        for number, act in enumerate(ACTS, 1):
            told = (act.__doc__ or "").strip()
            try:
                outcome = await act(tour)
            except (NotAsTold, TimeoutError, LookupError) as error:
                print(f"✗ act {number}: {told}\n    {error}", flush=True)
                _show(page)
                return 1
            print(f"✓ {time.monotonic() - began:6.1f} s  act {number}: {told}\n             {outcome}", flush=True)
    return 0


def _show(page: SlackPage) -> None:
    """Print what stands on the page, for whoever has to find out why."""
    for channel in ("ops", "novapulse-alerts"):
        for message in page.messages(channel):
            print(f"    #{channel} {message['ts']}: {shown_text(message)[:300]!r}", flush=True)


def main() -> None:
    """Play it in a directory of its own, and show the bot's log when an act did not hold."""
    with tempfile.TemporaryDirectory(prefix="novapulse-tour-") as folder:
        code = asyncio.run(play(Path(folder)))
        if code:
            print((Path(folder) / "bot.log").read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
