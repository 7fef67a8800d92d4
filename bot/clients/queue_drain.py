"""Queues drained before a maintenance: nothing new is begun and what is in work ends, or everything is worked off."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from bot.clients.queue_layout import MissingQueue, QueueSnapshot
from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.errors import BotError, PermanentError, Unavailable
from bot.forecast import duration
from bot.plan import Report, operation

IN_WORK_UNKNOWN: Final = "what is in work is in no plain list, so that it is unknown"
LOOK_EVERY: Final = 2.0  # seconds
_FEWEST: Final = 5.0  # seconds that have to be seen before a rate is one
_Seen = Mapping[str, QueueSnapshot | MissingQueue]


class Aborts(Protocol):
    """Whoever knows which drains were given up; see ``bot.stores.drains``."""

    async def is_aborted(self, drain: str) -> bool:
        """Say whether somebody gave this drain up."""


async def see_not_aborted(aborts: Aborts, drain: str) -> None:
    """Raise ``PermanentError`` where somebody gave this drain up; one without a name cannot be."""
    if drain and await aborts.is_aborted(drain):
        raise PermanentError("aborted by /resume-queue")


@dataclass(frozen=True)
class _Look:
    """How many jobs are left in each queue, None where that is unknown; of the ``plain`` ones only what waits is."""

    at: datetime
    left: dict[str, int | None]
    plain: tuple[str, ...] = ()

    @property
    def total(self) -> int | None:
        known = [number for number in self.left.values() if number is not None]
        return sum(known) if len(known) == len(self.left) else None


@dataclass(frozen=True)
class _Goal:
    """What is waited for: no job ``left`` in ``queues`` within so many seconds, those of ``pause`` being paused.

    ``drain`` is the name by which it can be given up.
    """

    queues: Sequence[str]
    within: float
    left: Callable[[QueueSnapshot], int | None]
    pause: Sequence[str] = ()
    stays_paused: bool = False
    drain: str = ""


class QueueDrain:
    """Waits until queues are drained, itself and not as a step that is waited for: whoever gives up has to resume.

    ``interval`` is the pause between two looks, in seconds.
    """

    def __init__(
        self,
        queues: Queues,
        pause: QueuePause,
        aborts: Aborts,
        clock: Callable[[], datetime],
        *,
        interval: float = LOOK_EVERY,
    ) -> None:
        self._queues = queues
        self._pause = pause
        self._aborts = aborts
        self._clock = clock
        self._interval = interval

    @operation
    async def pause_and_finish(
        self, queues: list[str], pause: list[str], within: float, drain: str = "", *, progress: Report
    ) -> str:
        """Pause the queues ``pause`` and wait until no job of ``queues`` is in work.

        Raises ``PermanentError`` when it takes more than ``within`` seconds, or when somebody resumes one of them or
        aborts the drain; then those of ``pause`` are resumed first.
        """
        try:
            await self._until(_Goal(queues, within, _in_work, pause, stays_paused=True, drain=drain), progress)
        except PermanentError as error:
            raise PermanentError(f"{error}; {await self._resumed(pause)}") from None
        return f"no job is in work; paused: {', '.join(queues)}"

    @operation
    async def worked_off(self, queues: list[str], within: float, drain: str = "", *, progress: Report) -> str:
        """Wait until nothing of ``queues`` waits or is in work; delayed jobs are not waited for.

        Raises ``PermanentError`` when it takes more than ``within`` seconds or somebody aborts the drain. Nothing is
        changed by it. Of plain lists it sees what waits, not what is in work, and says so.
        """
        look = await self._until(_Goal(queues, within, _unfinished, drain=drain), progress)
        seen = ", ".join(short for short in queues if short not in look.plain)
        blind = f"nothing waits in {', '.join(look.plain)}, and {IN_WORK_UNKNOWN}" if look.plain else ""
        return "; ".join(filter(None, (f"nothing waits or is in work: {seen}" if seen else "", blind)))

    async def _until(self, goal: _Goal, progress: Report) -> _Look:
        began, to_pause, past = self._clock(), list(goal.pause), list[_Look]()
        while True:
            await see_not_aborted(self._aborts, goal.drain)
            try:
                while to_pause:
                    await self._pause.pause(to_pause[0])
                    del to_pause[0]
                look = await self._look(goal)
            except Unavailable as error:
                said = f"cannot be seen at present: {error}"
            else:
                if look.total == 0:
                    return look
                past = [*past[:1], look] if look.total is not None else past
                said = _said(look, past)
            if (self._clock() - began).total_seconds() >= goal.within:
                raise PermanentError(f"not drained within {duration(goal.within).removeprefix('about ')}: {said}")
            await progress(said)
            await asyncio.sleep(self._interval)

    async def _look(self, goal: _Goal) -> _Look:
        seen = await self._queues.snapshot()
        if goal.stays_paused:
            _see_paused(goal.queues, seen)
        plain = tuple(short for short in goal.queues if _is_plain(seen[short]))
        return _Look(self._clock(), {short: _left(seen[short], goal.left) for short in goal.queues}, plain)

    async def _resumed(self, pause: Sequence[str]) -> str:
        """Resume what was paused and say so; what could not be is named with the command that does it."""
        failed = []
        for queue in pause:
            try:
                await self._pause.resume(queue)
            except BotError as error:
                failed.append(f"{queue} may still be paused ({error}): /resume-queue {queue}")
        return "; ".join(failed) or (f"resumed: {', '.join(pause)}" if pause else "nothing was paused by this")


def _see_paused(queues: Sequence[str], seen: _Seen) -> None:
    resumed = [short for short in queues if isinstance(queue := seen[short], QueueSnapshot) and not queue.is_paused]
    if resumed:
        raise PermanentError(f"aborted, because somebody resumed {', '.join(resumed)}")


def _in_work(queue: QueueSnapshot) -> int | None:
    return queue.counts.active


def _unfinished(queue: QueueSnapshot) -> int | None:
    ready, active = queue.counts.ready, queue.counts.active
    if queue.layout == "plain":
        return ready  # what is in work is in no list
    return None if ready is None or active is None else ready + active


def _is_plain(seen: QueueSnapshot | MissingQueue) -> bool:
    return isinstance(seen, QueueSnapshot) and seen.layout == "plain"


def _left(seen: QueueSnapshot | MissingQueue, left: Callable[[QueueSnapshot], int | None]) -> int | None:
    return left(seen) if isinstance(seen, QueueSnapshot) else None


def _said(look: _Look, past: Sequence[_Look]) -> str:
    """Say what is left and when it is done, at the rate since the first look."""
    each = ", ".join(
        f"{short} {'unknown' if left is None else f'{left:,}'}{' waiting' if short in look.plain else ''}"
        for short, left in look.left.items()
    )
    if look.total is None:
        return f"left: {each}; when it is done is unknown"
    seconds, gone = (look.at - past[0].at).total_seconds(), (past[0].total or 0) - look.total
    if seconds < _FEWEST:
        return f"left: {each}; too early to say when it is done"
    return f"left: {each}; " + (f"done in {duration(look.total * seconds / gone)}" if gone > 0 else "not getting less")
