"""One way's sender: takes what is due on it, a few at a time and one version of a message after the other."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.clients.not_delivered import NotDelivered
from bot.errors import NotConfigured
from bot.stores.message import Delivery, Via
from bot.stores.outbox import Outbox

LEASE: Final = timedelta(seconds=60)  # longer than a carrier takes by its own deadlines
CARRY_WITHIN: Final = 40.0  # seconds
AT_ONCE: Final = 4
LOOK_EVERY: Final = 1.0
GIVE_UP: Final = timedelta(days=1)  # what is refused for so long will not be wanted any more
_LOOK_AGAIN: Final = 0.02  # what was put in a transaction is to be seen only after its commit
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0
_FIRST_REFUSED: Final = 30.0  # a person has to mend it, which takes a while
_LONGEST_REFUSED: Final = 300.0


@dataclass(frozen=True)
class Way:
    """A way, how one delivery is carried on it, and the first wait between two attempts in seconds."""

    via: Via
    carry: Callable[[Delivery], Awaitable[None]]
    first_wait: float = _FIRST_WAIT


class Sender:
    """Claims the rows of one way and records as sent only what its server has confirmed."""

    def __init__(
        self, outbox: Outbox, way: Way, *, clock: Callable[[], datetime], within: float = CARRY_WITHIN
    ) -> None:
        self._outbox, self._way, self._clock, self._within = outbox, way, clock, within
        self._flying: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._paused_until: datetime | None = None
        self._stopping = False
        self._log = structlog.get_logger("bot.receivers").bind(via=way.via)
        self.problem = ""

    async def start(self, *, alone: bool) -> None:
        """Begin; ``alone`` says that no other process sends, so what is found half sent is taken up at once."""
        if alone:
            await self._outbox.release(self._way.via)
        self._loop = asyncio.create_task(self._run(), name=f"{self._way.via} sender")

    async def stop(self, grace: float = 5.0) -> None:
        """Send what is due now and finish what is under way, for at most ``grace`` seconds; the rest stays stored."""
        if self._loop is None:
            return
        self._stopping = True
        self._bell.set()
        await asyncio.wait([self._loop], timeout=grace)
        self._loop.cancel()
        for task in self._flying:
            task.cancel()
        await asyncio.gather(self._loop, *self._flying, return_exceptions=True)

    @property
    def _bell(self) -> asyncio.Event:
        return self._outbox.waiting[self._way.via]

    async def _run(self) -> None:
        pause = _LOOK_AGAIN
        while True:
            self._bell.clear()
            is_busy = await self._safely()
            if self._stopping and not is_busy and not self._flying:
                return
            pause = min(pause * 2, LOOK_EVERY)
            try:
                async with asyncio.timeout(pause):
                    await self._bell.wait()
                pause = _LOOK_AGAIN
            except TimeoutError:
                continue

    async def _safely(self) -> bool:
        """Start what can be started; a store that is away for a moment must not end the sender."""
        try:
            return await self._round()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look may go well
            self.problem = "the bot's own database cannot be read"
            self._log.exception("the outbox cannot be read", error=type(error).__name__)
            return False

    async def _round(self) -> bool:
        """Start what may go now; return whether anything was started."""
        now = self._clock()
        free = AT_ONCE - len(self._flying)
        if free <= 0 or (self._paused_until and now < self._paused_until):
            return False
        started = 0
        for delivery in await self._outbox.due_via(self._way.via, now, limit=free):
            if await self._outbox.posting(delivery, now, until=now + LEASE):
                task = asyncio.create_task(self._fly(delivery), name=delivery.key)
                self._flying.add(task)
                task.add_done_callback(self._landed)
                started += 1
        return started > 0

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._flying.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # Its claim ends by itself, and whoever takes it up then sends it again under the same name.
            self.problem = "what became of a message cannot be recorded"
            self._log.error(self.problem, key=task.get_name(), error=type(error).__name__)
        self._bell.set()

    async def _fly(self, delivery: Delivery) -> None:
        try:
            async with asyncio.timeout(self._within):
                await self._way.carry(delivery)
        except NotDelivered as trouble:
            await self._again(delivery, trouble)
        except NotConfigured as error:
            await self._again(delivery, NotDelivered("refused", error.message))
        except TimeoutError:
            await self._again(delivery, NotDelivered("doubtful", f"not delivered within {self._within:g} s"))
        except Exception as error:  # noqa: BLE001 - one message must not end the sender
            self._log.exception("a message cannot be sent", key=delivery.key)
            await self._again(delivery, NotDelivered("doubtful", type(error).__name__))
        else:
            await self._outbox.sent(delivery, self._clock())
            self.problem = ""

    async def _again(self, delivery: Delivery, trouble: NotDelivered) -> None:
        now, wait = self._clock(), self._wait(delivery, trouble)
        self.problem = trouble.error
        if trouble.kind == "limited":
            self._paused_until = now + timedelta(seconds=wait)
        self._log.warning("not delivered", key=delivery.key, error=trouble.error, wait=wait, kind=trouble.kind)
        if trouble.kind == "refused" and now - delivery.changed_at > GIVE_UP:
            await self._outbox.dropped(delivery, trouble.error)
            return
        # A refusal leaves an earlier doubt as it was; only a lost answer brings a new one.
        certain = trouble.kind != "doubtful" and delivery.state != "posting"
        await self._outbox.failed(delivery, trouble.error, retry_at=now + timedelta(seconds=wait), certain=certain)

    def _wait(self, delivery: Delivery, trouble: NotDelivered) -> float:
        if trouble.kind == "limited":
            return trouble.retry_after
        first, longest = (
            (_FIRST_REFUSED, _LONGEST_REFUSED) if trouble.kind == "refused" else (self._way.first_wait, _LONGEST_WAIT)
        )
        return min(longest, first * 2.0 ** min(delivery.attempts, 10)) * random.uniform(0.7, 1.0)
