"""When a queue will be empty: rates from the bot's own samples, and a forecast as a sentence.

BullMQ's workers keep only the last completed jobs, so that the number of finished jobs cannot be counted there.
It follows from two things that can: how many jobs were ever added, and how many are unfinished.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise, takewhile
from typing import Final

_SHORTEST: Final = 5.0
_MINUTE: Final = 60.0
# A queue whose waiting jobs are worked off within this time, and that does not grow, keeps up.
_KEEPING_UP: Final = 60.0
# Changes smaller than this part of what went through are noise.
_NOISE: Final = 0.05
# So are moves of a queue smaller than this many jobs, or this part of its longest.
_STEADY_JOBS: Final = 10
_STEADY_PART: Final = 0.02
# Fewer readings than this may all be one accident.
_FEWEST: Final = 3
_WEEK: Final = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Sample:
    """One reading of a queue.

    ``ready`` are the jobs a worker could take at once, ``unfinished`` all that are neither completed nor failed,
    ``added`` all that were ever added. None is unknown.
    """

    at: datetime
    ready: int | None
    unfinished: int | None = None
    added: int | None = None
    workers: int | None = None
    is_paused: bool | None = None


@dataclass(frozen=True)
class Rates:
    """Jobs per second: ``net`` is the growth of what is ready; ``into`` and ``out`` are None where unknown."""

    net: float
    into: float | None = None
    out: float | None = None

    def scaled(self, workers: int, to: int) -> "Rates | None":
        """Return the rates to expect with ``to`` workers instead of ``workers``; None when they cannot be known."""
        if self.into is None or self.out is None or workers <= 0:
            return None
        out = self.out * to / workers
        return Rates(net=self.into - out, into=self.into, out=out)


@dataclass(frozen=True)
class AlreadyEmpty:
    """Nothing waits."""

    def sentence(self) -> str:
        """Say it."""
        return "empty"


@dataclass(frozen=True)
class Empty:
    """The queue will be empty in this many seconds."""

    seconds: float

    def sentence(self) -> str:
        """Say it."""
        return f"empty in {duration(self.seconds)}"


@dataclass(frozen=True)
class KeepingUp:
    """The queue neither grows nor shrinks, and a job waits about this many seconds."""

    seconds: float

    def sentence(self) -> str:
        """Say it."""
        return f"keeps up, a job waits {duration(self.seconds)}"


@dataclass(frozen=True)
class Never:
    """The queue does not shrink; it grows by this many jobs a minute."""

    growth_per_minute: float

    def sentence(self) -> str:
        """Say it."""
        growth = round(self.growth_per_minute)
        return f"never at this rate (grows by {growth:,} a minute)" if growth > 0 else "never at this rate"


@dataclass(frozen=True)
class NoWorkers:
    """Nobody takes jobs from the queue."""

    def sentence(self) -> str:
        """Say it."""
        return "no workers connected"


@dataclass(frozen=True)
class Paused:
    """The queue is paused."""

    def sentence(self) -> str:
        """Say it."""
        return "paused, so nothing is worked on"


@dataclass(frozen=True)
class Unknown:
    """No forecast is possible; the reason is a clause."""

    reason: str

    def sentence(self) -> str:
        """Say it."""
        return f"unknown: {self.reason}"


Forecast = AlreadyEmpty | Empty | KeepingUp | Never | NoWorkers | Paused | Unknown


def forecast(samples: Sequence[Sample]) -> Forecast:
    """Forecast one queue from its samples, oldest first, of which the last is the present."""
    if not samples:
        return Unknown("no reading yet")
    now = samples[-1]
    if now.is_paused:
        return Paused()
    if now.workers == 0:
        return NoWorkers()
    if now.ready is None:
        return Unknown("the number of waiting jobs is not known")
    if now.ready == 0:
        return AlreadyEmpty()
    rates = rates_of(samples)
    return Unknown("too early to say") if rates is None else forecast_at(now.ready, rates)


def forecast_at(ready: int, rates: Rates) -> Forecast:
    """Forecast a queue with ``ready`` jobs at the given rates."""
    if ready <= 0:
        return AlreadyEmpty()
    out = rates.out or 0.0
    if out > 0 and abs(rates.net) <= out * _NOISE and ready <= out * _KEEPING_UP:
        return KeepingUp(ready / out)
    if rates.net >= 0:
        return Never(rates.net * _MINUTE)
    return Empty(ready / -rates.net)


def rates_of(samples: Sequence[Sample]) -> Rates | None:
    """Compute the rates since the workers, the pause or the direction last changed; None where that is too short ago.

    Too short is fewer than three readings, or less than five seconds.
    """
    usable = _since_turn(_comparable(samples))
    if len(usable) < _FEWEST:
        return None
    first, last = usable[0], usable[-1]
    seconds = (last.at - first.at).total_seconds()
    if seconds < _SHORTEST or first.ready is None or last.ready is None:
        return None
    net = (last.ready - first.ready) / seconds
    into = _into(usable, seconds)
    if into is None or first.unfinished is None or last.unfinished is None:
        return Rates(net, into)
    return Rates(net, into, max(0.0, into - (last.unfinished - first.unfinished) / seconds))


def duration(seconds: float) -> str:
    """Say a length of time roughly, such as "about 6 min"."""
    if not math.isfinite(seconds) or seconds > _WEEK:
        return "more than 7 days"
    if seconds < 1:
        return "less than 1 s"
    minutes = round(seconds / _MINUTE)
    if seconds < 90:  # noqa: PLR2004 - up to here a person thinks in seconds
        return f"about {round(seconds)} s"
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"about {minutes} min"
    return f"about {hours} h {rest} min" if rest and hours < 10 else f"about {hours} h"  # noqa: PLR2004


def _comparable(samples: Sequence[Sample]) -> list[Sample]:
    """Keep the newest samples that were taken with the same workers and the same pause, oldest first."""
    known = [sample for sample in samples if sample.ready is not None]
    if not known:
        return []
    now = known[-1]
    same = takewhile(lambda sample: (sample.workers, sample.is_paused) == (now.workers, now.is_paused), reversed(known))
    return list(same)[::-1]


def _since_turn(samples: list[Sample]) -> list[Sample]:
    """Keep what follows the last turn or jump: the average over a burst is no rate that anything has now."""
    values = [sample.ready or 0 for sample in samples]
    if not values:
        return samples
    noise = max(_STEADY_JOBS, _STEADY_PART * max(values))
    return samples[max(_turn(values, noise), _jump(values, noise)) :]


def _turn(values: list[int], noise: float) -> int:
    """Return where the queue was last at its longest or shortest, if it came from elsewhere and has left again."""
    last = {value: place for place, value in enumerate(values)}
    turns = [
        last[value]
        for value in (max(values), min(values))
        if min(abs(value - values[0]), abs(value - values[-1])) > noise
    ]
    return max(turns, default=0)


def _jump(values: list[int], noise: float) -> int:
    """Return the place behind a single step that moved the queue more than all others together; 0 for none."""
    steps = [abs(later - earlier) for earlier, later in pairwise(values)]
    largest = max(steps, default=0)
    if len(steps) < _FEWEST or largest <= noise or 2 * largest <= sum(steps):
        return 0
    return steps.index(largest) + 1


def _into(samples: Sequence[Sample], seconds: float) -> float | None:
    counts = [sample.added for sample in samples]
    known = [count for count in counts if count is not None]
    # A counter that fell was started anew: what it says across that moment is worth nothing.
    if len(known) < len(counts) or any(later < earlier for earlier, later in pairwise(known)):
        return None
    return (known[-1] - known[0]) / seconds
