"""What the acts of the tour have in common: the running sandbox, the page, and what people do there."""

from dataclasses import dataclass, field

from redis.asyncio import Redis

from sandbox.cluster.cluster import WORKER, Cluster
from sandbox.mail import MailServer
from sandbox.pagerduty import PagerDuty
from sandbox.site import Sandbox
from sandbox.slack_page import Message, SlackPage, button, buttons, shown_text

PATIENCE = 90.0  # seconds for an act; each ends with the event it waits for


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

    @property
    def cluster(self) -> Cluster:
        """The pretend cluster; raises ``LookupError`` in a sandbox without one."""
        if self.sandbox.cluster is None:
            raise LookupError("the tour needs the cluster")
        return self.sandbox.cluster

    @property
    def pagerduty(self) -> PagerDuty:
        """The pretend PagerDuty; raises ``LookupError`` in a sandbox without one."""
        if self.sandbox.pagerduty is None:
            raise LookupError("the tour needs PagerDuty")
        return self.sandbox.pagerduty

    @property
    def mail(self) -> MailServer:
        """The pretend mail server; raises ``LookupError`` in a sandbox without one."""
        if self.sandbox.mail is None:
            raise LookupError("the tour needs the mail server")
        return self.sandbox.mail

    async def waiting(self) -> int:
        """Return how many e-mail jobs wait, asked of Redis itself."""
        return int(await self.redis.llen("bull:nova-email:wait"))

    async def failed(self, queue: str) -> int:
        """Return how many jobs of a queue are kept as failed, asked of Redis itself."""
        return int(await self.redis.zcard(f"bull:nova-{queue}:failed"))

    def changes_of(self, resource: str) -> int:
        """Return how many requests changed such a resource, asked of the cluster itself."""
        return sum(change["resource"] == resource for change in self.sandbox.cluster_changes())

    async def alert_card(self, *words: str) -> Message:
        """Return the e-mail queue's card once it shows all these words; the first time it learns which card that is."""

        def fits(message: Message) -> bool:
            return (not self.alert or message["ts"] == self.alert) and shows(message, *words)

        found = await self.page.wait_message("novapulse-alerts", fits, seconds=PATIENCE)
        self.alert = found["ts"]
        return found

    async def ask(self, line: str, *words: str) -> Message:
        """Let the operator type a command in #ops; return the new message that shows all these words."""
        known = {message["ts"] for message in self.page.messages("ops")}
        await self.page.command("operator", "ops", line)
        return await self.page.wait_message(
            "ops", lambda message: message["ts"] not in known and shows(message, *words), seconds=PATIENCE
        )

    async def ask_for_plan(self, line: str) -> None:
        """Let the operator ask for a change; the card is what ``approved`` then decides on."""
        self.plan = await self.ask(line, "Waits for approval")
        expect("Approve" in labels(self.plan), f"no Approve among {labels(self.plan)}")

    async def approved(self) -> Message:
        """Let the second person approve the plan; return its card once it is done."""
        await self.page.press("approver", "ops", self.plan, button(self.plan, "Approve"))

        def ended(message: Message) -> bool:
            return message["ts"] == self.plan["ts"] and (shows(message, "Done after") or shows(message, "Failed after"))

        card = await self.page.wait_message("ops", ended, seconds=PATIENCE)
        expect(shows(card, "Done after"), f"the run was not done: {shown_text(card)}")
        return card

    async def connected_pods(self) -> set[str]:
        """Return the names of the worker pods that are connected to Redis, asked of Redis itself."""
        names = [client["name"] for client in await self.redis.client_list()]
        return {name.rpartition(":")[2] for name in names if ":w:" in name}

    async def expect_workers(self, count: int) -> None:
        """Raise ``NotAsTold`` unless so many worker pods are ready and each is connected."""
        ready = self.cluster.ready_pods(WORKER)
        expect(len(ready) == count, f"{len(ready)} worker pods are ready")
        pods = await self.connected_pods()
        expect(set(ready) <= pods, f"connected to Redis: {sorted(pods)}, ready: {sorted(ready)}")


def labels(message: Message) -> list[str]:
    """Return what the buttons of a message are called."""
    return [(element.get("text") or {}).get("text", "") for element in buttons(message)]


def shows(message: Message, *words: str) -> bool:
    """Say whether a message shows all these words."""
    shown = shown_text(message).replace("\u00a0", " ")
    return all(word in shown for word in words)
