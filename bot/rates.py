"""How fast counters go up, by samples that were taken of each process apart: a restart is no step backwards."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.stores.samples import Sample

PREFIX: Final = "metrics/"
# Rates are of the last minutes: nobody asks for an older sample.
KEPT: Final = timedelta(minutes=15)
# A process that was last seen this long before the newest sample has ended; until then a look may have missed it.
_ENDED: Final = timedelta(seconds=90)


@dataclass(frozen=True)
class Rate:
    """Events a second, over all processes that were seen at least twice, and how many those are."""

    per_second: float
    processes: int


def series_name(process: str, metric: str, labels: Mapping[str, str] | None = None) -> str:
    """Return the series that holds one process's counter: all of it, or of these labels only."""
    return f"{PREFIX}{process}/{counter_name(metric, labels)}"


def counter_name(metric: str, labels: Mapping[str, str] | None = None) -> str:
    """Return what ``rates`` calls a counter: labels of any length become a few letters."""
    if labels is None:
        return metric
    text = json.dumps(sorted(labels.items()))
    return f"{metric}#{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def rates(series: Mapping[str, Sequence[Sample]]) -> dict[str, Rate]:
    """Return the rate of each counter by its name (``counter_name``); one that cannot be told is not there."""
    known = {name: _known(samples) for name, samples in series.items()}
    living = _living(known)
    found: dict[str, list[float]] = {}
    for name, moments in known.items():
        process, _, counter = name.removeprefix(PREFIX).rpartition("/")
        rate = _rate(moments) if process in living else None
        if rate is not None:
            found.setdefault(counter, []).append(rate)
    return {name: Rate(sum(each), len(each)) for name, each in found.items()}


_Moments = list[tuple[datetime, float]]


def _known(samples: Iterable[Sample]) -> _Moments:
    return [(sample.at, sample.value) for sample in samples if sample.value is not None]


def _living(series: Mapping[str, _Moments]) -> set[str]:
    """Return the processes that still run: what one that has ended did is no part of how fast it goes now.

    Of a pod that was restarted only the last process counts. Where the load balancer chooses (no pod is named), one
    that is not seen for a while may well run.
    """
    last: dict[str, datetime] = {}
    for name, moments in series.items():
        process = name.removeprefix(PREFIX).rpartition("/")[0]
        if moments:
            last[process] = max(moments[-1][0], last.get(process, moments[-1][0]))
    newest = max(last.values(), default=None)
    of_pod: dict[str, str] = {}
    for process, at in last.items():
        pod, _, start = process.rpartition("@")
        is_gone = newest is not None and at < newest - _ENDED
        if pod and not is_gone and _start(start) >= _start(of_pod.get(pod, "").rpartition("@")[2]):
            of_pod[pod] = process
    return {*of_pod.values(), *(process for process in last if not process.rpartition("@")[0])}


def _start(text: str) -> float:
    return float(text) if text.isdigit() else -1.0


def _rate(moments: _Moments) -> float | None:
    if len(moments) < 2:  # noqa: PLR2004 - a rate is between two moments
        return None
    values = [value for _, value in moments]
    seconds = (moments[-1][0] - moments[0][0]).total_seconds()
    # What counts backwards is two processes under one name.
    return (values[-1] - values[0]) / seconds if seconds > 0 and values == sorted(values) else None
