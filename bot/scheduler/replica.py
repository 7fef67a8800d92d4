"""One replica's part in the schedules: it wakes up when something is due and does it unless another one has it.

APScheduler decides when to look, never what is due: the due time follows from the policy and the clock, and its row
in the store decides who does it. So replicas agree, a late wake-up finds the same fire, and nothing is done twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.elapsed import elapsed
from bot.policy import Policy, ScheduleRule
from bot.reply import Level, Reply, Text, When, say
from bot.schedule import Schedule
from bot.scheduler.due import Cron, Every, due_times
from bot.scheduler.work import Outcome, Work, title_of
from bot.stores.database import Database
from bot.stores.fires import Fires
from bot.stores.outbox import CARD, Message, Outbox

# Looks for fires that were missed come this often; the first one is at the start.
LOOK_EVERY: Final = timedelta(minutes=1)
# From here on a card says that it is late.
LATE_AFTER: Final = timedelta(minutes=1)
# A stop waits this many seconds for the fires that are running.
GRACE: Final = 10.0
# A schedule that observes is in trouble when this many of its intervals have passed without a result.
_INTERVALS: Final = 4

_log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ScheduleStores:
    """The tables the schedules need; all of one database."""

    database: Database
    fires: Fires
    outbox: Outbox


@dataclass(frozen=True)
class _Plan:
    """The policy's schedules as they are in force."""

    rules: dict[str, ScheduleRule]
    timezone: str
    due: dict[str, Every | Cron]


class Scheduler:
    """Runs the schedules of the policy in force; ``holder`` is this process's own name, unlike any other's."""

    def __init__(
        self,
        stores: ScheduleStores,
        work: Work,
        *,
        policy: Callable[[], Policy],
        channel: str,
        holder: str,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._stores = stores
        self._work = work
        self._policy = policy
        self._channel = channel
        self._holder = holder
        self._clock = clock
        self._plan = self._read_policy()
        self._started_at = clock()
        self._running: set[asyncio.Future[None]] = set()
        self._awake: set[str] = set()
        self._timer = AsyncIOScheduler(timezone=UTC)

    async def start(self) -> None:
        """Begin, with a look for what was missed."""
        self._started_at = self._clock()
        self._timer.start()
        self._place_jobs()
        self._add(
            "look for missed",
            IntervalTrigger(seconds=int(LOOK_EVERY.total_seconds()), timezone=UTC),
            self.catch_up,
            now=True,
        )
        self._add("hourly", IntervalTrigger(hours=1, timezone=UTC), self._do_chores)

    async def stop(self) -> None:
        """Start nothing more, wait up to 10 s for what runs, then break it off: its claim passes to another replica."""
        if not self._timer.running:
            return
        self._timer.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=GRACE)
        broken_off = list(self._running)
        self._timer.shutdown(wait=False)
        # APScheduler shuts down in the loop's next round, and cancels there what still runs.
        await asyncio.sleep(0)
        await asyncio.gather(*broken_off, return_exceptions=True)

    async def reschedule(self) -> None:
        """Take over the policy's schedules after a reload; raises ``InvalidPolicy``, and the old ones stay.

        What the new ones would have done before this moment was not missed, and is not made up for.
        """
        fresh, before = self._read_policy(), self._plan
        now = self._clock()
        for name, rule in fresh.rules.items():
            if (before.rules.get(name), before.timezone) != (rule, fresh.timezone) and rule.cron:
                due = fresh.due[name].last(now)
                if due is not None:
                    async with self._stores.database.transaction() as connection:
                        fire = (name, due)
                        await self._stores.fires.skip(fire, now, "before the schedule changed", connection=connection)
        self._plan = fresh
        if self._timer.running:
            self._place_jobs()

    async def run(self, name: str) -> Reply:
        """Run a schedule now for whoever asks; it is neither claimed nor posted.

        Raises ``KeyError`` where no schedule of that name makes a reply, and whatever its handler raises.
        """
        schedule = self._work.catalog.schedules[name]
        returned = await self._work.call(schedule, self._clock()) if not schedule.observes else None
        if not isinstance(returned, Reply):
            raise KeyError(name)
        return returned

    async def catch_up(self) -> None:
        """Look at every cron schedule for a fire that nobody has had."""
        for name, rule in self._plan.rules.items():
            if rule.cron:
                await self.wake(name)

    async def wake(self, name: str) -> None:
        """Do the schedule's newest due fire, unless somebody has it, or it is too late for it."""
        now = self._clock()
        due = self._plan.due[name].last(now) if name in self._plan.due else None
        if due is None:
            return
        rule, schedule = self._plan.rules[name], self._work.catalog.schedules[name]
        if rule.cron and now - due > rule.late_within:
            await self._miss(schedule, due, now)
            return
        task = asyncio.ensure_future(self._fire(schedule, rule, due, now))
        self._running.add(task)
        try:
            await task
        finally:
            self._running.discard(task)

    async def problem(self, now: datetime) -> str:
        """Say which observing schedule has not finished for too long, on any replica; empty where all have."""
        for name, rule in self._plan.rules.items():
            if rule.every is None or not self._work.catalog.schedules[name].observes:
                continue
            last = await self._stores.fires.last_done(name)
            since = max(self._started_at, last.due_at) if last else self._started_at
            if now - since > rule.every * _INTERVALS:
                return f"{name} has had no result for {elapsed(now - since)}"
        return ""

    async def _fire(self, schedule: Schedule, rule: ScheduleRule, due: datetime, now: datetime) -> None:
        if not await self._stores.fires.claim(schedule.name, due, self._holder, now):
            return
        # What is due every so often takes the due time for the present, so that its times are even.
        outcome = await self._work.fire(schedule, now if rule.cron else due)
        reply = outcome.reply and self._marked_late(outcome.reply, schedule, due, now)
        await self._finish((schedule.name, due), self._clock(), replace(outcome, reply=reply))

    def _marked_late(self, reply: Reply, schedule: Schedule, due: datetime, now: datetime) -> Reply:
        if now - due <= LATE_AFTER:
            return reply
        wall = due.astimezone(ZoneInfo(self._plan.timezone))
        late = Text.of(f"Late: was due at {wall:%H:%M}, the bot was not running.")
        _log.warning("schedule is late", schedule=schedule.name, due_at=due.isoformat())
        return reply.model_copy(update={"parts": (late, *reply.parts)})

    async def _miss(self, schedule: Schedule, due: datetime, now: datetime) -> None:
        """Say once that a fire was missed for good; a schedule that never fired before has missed nothing."""
        is_new = await self._stores.fires.last(schedule.name) is None
        if not await self._stores.fires.claim(schedule.name, due, self._holder, now):
            return
        text = Text.of("It was due at ", When(at=due), ", the bot was not running, and it is too late for it.")
        reply = say(f"{title_of(schedule)} was missed", text, *self._work.again(schedule), level=Level.WARNING)
        is_silent = is_new or schedule.observes
        await self._finish((schedule.name, due), now, Outcome(None if is_silent else reply, {"skipped": "too late"}))

    async def _finish(self, fire: tuple[str, datetime], now: datetime, outcome: Outcome) -> None:
        """Record the outcome and put its card in one transaction, unless the claim has passed to somebody else."""
        async with self._stores.database.transaction() as connection:
            is_mine = await self._stores.fires.finish(fire, self._holder, now, outcome.result, connection=connection)
            if is_mine and outcome.reply:
                key = f"schedule:{fire[0]}:{fire[1].isoformat()}"
                message = Message(key, self._channel, outcome.reply, CARD)
                await self._stores.outbox.put(message, now, connection=connection)

    async def _do_chores(self) -> None:
        now = self._clock()
        frequent = tuple(name for name, rule in self._plan.rules.items() if rule.every is not None)
        await self._stores.fires.prune(now, frequent)
        for chore in self._work.chores:
            await chore(now)

    def _read_policy(self) -> _Plan:
        policy = self._policy()
        rules = {name: rule for name, rule in policy.schedules.items() if name in self._work.catalog.schedules}
        due = {name: due_times(rule, policy.timezone) for name, rule in rules.items()}
        return _Plan(rules, policy.timezone, due)

    def _place_jobs(self) -> None:
        for job in self._timer.get_jobs():
            if job.id.startswith("schedule:"):
                job.remove()
        for name, due in self._plan.due.items():
            self._add(f"schedule:{name}", due.trigger, self.wake, name)

    def _add(
        self, job: str, trigger: BaseTrigger, what: Callable[..., Awaitable[None]], *args: str, now: bool = False
    ) -> None:
        """Every wake-up counts however late it comes, several missed ones count as one, and none overlaps itself."""

        async def wake_up() -> None:
            if job in self._awake:
                return  # it takes longer than its interval: nothing to log each time, ``problem`` tells
            self._awake.add(job)
            try:
                await what(*args)
            finally:
                self._awake.discard(job)

        first = {"next_run_time": _utc_now()} if now else {}
        # Two: the one that works and the one that finds it at work.
        self._timer.add_job(wake_up, trigger, id=job, coalesce=True, max_instances=2, misfire_grace_time=None, **first)
