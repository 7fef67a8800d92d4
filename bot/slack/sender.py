"""The one sender: drains the outbox by priority and age, as fast as Slack lets it, and for as long as it takes."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.slack.calls import SlackTrouble
from bot.slack.delivery import Carrier
from bot.slack.pace import Pace
from bot.stores.outbox import Delivery, Outbox

LEASE: Final = timedelta(seconds=30)  # what a dead sender carried waits for another; a living one renews
CARRY_WITHIN: Final = 120.0  # seconds for one delivery with all its calls
AT_ONCE: Final = 8
LOOK_EVERY: Final = 1.0  # seconds between two looks for what other processes have put
_LOOK_AGAIN: Final = 0.02  # what was put in a transaction is to be seen only after its commit
_LONGEST_WAIT: Final = 30.0
_FIRST_CLOSED: Final = 60.0  # a person has to mend a channel, which takes a while
_LONGEST_CLOSED: Final = 300.0
_FIRST_WAIT: Final = 0.5


class Sender:
    """Takes what is due and carries it, one message a channel at a time and at most ``AT_ONCE`` in all."""

    def __init__(
        self,
        outbox: Outbox,
        carrier: Carrier,
        pace: Pace,
        *,
        clock: Callable[[], datetime],
        within: float = CARRY_WITHIN,
    ) -> None:
        self._outbox = outbox
        self._carrier = carrier
        self._pace = pace
        self._clock = clock
        self._within = within
        self._flying: dict[asyncio.Task[None], str] = {}
        self._loop: asyncio.Task[None] | None = None
        self._renewed_at = clock()
        self._stopping = False
        self._log = structlog.get_logger("bot.slack")
        self.problem = ""

    async def start(self, *, alone: bool) -> None:
        """Begin; ``alone`` says that no other process sends, so what is found half posted is taken up at once."""
        if alone:
            await self._outbox.release()
        self._loop = asyncio.create_task(self._run(), name="slack sender")

    async def stop(self, grace: float = 5.0) -> None:
        """Send what is due now, for at most ``grace`` seconds, and finish what is under way; the rest stays stored."""
        if self._loop is None:
            return
        self._stopping = True
        self._outbox.waiting["slack"].set()
        await asyncio.wait([self._loop], timeout=grace)
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)
        for task in self._flying:
            task.cancel()
        await asyncio.gather(*self._flying, return_exceptions=True)

    async def _run(self) -> None:
        pause = _LOOK_AGAIN
        while True:
            self._outbox.waiting["slack"].clear()
            # Asked before the look: what lands during it may have kept the next message of its channel back.
            last = self._stopping and not self._flying
            wait = await self._safely()
            if last and not self._flying and wait is None:
                return
            pause = min(pause * 2, LOOK_EVERY)
            try:
                async with asyncio.timeout(min(pause, LOOK_EVERY if wait is None else wait)):
                    await self._outbox.waiting["slack"].wait()
                pause = _LOOK_AGAIN
            except TimeoutError:
                continue

    async def _safely(self) -> float | None:
        """Start what can be started; a store that is away for a moment must not end the sender."""
        try:
            return await self._round()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look may go well
            self.problem = "the bot's own database cannot be read"
            self._log.exception("the outbox cannot be read", error=type(error).__name__)
            return LOOK_EVERY

    async def _round(self) -> float | None:
        """Start what may go now; return the seconds until more may, None where nothing is due."""
        await self._renew(self._clock())
        busy = self._pace.busy()
        edits, posts = self._pace.edits_wait(), self._pace.posts_wait()
        free = AT_ONCE - len(self._flying)
        if free <= 0:
            return LOOK_EVERY
        due = await self._outbox.due(
            self._clock(), limit=50, busy=[*busy, *self._flying.values()], edits=edits <= 0, posts=posts <= 0
        )
        for delivery in due:
            if free > 0 and self._may_go(delivery) and await self._claim(delivery):
                free -= 1
        waits = [wait for wait in (*busy.values(), edits, posts) if wait > 0]
        return min(waits, default=0.05 if due else None)

    async def _renew(self, now: datetime) -> None:
        if self._flying and now - self._renewed_at < LEASE / 3:
            return
        self._renewed_at = now
        if self._flying:
            # Only what is still claimed: what has failed meanwhile is due sooner than a lease could end.
            await self._outbox.renew([task.get_name() for task in self._flying], now + LEASE, soon=now + LEASE / 3)

    def _may_go(self, delivery: Delivery) -> bool:
        channel = delivery.posted_channel or delivery.channel
        if channel in self._flying.values() or delivery.channel in self._flying.values():
            return False
        if delivery.posted_ts:
            return self._pace.edits_wait() <= 0
        return self._pace.posts_wait() <= 0 and delivery.channel not in self._pace.busy()

    async def _claim(self, delivery: Delivery) -> bool:
        now = self._clock()
        if not await self._outbox.posting(delivery, now, until=now + LEASE):
            return False
        if delivery.posted_ts:
            self._pace.edit()
        else:
            self._pace.post(delivery.channel)
        task = asyncio.create_task(self._fly(replace(delivery, attempts=delivery.attempts + 1)), name=delivery.key)
        self._flying[task] = delivery.channel
        task.add_done_callback(self._landed)
        return True

    def _landed(self, task: asyncio.Task[None]) -> None:
        del self._flying[task]
        if not task.cancelled() and (error := task.exception()):
            # Its claim ends by itself, and whoever takes it up then looks for it first.
            self.problem = "what became of a message cannot be recorded"
            self._log.error(self.problem, key=task.get_name(), error=type(error).__name__)
        self._outbox.waiting["slack"].set()

    async def _fly(self, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(self._within):
                await self._carrier.carry(delivery)
            self.problem = ""
        except SlackTrouble as trouble:
            await self._again(delivery, trouble)
        except TimeoutError:
            await self._again(delivery, SlackTrouble("doubtful", f"not delivered within {self._within:g} s"))
        except Exception as error:  # noqa: BLE001 - one message must not end the sender
            self._log.exception("a message cannot be sent", key=delivery.key)
            await self._again(delivery, SlackTrouble("doubtful", type(error).__name__))

    async def _again(self, delivery: Delivery, trouble: SlackTrouble) -> None:
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(delivery.attempts - 1, 10)) * random.uniform(0.7, 1.0)
        if trouble.kind == "closed":
            wait = min(_LONGEST_CLOSED, _FIRST_CLOSED * 2 ** min(delivery.attempts - 1, 10))
        if trouble.kind == "limited":
            self._pace.pause("edit" if delivery.posted_ts else "post", trouble.retry_after)
            wait = 0.0
        else:
            self.problem = trouble.error
        self._log.warning(
            "a message is tried again", key=delivery.key, error=trouble.error, attempt=delivery.attempts, wait=wait
        )
        # A refusal leaves the earlier doubt as it was; only a lost answer brings a new one.
        certain = trouble.kind != "doubtful" and delivery.state != "posting"
        retry_at = self._clock() + timedelta(seconds=wait)
        await self._outbox.failed(delivery, trouble.error, retry_at=retry_at, certain=certain)
