"""What the samples say about the queues' last minutes, as the forecast wants it."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from bot.forecast import Sample
from bot.stores.samples import Samples, series_of

# What the threshold alerts record of each queue beside what the rules look at.
_METRICS: Final = {
    "ready": "queue_waiting",
    "unfinished": "queue_unfinished",
    "added": "queue_added",
    "workers": "queue_workers",
    "is_paused": "queue_paused",
}

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
