"""What the samples say: the queues' last minutes, as the forecast wants them, and since when a system is down."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from bot.forecast import Sample
from bot.stores.samples import KEPT, Samples, series_of

# What the threshold alerts record of each queue beside what the rules look at.
_METRICS: Final = {
    "ready": "queue_waiting",
    "unfinished": "queue_unfinished",
    "added": "queue_added",
    "workers": "queue_workers",
    "is_paused": "queue_paused",
}

# A time of day alone is unambiguous for a day.
_SEEN: Final = timedelta(days=1)

_Moments = dict[datetime, dict[str, int | None]]


async def histories(samples: Samples, shorts: Iterable[str], since: datetime) -> dict[str, list[Sample]]:
    """Return each queue's samples from ``since`` on, oldest first; what was not recorded is None."""
    fields = {
        series_of(metric, {"queue": short}): (short, field) for short in shorts for field, metric in _METRICS.items()
    }
    moments: dict[str, _Moments] = {short: defaultdict(dict) for short, _ in fields.values()}
    for series, found in (await samples.several(fields, since)).items():
        short, field = fields[series]
        for sample in found:
            moments[short][sample.at][field] = None if sample.value is None else round(sample.value)
    return {short: [_sample(at, values) for at, values in sorted(of.items())] for short, of in moments.items()}


def _sample(at: datetime, values: dict[str, int | None]) -> Sample:
    paused = values.get("is_paused")
    return Sample(
        at=at,
        ready=values.get("ready"),
        unfinished=values.get("unfinished"),
        added=values.get("added"),
        workers=values.get("workers"),
        is_paused=None if paused is None else bool(paused),
    )


async def plain_queues(samples: Samples, shorts: Iterable[str], now: datetime) -> list[str]:
    """Return the queues that were plain lists when last read; Redis does not know of such a queue once it is empty."""
    series = {series_of("queue_plain", {"queue": short}): short for short in shorts}
    latest = await samples.latest(series, now - KEPT)
    return [short for name, short in series.items() if latest.get(name)]


async def down_since(samples: Samples, systems: Iterable[str], now: datetime) -> dict[str, str]:
    """Say since when each system does not answer, such as " since 20:15 UTC", as far as the bot has seen.

    The text is empty where the system was up when last seen, or was not seen up in the last day.
    """
    series = {series_of("system_up", {"system": system}): system for system in systems}
    found = await samples.several(series, now - _SEEN)
    return {system: _since([(one.at, one.value) for one in found[name]]) for name, system in series.items()}


def _since(readings: list[tuple[datetime, float | None]]) -> str:
    """Name the first failure after the last success; moments that tell nothing stand for neither."""
    known = [(at, bool(value)) for at, value in readings if value is not None]
    last_up = max((place for place, (_, is_up) in enumerate(known) if is_up), default=None)
    if last_up is None or last_up == len(known) - 1:
        return ""
    return f" since {known[last_up + 1][0]:%H:%M} UTC"
