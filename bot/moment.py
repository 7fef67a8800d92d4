"""A moment as people write it: ``2026-12-24T09:00``, ``2026-12-24``, ``18:00``, ``8h``, ``now``."""

import re
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.duration import read_duration

_TIME: Final = re.compile(r"\d{1,2}:\d{2}", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII)


def read_moment(text: str, zone: str, now: datetime) -> datetime:
    """Return the moment that is meant: a time without a zone is of this one, a length of time begins now.

    A time of day is the next one. Raises ``ValueError``.
    """
    words = text.strip()
    if words == "now":
        return now
    if _TIME.fullmatch(words):
        return _next(time.fromisoformat(words.zfill(5)), ZoneInfo(zone), now)
    if _DATE.fullmatch(words):
        found = datetime.fromisoformat(words)
        return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
    try:
        return now + read_duration(words.removeprefix("+"))
    except (ValueError, OverflowError):
        message = "a moment is 2026-12-24T09:00, 2026-12-24, 18:00, or a length of time such as 8h"
        raise ValueError(message) from None


def _next(clock: time, zone: ZoneInfo, now: datetime) -> datetime:
    today = now.astimezone(zone).date()
    days = (datetime.combine(today + timedelta(days=ahead), clock, zone) for ahead in range(2))
    return next(day for day in days if day > now)
