"""What the samples say about a queue's last minutes, as the forecast wants it."""

from collections import defaultdict
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


async def history(samples: Samples, short: str, since: datetime) -> list[Sample]:
    """Return a queue's samples from ``since`` on, oldest first; what was not recorded is None."""
    moments: dict[datetime, dict[str, int | None]] = defaultdict(dict)
    for field, metric in _METRICS.items():
        for sample in await samples.series(series_of(metric, {"queue": short}), since):
            moments[sample.at][field] = None if sample.value is None else round(sample.value)
    return [_sample(at, moments[at]) for at in sorted(moments)]


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
