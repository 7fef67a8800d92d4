"""Takes over a changed policy file while the bot runs; a broken one is said, and the old one stays."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from bot.errors import InvalidPolicy
from bot.policy_file import PolicyFile
from bot.reply import Level, Text, When, say
from bot.scheduler import Scheduler
from bot.stores.outbox import CARD, Message, Outbox


class Reload:
    """Looks at the policy file; every problem is said once in the alerts channel."""

    def __init__(self, policy: PolicyFile, scheduler: Scheduler, outbox: Outbox, *, channel: str) -> None:
        self._policy = policy
        self._scheduler = scheduler
        self._outbox = outbox
        self._channel = channel
        self._said = ""  # the problem that was said last; empty while the file is fine
        self._since: datetime | None = None  # when the policy in force was first looked at
        self._behind = False  # the file was read and the schedules do not follow it yet
        self._looking = asyncio.Lock()
        self._log = structlog.get_logger("bot.policy")

    async def tick(self, now: datetime) -> None:
        """Take over the file where it changed; what fails is tried again the next time."""
        async with self._looking:
            await self._look(now)

    async def hurried(self, asked: asyncio.Event, clock: Callable[[], datetime]) -> None:
        """Look at once whenever somebody asks, until cancelled."""
        while True:
            await asked.wait()
            asked.clear()
            try:
                await self.tick(clock())
            except Exception:  # noqa: BLE001 - it is looked at every second as well
                self._log.exception("the policy could not be looked at")

    async def _look(self, now: datetime) -> None:
        since = self._since = self._since or now
        try:
            self._behind |= self._policy.reload()
            if self._behind:
                await self._scheduler.reschedule()
        except InvalidPolicy as error:
            await self._say_refused(str(error), now)
            return
        was_refused, self._said = bool(self._said), ""
        if self._behind:
            self._behind, self._since = False, now
            await self._say_in_force(now, was_refused=was_refused)
        elif was_refused:
            text = Text.of("It is read again and says what is in force since ", When(at=since), " already.")
            await self._say(self._fine, text, Level.OK, now)

    async def _say_in_force(self, now: datetime, *, was_refused: bool) -> None:
        self._log.info("policy reloaded")
        text = Text.of("It is read again and in force since ", When(at=now), "; plans that wait are decided under it.")
        if was_refused:
            await self._say(self._fine, text, Level.OK, now)
        else:
            await self._say("The policy was reloaded", text, Level.INFO, now)

    @property
    def _fine(self) -> str:
        return f"{self._policy.path.name} is fine again"

    async def _say_refused(self, problem: str, now: datetime) -> None:
        if problem == self._said:
            return
        self._said = problem
        self._log.error("policy refused", problem=problem)
        stays = "The policy from before stays in force until the file is mended."
        text = Text.of(f"{problem.removesuffix('.')}.\n{stays}")
        await self._say("The changed policy file was refused", text, Level.WARNING, now)

    async def _say(self, title: str, text: Text, level: Level, now: datetime) -> None:
        key = f"policy:{now.isoformat()}"
        await self._outbox.put(Message(key, self._channel, say(title, text, level=level), CARD), now)
