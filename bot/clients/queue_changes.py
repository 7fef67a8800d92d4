"""Changes to NovaPulse's failed jobs: cleared into the archive, retried in waves, brought back.

Every operation works in bounded pieces and watches that no other client of Redis has to wait for it. What is left
among the failed jobs up to a given moment is its state, so that doing it again goes on where it broke off.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue

from bot.archived import Archive, ArchivedQueue, Batch
from bot.clients.bounded_work import BoundedWork, bounded_work
from bot.clients.bullmq_failed import BullmqFailed, ids_of
from bot.clients.bullmq_scripts import Scripts
from bot.clients.failed_selection import Chooser, Selection, Survey, Walk, survey
from bot.clients.latency_guard import LatencyGuard
from bot.clients.plain_failed import PlainFailed
from bot.clients.queue_layout import PlainCounts, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.redis_connection import RedisConnection, redis_deadline
from bot.clients.waves import Waves
from bot.errors import PermanentError
from bot.plan import Report, operation
from bot.settings import RedisSettings

_ANSWER: Final = 3.0  # seconds for the last answer of Redis


class QueueChanges:
    """What changes failed jobs, on connections of its own: its pieces and PINGs hold up no reading.

    Its operations raise ``PermanentError`` before anything is touched where the queue is missing or of a version of
    BullMQ that is not known. ``patience`` is how long a slow Redis is waited for, in seconds.
    """

    def __init__(self, settings: RedisSettings, queues: Queues, archive: Archive, *, patience: float = 30.0) -> None:
        self._connection = RedisConnection(settings)
        self._queues = queues
        self._archive = archive
        self._patience = patience

    async def survey(self, queue: QueueSnapshot, selection: Selection, *, seconds: float = 18.0) -> Survey:
        """Count what a selection finds in a queue of BullMQ; raises TimedOut, Forbidden or Unavailable.

        Raises Refused where so many jobs would have to be looked at that it takes longer.
        """
        async with redis_deadline(seconds + _ANSWER):
            return await survey(self._connection.open(), queue, selection, seconds=seconds)

    @operation
    async def clear(
        self, queue: str, selection: dict[str, JsonValue], archive: str, at: float, *, progress: Report
    ) -> str:
        """Copy every selected job into the archive, begun ``at`` (epoch, ms), and then remove it."""
        chosen = Selection.of(selection)
        async with self._working(queue, progress) as work:
            failed, chooser = await self._bullmq(work, chosen)
            await self._open(work, archive, at)
            for batch in await self._archive.unfinished(archive, queue):
                await self._remove(work, failed, archive, batch)
            walk, left, done = Walk(work.redis, work.queue.name, chosen.until), 0, await self._jobs_in(archive, queue)
            while found := await work.piece(walk.look(work.jobs)):
                ids, gone = [job for job, _ in await work.piece(chooser.of(found))], set[bytes]()
                while ids:
                    packed = await work.piece(failed.pack(chosen.until, ids))
                    removed = await self._cleared(work, failed, archive, packed.batch)
                    gone |= ids_of(packed.batch) if removed else set()
                    left, done, ids = left + packed.left, done + removed, ids[packed.looked :]
                walk.go_on(found, gone)
                await work.told(f"{_jobs(done)} removed")
        said = f"{_jobs(await self._jobs_in(archive, queue))} removed, kept for 7 days as archive {archive}"
        return said + _left(left)

    @operation
    async def drop(self, queue: str, until: float, *, progress: Report) -> str:
        """Remove every job that failed up to ``until`` (epoch, ms) and keep nothing, as ``queue.clean`` does."""
        done = left = 0
        async with self._working(queue, progress) as work:
            failed, _ = await self._bullmq(work, Selection(until))
            walk = Walk(work.redis, work.queue.name, until)
            while (dropped := await work.piece(failed.drop(walk.window, work.jobs))).looked:
                walk.go_on_from(dropped.last, dropped.stayed)
                done, left = done + dropped.gone, left + dropped.left
                await work.told(f"{_jobs(done)} removed")
        return f"{_jobs(done)} removed, none of them kept" + _left(left)

    @operation
    async def clear_list(self, queue: str, key: str, entries: int, archive: str, at: float, *, progress: Report) -> str:
        """Copy a plain list of failed jobs into the archive where it still has ``entries``, and then remove it."""
        async with self._working(queue, progress, key) as work:
            plain = PlainFailed(work.redis, key)
            await self._open(work, archive, at)
            await work.piece(plain.take(entries, again=await self._jobs_in(archive, queue) > 0))
            for batch in await self._archive.unfinished(archive, queue):
                await self._remove(work, plain, archive, batch)
            while (batch := await work.piece(plain.pack(work.jobs))).jobs:
                await self._cleared(work, plain, archive, batch)
                await work.told(f"{await self._jobs_in(archive, queue):,} of {_jobs(entries)} removed")
        return f"{_jobs(await self._jobs_in(archive, queue))} removed, kept for 7 days as archive {archive}"

    @operation
    async def retry(
        self, queue: str, selection: dict[str, JsonValue], wave: int, pause: float, *, progress: Report
    ) -> str:
        """Have the selected jobs done again, the oldest first, at most ``wave`` of them every ``pause`` seconds.

        A job that fails again meanwhile is not retried a second time.
        """
        chosen, retried, waves = Selection.of(selection), 0, Waves(wave, pause)
        async with self._working(queue, progress) as work:
            failed, chooser = await self._bullmq(work, chosen)
            walk, left = Walk(work.redis, work.queue.name, chosen.until), await self._up_to(work, chosen.until)
            # No more than there were: what fails again may have an earlier time, where a worker's clock is behind.
            while left > 0 and (found := await work.piece(walk.look(min(work.jobs, left)))):
                jobs, gone = await work.piece(chooser.of(found)), set[bytes]()
                while jobs:
                    room = await waves.room()
                    done = await work.piece(failed.retry(jobs[:room]))
                    waves.took(len(done))
                    gone |= done
                    retried, jobs = retried + len(done), jobs[room:]
                    await work.told(_again(retried))
                walk.go_on(found, gone)
                left -= len(found)
                await work.told(f"{_again(retried)}, {left:,} to look at")
        return _again(retried)

    @operation
    async def retry_list(self, queue: str, key: str, entries: int, wave: int, pause: float, *, progress: Report) -> str:
        """Move a plain list of failed jobs, where it still has ``entries``, to those that wait, in waves."""
        retried, waves = 0, Waves(wave, pause)
        async with self._working(queue, progress, key) as work:
            plain = PlainFailed(work.redis, key)
            await work.piece(plain.take(entries))
            while retried < entries and (moved := await work.piece(plain.retry(min(await waves.room(), work.jobs)))):
                waves.took(moved)
                retried += moved
                await work.told(f"{retried:,} of {_jobs(entries)} wait again")
        return _again(retried)

    @operation
    async def restore(self, queue: str, archive: str, *, progress: Report) -> str:
        """Bring back as failed what an archive holds of a queue, except where a job of the same id is there."""
        back = there = 0
        held = [one for one in await self._archive.find(archive) if one.queue == queue]
        plain = next((one.key for one in held if one.layout == "plain"), "")
        async with self._working(queue, progress, plain) as work:
            while (batch := await self._archive.next(archive, queue)) is not None:
                done = await self._restored(work, archive, batch)
                back, there = back + done, there + batch.jobs - done
                await work.told(f"{_jobs(back)} back")
        said = f"{_jobs(back)} {'is' if back == 1 else 'are'} back"
        were = "was" if there == 1 else "were"
        return said + (f"; {_jobs(there)} {were} there, or without its data" if there else "")

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    @asynccontextmanager
    async def _working(self, short: str, report: Report, plain: str = "") -> AsyncIterator[BoundedWork]:
        """Begin to work on a queue; ``plain`` is the key of one in plain lists, which may all be gone meanwhile."""
        lists = QueueSnapshot(short, plain, "plain", PlainCounts())
        seen = lists if plain else (await self._queues.snapshot()).get(short)
        if not isinstance(seen, QueueSnapshot):
            raise PermanentError(seen.sentence() if seen else f"there is no queue {short}")
        if not is_writable(seen):
            raise PermanentError(f"{short} is of {seen.version or 'an unknown version of BullMQ'}: it is only read")
        async with bounded_work(
            self._connection.open(), seen, report, lambda redis: LatencyGuard(redis, patience=self._patience)
        ) as work:
            yield work

    async def _bullmq(self, work: BoundedWork, selection: Selection) -> tuple[BullmqFailed, Chooser]:
        if work.queue.layout == "plain":
            raise PermanentError(f"{work.queue.short} is kept in plain lists")
        scripts = await work.piece(Scripts.load(work.redis))
        failed = BullmqFailed(work.redis, scripts, work.queue.name, work.queue.version)
        return failed, Chooser(work.redis, scripts, work.queue.name, selection)

    async def _up_to(self, work: BoundedWork, until: float) -> int:
        return int(await work.piece(work.redis.zcount(f"{work.queue.name}:failed", "-inf", until)))

    async def _open(self, work: BoundedWork, archive: str, at: float) -> None:
        queue, begun = work.queue, datetime.fromtimestamp(at / 1000, UTC)
        await self._archive.open(ArchivedQueue(archive, queue.short, queue.name, queue.layout, begun, 0))

    async def _cleared(self, work: BoundedWork, failed: BullmqFailed | PlainFailed, archive: str, batch: Batch) -> int:
        if not batch.jobs:
            return 0
        return await self._remove(work, failed, archive, await self._archive.keep(archive, work.queue.short, batch))

    async def _remove(self, work: BoundedWork, failed: BullmqFailed | PlainFailed, archive: str, batch: Batch) -> int:
        """Remove what is on record as copied, and record that; doing it again removes nothing more."""
        gone = await work.piece(failed.remove(batch))
        await self._archive.removed(archive, work.queue.short, batch.number)
        return gone

    async def _restored(self, work: BoundedWork, archive: str, batch: Batch) -> int:
        short, name = work.queue.short, f"{archive}-{batch.number}"
        if work.queue.layout != "plain":
            failed, _ = await self._bullmq(work, Selection(0))
            done = await work.piece(failed.restore(batch))
            await self._archive.restored(archive, short, batch.number)
            return done
        plain = PlainFailed(work.redis, work.queue.name)
        await work.piece(plain.restore(batch, name))
        await self._archive.restored(archive, short, batch.number)
        await work.piece(plain.forget(name))
        return batch.jobs

    async def _jobs_in(self, archive: str, queue: str) -> int:
        return sum(held.jobs for held in await self._archive.find(archive) if held.queue == queue)


def is_writable(queue: QueueSnapshot) -> bool:
    """Say whether it is known how this queue is changed; one of an unknown version of BullMQ is only read."""
    # BullMQ Pro keeps groups besides, of which the scripts know nothing.
    library = (queue.version or "").rpartition(":")[0]
    return queue.layout != "bullmq" and library in ("", "bullmq")


def _jobs(number: int) -> str:
    return f"{number:,} {'job' if number == 1 else 'jobs'}"


def _again(retried: int) -> str:
    return f"{_jobs(retried)} {'waits' if retried == 1 else 'wait'} again"


def _left(left: int) -> str:
    waits = "because another waits for it" if left == 1 else "because others wait for them"
    return f"; {_jobs(left)} left {waits}" if left else ""
