"""What another number of workers does to the jobs that wait."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.clients.queue_layout import MissingQueue, QueueSnapshot
from bot.forecast import Sample, forecast, forecast_at, rates_of
from bot.stores.history import histories
from bot.stores.samples import Samples

RATES_OVER: Final = timedelta(minutes=5)

Seen = dict[str, QueueSnapshot | MissingQueue]


@dataclass(frozen=True)
class Backlog:
    """The queues as they were read; ``known`` are the last minutes of those that are there, the present last."""

    queues: Seen
    known: dict[str, list[Sample]]

    def forecasts(self, before: int, to: int) -> tuple[str, ...]:
        """Say for each queue how many jobs wait, when it is empty with ``before`` workers, and when with ``to``."""
        return tuple(
            seen.sentence() if isinstance(seen, MissingQueue) else _forecast(short, self.known[short], before, to)
            for short, seen in self.queues.items()
        )

    def slower(self, before: int, to: int) -> tuple[str, ...]:
        """Say what fewer workers do to the jobs that wait; nothing where none wait or there are no fewer."""
        waiting = sum(known[-1].ready or 0 for known in self.known.values())
        if to >= before or not waiting:
            return ()
        jobs = "1 job waits" if waiting == 1 else f"{waiting:,} jobs wait"
        if to == 0:
            return (f"{jobs}; without workers they stay where they are.",)
        effects = [
            f"{short} {then} instead of {forecast(known).sentence().removeprefix('empty ')}"
            for short, known in self.known.items()
            if (then := _expected(known, before, to))
        ]
        return (f"{jobs}; fewer workers make this longer{': ' if effects else ''}{'; '.join(effects)}.",)


async def backlog(seen: Seen, samples: Samples, now: datetime) -> Backlog:
    """Put what was read just now behind what the samples know of the last minutes."""
    past = await histories(samples, seen, now - RATES_OVER)
    known = {
        short: [*past[short], _present(queue, now)] for short, queue in seen.items() if isinstance(queue, QueueSnapshot)
    }
    return Backlog(seen, known)


def _present(queue: QueueSnapshot, now: datetime) -> Sample:
    counts = queue.counts
    return Sample(now, counts.ready, counts.unfinished, queue.jobs_added, queue.workers, queue.is_paused)


def _forecast(short: str, known: list[Sample], before: int, to: int) -> str:
    ready = known[-1].ready
    waiting = "unknown" if ready is None else f"{ready:,}"
    expected = _expected(known, before, to)
    then = f"; with {to} expected: {expected}" if expected else ""
    return f"{short}: {waiting} waiting; now {forecast(known).sentence()}" + (
        "; afterwards nobody works on it" if to == 0 else then
    )


def _expected(known: list[Sample], before: int, to: int) -> str:
    """Forecast a queue for afterwards; empty where nothing waits or the rates are not known."""
    ready, rates = known[-1].ready, rates_of(known)
    expected = rates.scaled(before, to) if rates else None
    return forecast_at(ready, expected).sentence() if ready and not known[-1].is_paused and expected else ""
