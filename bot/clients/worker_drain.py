"""Workers drained before a maintenance: the queues are worked off, and then no worker is left."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from pydantic import JsonValue

from bot.clients.cluster_state import DeploymentState
from bot.clients.queue_drain import LOOK_EVERY, Aborts, QueueDrain, see_not_aborted
from bot.errors import BotError, NotConfigured, PermanentError, TemporaryError, Unavailable
from bot.forecast import duration
from bot.plan import Progress, Report, operation

PODS_GONE: Final = 600.0  # seconds in which the workers have to have ended
_BACK_WITHIN: Final = 60.0  # seconds in which a cluster that does not answer is asked to put them back
_T = TypeVar("_T")


class Workers(Protocol):
    """Scales the workers; see ``bot.clients.platform.Platform``."""

    async def deployment(self, role: str) -> DeploymentState:
        """Return a workload's deployment."""

    async def scale(self, role: str, replicas: int, expect_uid: str = "") -> dict[str, JsonValue]:
        """Make a workload have ``replicas``."""

    async def pods_ready(self, role: str, replicas: int) -> Progress:
        """Tell whether exactly ``replicas`` pods are there and all of them are ready."""


class WorkerDrain:
    """Scales the workers to 0 once their queues are empty; whoever gives up has to put them back as they were."""

    def __init__(
        self,
        drain: QueueDrain,
        workers: Workers,
        aborts: Aborts,
        clock: Callable[[], datetime],
        *,
        interval: float = LOOK_EVERY,
    ) -> None:
        self._drain = drain
        self._workers = workers
        self._aborts = aborts
        self._clock = clock
        self._interval = interval

    @operation
    async def work_off_and_scale(
        self, queues: list[str], within: float, replicas: int, expect_uid: str, drain: str, *, progress: Report
    ) -> str:
        """Wait until nothing of ``queues`` waits or is in work, and then have no worker left.

        Raises ``PermanentError`` when the queues take more than ``within`` seconds or the workers more than
        ``PODS_GONE``, or when somebody aborts the drain; then there are ``replicas`` workers again.
        """
        try:
            # Begun again after a crash, the workers may be on their way already: nobody would work anything off.
            said = f"worked off before: {', '.join(queues)}"
            if await self._wanted() != 0:
                said = await self._drain.worked_off(queues, within, drain=drain, progress=progress)
            await self._gone(expect_uid, drain, progress)
        except PermanentError as error:
            raise PermanentError(f"{error}; {await self._back(replicas, expect_uid)}") from None
        return f"{said}; no worker is left"

    async def _wanted(self) -> int:
        return (await self._workers.deployment("worker")).replicas

    async def _gone(self, expect_uid: str, drain: str, progress: Report) -> None:
        until, scaled = self._clock() + timedelta(seconds=PODS_GONE), False
        while True:
            await see_not_aborted(self._aborts, drain)
            try:
                if not scaled:
                    await self._workers.scale("worker", 0, expect_uid)
                    scaled = True
                seen = await self._workers.pods_ready("worker", 0)
            except NotConfigured:
                raise
            except (Unavailable, TemporaryError) as error:
                seen = Progress(done=False, message=f"cannot be seen at present: {error}")
            if seen.done:
                return
            if self._clock() >= until:
                raise PermanentError(f"the workers have not ended within {duration(PODS_GONE)}: {seen.message}")
            await progress(f"worked off; the workers end: {seen.message}")
            await asyncio.sleep(self._interval)

    async def _back(self, replicas: int, expect_uid: str) -> str:
        """Put back what this scaled, and say so; whoever scaled meanwhile to something else knows why."""
        try:
            wanted = await self._insistently(self._wanted)
            if wanted:
                return f"the workers were left as they are, {wanted}"
            await self._insistently(lambda: self._workers.scale("worker", replicas, expect_uid))
        except BotError as error:
            return f"the workers may still be scaled to 0 ({error}): /scale-workers {replicas}"
        return f"scaled back to {replicas} workers"

    async def _insistently(self, asked: Callable[[], Awaitable[_T]]) -> _T:
        until = self._clock() + timedelta(seconds=_BACK_WITHIN)
        while True:
            try:
                return await asked()
            except (Unavailable, TemporaryError):
                if self._clock() >= until:
                    raise
            await asyncio.sleep(self._interval)
