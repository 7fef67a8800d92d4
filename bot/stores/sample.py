"""One measured value, and which of the values of ten thousand queues have to be written at a moment."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

# A value that does not change is written again within this time, so that reading has to look no further back.
RUN: Final = timedelta(hours=1)
_AGAIN: Final = timedelta(minutes=50)
# At every moment so many of those that did not change are written, the oldest first: all that a hundred queues have,
# else a part that goes once around within the hour at a tick of 30 s.
_ROUND: Final = 90
AT_LEAST: Final = 1_000


class Sample(NamedTuple):
    """One value of a series at one moment; None where it could not be read."""

    series: str
    at: datetime
    value: float | None


def series_of(metric: str, labels: Mapping[str, str]) -> str:
    """Name the series of a metric: ``queue_waiting`` of ``queue=email`` is ``queue/email/waiting``."""
    subject, _, what = metric.partition("_")
    if (label := labels.get(subject)) and what:  # as of every queue
        return f"{subject}/{label}/{what}"
    return "/".join(part for part in (subject, labels.get(subject, ""), what) if part)


class Written:
    """What this process wrote last of each series, the longest ago first."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float | None, datetime]] = {}
        self._looked_at: datetime | None = None

    def due(
        self, values: Mapping[str, float | None], now: datetime, looked_at: datetime | None
    ) -> tuple[list[Sample], bool]:
        """Return what has to be written, and whether that is everything.

        It is everything at first, after another process has looked (``looked_at`` is when anybody did last), where
        other series were found than before, and where what was due last was not written to its end.
        """
        is_known = self._looked_at is not None and looked_at == self._looked_at and values.keys() == self._kept.keys()
        self._looked_at = None  # until that is written
        if not is_known:
            return [Sample(series, now, value) for series, value in values.items()], True
        kept, again = self._kept, self._oldest(now)
        due = [
            Sample(series, now, value)
            for series, value in values.items()
            if kept[series][0] != value or series in again
        ]
        return due, False

    def remember(self, written: list[Sample], now: datetime, *, whole: bool) -> None:
        """Know what was written, once that is committed."""
        self._looked_at = now
        if whole:
            self._kept.clear()
        for sample in written:
            self._kept.pop(sample.series, None)
            self._kept[sample.series] = (sample.value, now)

    def _oldest(self, now: datetime) -> set[str]:
        number = max(AT_LEAST, len(self._kept) // _ROUND)
        found = set[str]()
        for series, (_, at) in self._kept.items():
            if len(found) >= number and now - at < _AGAIN:
                break
            found.add(series)
        return found
