"""Lengths of time that have passed, said exactly; what is only expected is said roughly, in ``bot.forecast``."""

from datetime import timedelta
from typing import Final

_A_MINUTE: Final = 60
_AN_HOUR: Final = 60
_A_DAY: Final = 24


def elapsed(length: timedelta) -> str:
    """Say a length of time exactly: ``45 s``, ``7 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    minutes, seconds = divmod(max(0, round(length.total_seconds())), _A_MINUTE)
    hours, minutes = divmod(minutes, _AN_HOUR)
    days, hours = divmod(hours, _A_DAY)
    for (large, large_unit), (small, small_unit) in (
        ((days, "d"), (hours, "h")),
        ((hours, "h"), (minutes, "min")),
        ((minutes, "min"), (seconds, "s")),
    ):
        if large:
            return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
    return f"{seconds} s"
