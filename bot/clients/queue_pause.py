"""Queues of BullMQ paused, resumed, and their delayed jobs brought forward, as the version in use does it."""

from typing import Any, Final

from bot.clients.bounded_work import bounded_work
from bot.clients.bullmq_failed import major_of
from bot.clients.bullmq_scripts import Scripts
from bot.clients.latency_guard import LatencyGuard
from bot.clients.queue_layout import MissingQueue, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.redis_connection import RedisConnection, redis_deadline
from bot.errors import PermanentError
from bot.plan import Progress, Report, condition, operation
from bot.settings import RedisSettings

_DEADLINE: Final = 15.0  # seconds for one call of a script
# A score of the delayed set is the moment a job is due (epoch, ms) with a counter of this many steps behind it.
_SCORE_STEPS: Final = 4096
_PAUSE_KEYS: Final = ("wait", "paused", "meta", "prioritized", "events", "delayed", "marker")
_RESUME_KEYS: Final = ("paused", "wait", *_PAUSE_KEYS[2:])
_PROMOTE_KEYS: Final = ("delayed", "wait", "paused", "meta", "prioritized", "active", "pc", "events", "marker")


def why_not(seen: QueueSnapshot | MissingQueue | None, short: str) -> str:
    """Say why a queue can be neither paused nor resumed nor promoted; empty where it can."""
    if not isinstance(seen, QueueSnapshot):
        return seen.sentence() if seen else f"there is no queue {short}"
    if seen.layout == "plain":
        return f"{short} is kept in plain lists, which know no pause and no delay"
    if seen.layout == "bullmq":
        return f"{short} is of {seen.version or 'an unknown version of BullMQ'}: it is only read, 5 and 6 are known"
    return ""


class QueuePause:
    """Pauses, resumes and promotes, on connections of its own.

    Every operation raises ``PermanentError`` before anything is touched where ``why_not`` has a reason or the
    queue's library was updated meanwhile. ``patience`` is how long a slow Redis is waited for, in seconds.
    """

    def __init__(self, settings: RedisSettings, queues: Queues, *, patience: float = 30.0) -> None:
        self._connection = RedisConnection(settings)
        self._queues = queues
        self._patience = patience

    @operation
    async def pause(self, queue: str) -> str:
        """Have no worker begin another job of a queue; jobs in work go on, new jobs wait."""
        changed = await self._set(queue, "paused", _PAUSE_KEYS)
        return f"{queue} is paused" if changed else f"{queue} was paused already"

    @operation
    async def resume(self, queue: str) -> str:
        """Have the workers begin jobs of a queue again."""
        changed = await self._set(queue, "resumed", _RESUME_KEYS)
        return f"{queue} is resumed" if changed else f"{queue} was not paused"

    @condition
    async def seen_paused(self, queues: list[str], *, paused: bool) -> Progress:
        """Tell whether all these queues are paused, or none is, with the jobs that are still in work."""
        seen = await self._queues.snapshot()
        found = {short: queue for short in queues if isinstance(queue := seen.get(short), QueueSnapshot)}
        said = ", ".join(_state(queue) for queue in found.values())
        missing = [short for short in queues if short not in found]
        said += f"; unknown: {', '.join(missing)}" if missing else ""
        done = not missing and all(queue.is_paused is paused for queue in found.values())
        return Progress(done=done, message=said.removeprefix("; "))

    @operation
    async def promote(self, queue: str, at: float, due_until: float | None, *, progress: Report) -> str:
        """Have delayed jobs done now that were added up to ``at`` and are due up to ``due_until`` (epoch, ms).

        What a worker had in its hands after ``at`` is left alone, so that a retry keeps its distance.
        """
        seen = await self._checked(queue)
        last = "+inf" if due_until is None else f"{int(due_until) * _SCORE_STEPS + _SCORE_STEPS - 1}"
        promoted, score, skip = 0, "-inf", 0
        async with bounded_work(
            self._connection.open(), seen, progress, lambda redis: LatencyGuard(redis, patience=self._patience)
        ) as work:
            scripts = await work.piece(Scripts.load(work.redis))
            keys = [f"{seen.name}:{name}" for name in _PROMOTE_KEYS]
            keys[2] = f"{seen.name}:paused" if major_of(seen.version) == "5" else keys[1]
            while True:
                words: tuple[Any, ...] = (f"{seen.name}:", seen.version or "", at, score, skip, last, work.jobs)
                asked = scripts.call("promote_due", keys, *words)
                answer = await work.piece(work.redis.execute_command(*asked))  # type: ignore[no-untyped-call]
                looked, done, score, skip = _unless_updated(answer, seen)
                if not looked:
                    return f"{promoted:,} {'job was' if promoted == 1 else 'jobs were'} brought forward"
                promoted += done
                await work.told(f"{promoted:,} jobs brought forward")

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def _checked(self, queue: str) -> QueueSnapshot:
        seen = (await self._queues.snapshot()).get(queue)
        if reason := why_not(seen, queue):
            raise PermanentError(reason)
        assert isinstance(seen, QueueSnapshot)  # noqa: S101 - there is a reason otherwise
        return seen

    async def _set(self, queue: str, state: str, names: tuple[str, ...]) -> bool:
        """Return whether that changed anything; very long lists are moved in pieces."""
        seen, changed = await self._checked(queue), False
        redis, keys = self._connection.open(), [f"{seen.name}:{name}" for name in names]
        async with redis_deadline(_DEADLINE):
            scripts = await Scripts.load(redis)
        asked = scripts.call("set_paused", keys, state, "1", seen.version or "", major_of(seen.version))
        while True:
            async with redis_deadline(_DEADLINE):
                answer = await redis.execute_command(*asked)  # type: ignore[no-untyped-call]
            (left,) = _unless_updated(answer, seen)
            changed = changed or left >= 0
            if left <= 0:
                return changed


def _unless_updated(answer: Any, seen: QueueSnapshot) -> Any:
    if answer == [-1]:
        raise PermanentError(f"the library of {seen.short} was {seen.version}, and is another one now")
    return answer


def _state(queue: QueueSnapshot) -> str:
    active = "an unknown number of" if queue.counts.active is None else f"{queue.counts.active:,}"
    return f"{queue.short} {'is paused' if queue.is_paused else 'is not paused'}, {active} in work"
