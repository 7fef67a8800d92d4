"""What a counter went up by within a window, whatever restarts: as Prometheus' ``increase``, without its guesses."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from bot.stores.samples import Sample


def increase(samples: Iterable[Sample]) -> float | None:
    """Return how much a process's counter rose over its samples, oldest first; None where fewer than two were read.

    A counter that fell began again at 0.
    """
    known = [sample.value for sample in samples if sample.value is not None]
    if len(known) < 2:  # noqa: PLR2004 - a rise is between two moments
        return None
    return sum(after - before if after >= before else after for before, after in pairwise(known))


def risen(series: Mapping[str, Sequence[Sample]], what: str, since: datetime) -> float | None:
    """Add up what every process's series ``.../what`` rose by since then; None where none can tell."""
    rises = [
        increase(sample for sample in samples if sample.at >= since)
        for name, samples in series.items()
        if name.rpartition("/")[2] == what
    ]
    known = [rise for rise in rises if rise is not None]
    return sum(known) if known else None
