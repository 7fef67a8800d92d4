"""How fast counters go up, by samples that were taken of each process apart: a restart is no step backwards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.stores.samples import Sample

PREFIX: Final = "metrics/"


@dataclass(frozen=True)
class Rate:
    """Events a second, over all processes that were seen at least twice, and how many those are."""

    per_second: float
    processes: int


def series_name(process: str, metric: str) -> str:
    """Return the series that holds one process's counter."""
    return f"{PREFIX}{process}/{metric}"


def rates(series: Mapping[str, Sequence[Sample]]) -> dict[str, Rate]:
    """Return the rate of each counter by its name; one that cannot be told is not there."""
    found: dict[str, list[float]] = {}
    for name, samples in series.items():
        rate = _rate([sample for sample in samples if sample.value is not None])
        if rate is not None:
            found.setdefault(name.rpartition("/")[2], []).append(rate)
    return {name: Rate(sum(each), len(each)) for name, each in found.items()}


def _rate(samples: Iterable[Sample]) -> float | None:
    known = [(sample.at, sample.value) for sample in samples if sample.value is not None]
    if len(known) < 2:  # noqa: PLR2004 - a rate is between two moments
        return None
    values = [value for _, value in known]
    seconds = (known[-1][0] - known[0][0]).total_seconds()
    # What counts backwards is two processes under one name.
    return (values[-1] - values[0]) / seconds if seconds > 0 and values == sorted(values) else None
