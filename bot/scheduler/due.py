"""When a schedule is due: the same moment on every replica, worked out from the policy and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.errors import InvalidPolicy
from bot.policy import MONTHS, WEEKDAYS, ScheduleRule

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK: Final = 7
# The last due time is looked for in ever longer stretches, so that neither every minute nor once a year takes long.
_STRETCHES: Final = (timedelta(hours=2), timedelta(days=2), timedelta(days=40), timedelta(days=1500))


class Every:
    """Due every so often, counted from the epoch in UTC."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval
        self.trigger: BaseTrigger = IntervalTrigger(
            seconds=int(interval.total_seconds()), start_date=_EPOCH, timezone=UTC
        )

    def last(self, now: datetime) -> datetime | None:
        """Return the newest due time up to now."""
        return now - (now - _EPOCH) % self._interval


class Cron:
    """Due by a cron line of five fields, read as cron reads it: 0 and 7 are Sunday, two kinds of days are either.

    A time that the clock skips in spring is due at the moment it would have been; one that it shows twice in autumn
    is due the first time, unless the line means every hour.
    """

    def __init__(self, line: str, zone: ZoneInfo) -> None:
        minute, hour, day, month, weekday = line.lower().split()
        for number, name in enumerate(MONTHS, 1):  # beside a name, the library leaves out what it cannot read
            month = month.replace(name, str(number))
        pairs = [(day, weekday)] if "*" in (day[0], weekday[0]) else [(day, "*"), ("*", weekday)]
        self._triggers = [
            CronTrigger(
                minute=minute, hour=hour, day=one, month=month, day_of_week=_weekdays(other), second=0, timezone=zone
            )
            for one, other in pairs
        ]
        self._every_hour = hour.startswith("*")
        self.trigger: BaseTrigger = OrTrigger(self._triggers)

    def last(self, now: datetime) -> datetime | None:
        """Return the newest due time up to now, in UTC; None where there was none in four years."""
        for stretch in _STRETCHES:
            found: datetime | None = None
            due = self._next(now - stretch)
            while due is not None and due <= now:
                found = due
                due = self._next(due + timedelta(seconds=1))
            if found is not None:
                return found
        return None

    def _next(self, start: datetime) -> datetime | None:
        while True:
            found = [trigger.get_next_fire_time(None, start) for trigger in self._triggers]
            known: list[datetime] = [due.astimezone(UTC) for due in found if due is not None]
            if not known:
                return None
            first = min(known)
            if self._every_hour or not self._is_repeated(first):
                return first
            start = first + timedelta(seconds=1)

    def _is_repeated(self, due: datetime) -> bool:
        """Whether the wall clock showed this time once before."""
        wall = due.astimezone(self._triggers[0].timezone)
        return bool(wall.fold)


def due_times(rule: ScheduleRule, timezone: str) -> Every | Cron:
    """Read a schedule's rule; raises ``InvalidPolicy`` where its cron line means nothing."""
    if rule.every is not None:
        return Every(rule.every)
    try:
        return Cron(rule.cron, ZoneInfo(timezone))
    except ValueError as error:
        raise InvalidPolicy(f"the cron line {rule.cron!r} cannot be read: {error}") from error


def _weekdays(field: str) -> str:
    """Write a cron field of weekdays by names, which mean the same everywhere."""
    if field == "*":
        return field
    days = {day for part in field.split(",") for day in _range(part)}
    return ",".join(WEEKDAYS[day] for day in sorted(days))


def _range(part: str) -> list[int]:
    ends, _, step = part.partition("/")
    first, dash, last = ends.partition("-")
    if first == "*":
        return list(range(0, _WEEK, int(step or 1)))
    start = _weekday(first)
    end = _weekday(last) if dash else (_WEEK - 1 if step else start)
    # 0-7 is the whole week with its Sunday written twice.
    length = _WEEK - 1 if (first, last) == ("0", "7") else (end - start) % _WEEK
    return [(start + offset) % _WEEK for offset in range(0, length + 1, int(step or 1))]


def _weekday(word: str) -> int:
    return int(word) % _WEEK if word.isdecimal() else WEEKDAYS.index(word)
