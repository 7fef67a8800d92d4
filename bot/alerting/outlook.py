"""When a value will pass its next threshold, by the trend of what was read; nothing where there is no clear trend."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from statistics import median
from typing import Final

from bot.alert import Severity
from bot.alert_rule import AlertRule
from bot.forecast import duration
from bot.stores.samples import Sample

# A trend is that of the last quarter of an hour, of at least five readings over two minutes.
_SPAN: Final = timedelta(minutes=15)
_SHORTEST: Final = timedelta(minutes=2)
_FEWEST: Final = 5
_MOST: Final = 60
# So many of all steps have to go the same way; nobody plans for more than six hours ahead.
_STEADY: Final = 0.75
_FARTHEST: Final = timedelta(hours=6)


def outlook(rule: AlertRule, severity: Severity, samples: Sequence[Sample], now: datetime) -> str:
    """Say when a warning will be critical at this rate; empty where it is that already, or no trend says so."""
    if severity != "warning" or rule.critical is None:
        return ""
    seconds = seconds_to(rule.critical, samples, now)
    return "" if seconds is None else f"Will be critical in {duration(seconds)} at this rate"


def seconds_to(threshold: float, samples: Sequence[Sample], now: datetime) -> float | None:
    """Return in how many seconds the value reaches the threshold; None where no clear trend leads there.

    The slope is the median of all slopes between two readings (Theil and Sen), which no single jump moves.
    """
    recent = [sample for sample in samples if sample.at >= now - _SPAN]
    if not recent or recent[-1].value is None:
        return None
    known = [(sample.at.timestamp(), sample.value) for sample in recent if sample.value is not None][-_MOST:]
    if len(known) < _FEWEST or known[-1][0] - known[0][0] < _SHORTEST.total_seconds():
        return None
    slope = median((later - first) / (end - begin) for (begin, first), (end, later) in combinations(known, 2))
    distance = threshold - known[-1][1]
    if not slope or distance / slope <= 0 or not _is_steady(known, slope):
        return None
    seconds = distance / slope
    return seconds if seconds <= _FARTHEST.total_seconds() else None


def _is_steady(known: Sequence[tuple[float, float]], slope: float) -> bool:
    """Whether most steps go the way the slope says; a step that goes nowhere does."""
    steps = [after - before for (_, before), (_, after) in pairwise(known)]
    return sum(step * slope >= 0 for step in steps) >= _STEADY * len(steps)
