"""The real bot on the sandbox, killed while somebody scales the workers, and what is found afterwards."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.stores.database import Database
from bot.stores.outbox import Outbox
from bot.stores.plans import Plans
from bot.stores.requests import AuditEntry, Requests
from bot.stores.runs import Locks, Runs, StoredRun
from sandbox.cluster.cluster import WORKER
from sandbox.site import Sandbox, running
from sandbox.slack_gate import SlackGate
from sandbox.slack_page import Message, SlackPage, button, buttons
from tests.faults.lives import Lives

ROOT = Path(__file__).resolve().parent.parent.parent
CHANNEL = "ops"
FEW, MANY = 2, 3  # how many workers there are in turn
SPEED = 20.0


class Bot(Lives):
    """The bot, which is loaded once and lives again after each kill."""

    def __init__(self, directory: Path, environment: dict[str, str], order: Path) -> None:
        super().__init__()
        self.order = order
        self._directory, self._environment = directory, environment

    async def start(self) -> None:
        """Load it, the first time, and let it serve."""
        if not self.is_loaded:
            log = self._directory / "bot.log"
            await self.load("tests.faults.serve_program", str(self.order), environment=self._environment, log=log)
        await self.begin("serve")

    async def killed(self) -> None:
        """Return once it has been killed; raises ``AssertionError`` where it ended in another way."""
        code = await self.ended()
        assert code == -signal.SIGKILL, f"it ended with {code}\n{self.last_lines}"


@dataclass(frozen=True)
class Ended:
    """What is found when everything has come to rest after a kill."""

    moment: str
    survived: str  # what was on record when the process died
    run: StoredRun
    scaled: list[dict[str, Any]]  # the requests that changed the cluster
    ready: int
    wanted: int
    cards: list[Message]
    attempts: list[AuditEntry]
    locks: int
    seconds: float  # from the next start to the card's end


@dataclass
class Stage:
    """The sandbox, its page, the bot on it and the bot's own records, which are only read."""

    sandbox: Sandbox
    page: SlackPage
    bot: Bot
    database: Database
    workers: int = FEW
    _told: set[str] = field(default_factory=set)
    _last_request: str = ""

    @property
    def gate(self) -> SlackGate:
        """The way to Slack."""
        assert self.sandbox.gate is not None
        return self.sandbox.gate

    async def die_at(self, moment: str, *, asking: bool) -> Ended:
        """Scale, with the process killing itself at the moment: while it is ``asking``, or after the approval."""
        self.bot.order.write_text(moment, encoding="utf-8")
        return await self._scale(moment, asking=asking, death=self.bot.killed)

    async def die_while(self, moment: str, trouble: tuple[str, str], *, asking: bool) -> Ended:
        """Scale, with the process killed while it waits for Slack's answer, which a trouble at the gate holds back."""
        kind, method = trouble
        held = self.gate.trouble("hang" if kind == "hang" else "lose-reply", method, times=1)

        async def death() -> None:
            while held.left or (kind != "hang" and not any(call.method == method for call in self.gate.calls)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            self.bot.kill()
            await self.bot.killed()

        self.gate.calls.clear()
        try:
            return await self._scale(moment, asking=asking, death=death)
        finally:
            self.gate.clear()

    async def _scale(self, moment: str, *, asking: bool, death: Callable[[], Any]) -> Ended:
        wanted = MANY if self.workers == FEW else FEW
        before = len(self.sandbox.cluster_changes())
        self._told = {message["ts"] for message in self.page.messages(CHANNEL)}
        await self.page.wait_connected()
        typed = asyncio.create_task(self.page.command("operator", CHANNEL, f"/scale-workers {wanted}"))
        survived, began = "", 0.0
        if asking:
            survived, began = await self._next_life(death)
        card = await self._card("Approve")
        assert len(self.sandbox.cluster_changes()) == before, "the cluster was changed before anybody approved"
        await self.page.wait_connected()
        pressed = asyncio.create_task(self.page.press("approver", CHANNEL, card, button(card, "Approve")))
        if not asking:
            survived, began = await self._next_life(death)
        await self._card("Undo")
        seconds = time.monotonic() - began
        # The one whose acknowledgement died with the process is told so by Slack.
        await asyncio.gather(typed, pressed, return_exceptions=True)
        return await self._ended(moment, survived, wanted, before, seconds)

    async def _next_life(self, death: Callable[[], Any]) -> tuple[str, float]:
        await death()
        survived = await self._on_record()
        began = time.monotonic()
        await self.bot.start()
        return survived, began

    async def _card(self, label: str) -> Message:
        def fits(message: Message) -> bool:
            labels = [(element.get("text") or {}).get("text") for element in buttons(message)]
            return message["ts"] not in self._told and label in labels

        return await self.page.wait_message(CHANNEL, fits, seconds=60)

    async def _on_record(self) -> str:
        """Say what the bot's own records hold of the newest request."""
        entry = await self._request()
        if entry is None or entry.plan_id is None:
            return "the request"
        plan, run = await Plans(self.database).get(entry.plan_id), await Runs(self.database).get(entry.plan_id)
        if run is not None and run.status == "running":
            done = sum(step.status == "done" for step in run.steps)
            return f"the run, {done} of {len(run.steps)} steps done"
        if run is not None:
            return f"the run, {run.status}"
        assert plan is not None
        return f"the plan, {plan.status}"

    async def _request(self) -> AuditEntry | None:
        found = await Requests(self.database).search(command="/scale-workers", limit=10)
        newest = next((entry for entry in found if entry.kind == "command"), None)
        return newest if newest is not None and newest.id != self._last_request else None

    async def _ended(self, moment: str, survived: str, wanted: int, before: int, seconds: float) -> Ended:
        request = await self._at_rest()
        run = await Runs(self.database).get(request.plan_id or "")
        assert run is not None
        found = await Requests(self.database).search(command="/scale-workers", limit=10)
        assert self.sandbox.cluster is not None
        self.workers, self._last_request = wanted, request.id
        return Ended(
            moment=moment,
            survived=survived,
            run=run,
            scaled=[one for one in self.sandbox.cluster_changes()[before:] if one["subresource"] == "scale"],
            ready=len(self.sandbox.cluster.ready_pods(WORKER)),
            wanted=wanted,
            cards=[message for message in self.page.messages(CHANNEL) if message["ts"] not in self._told],
            attempts=[entry for entry in found if entry.plan_id == run.id],
            locks=len(await Locks(self.database).held()),
            seconds=seconds,
        )

    async def _at_rest(self) -> AuditEntry:
        """Return the request once all that was asked is closed and all that was said is in Slack."""
        requests, outbox = Requests(self.database), Outbox(self.database)
        async with asyncio.timeout(60):
            while True:
                open_ones = [one for one in await requests.search(limit=200) if one.closed_at is None]
                if not open_ones and not await outbox.undelivered(datetime.now(UTC)):
                    break
                await asyncio.sleep(0.05)
        request = await self._request()
        assert request is not None
        return request


@asynccontextmanager
async def stage(directory: Path) -> AsyncIterator[Stage]:
    """Open the sandbox with the bot on it, ready for the first command."""
    async with running(directory, speed=SPEED) as sandbox, SlackPage(sandbox.endpoints["slack"]) as page:
        assert sandbox.cluster is not None
        environment = sandbox.environment()
        bot, database = Bot(directory, environment, directory / "kill-at"), Database(environment["STATE_URL"])
        try:
            await sandbox.cluster.wait_ready(WORKER, FEW)
            await bot.start()
            yield Stage(sandbox, page, bot, database)
        finally:
            await bot.stop()
            await database.close()
