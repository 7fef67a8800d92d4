"""What the counters of NovaPulse's metrics are from minute to minute, for the rates that ``/metrics`` shows."""

from datetime import datetime
from typing import Final

from bot.attempt import attempt, why
from bot.clients.replica_metrics import MetricsReader, Replica
from bot.errors import BotError
from bot.rates import KEPT, PREFIX, series_name
from bot.schedule import Observation, schedule
from bot.stores.samples import Sample, Samples

# Each counter is one series a process, and one more for each set of labels: NovaPulse has about ten counters, a route
# more or less makes many sets, and nothing may fill the database.
MOST: Final = 40
MOST_LABELLED: Final = 120
_LONGEST: Final = 190


@schedule("metric-samples", metrics=("metrics_replicas",))
async def metric_samples(metrics: MetricsReader, samples: Samples, now: datetime) -> list[Observation]:
    """Keep the counters of every replica that can be seen, each process by itself, for some minutes."""
    found = await attempt(metrics.read())
    if isinstance(found, BotError):
        return [Observation(metric="metrics_replicas", labels={}, value=None, at=now, reason=why(found))]
    kept = [sample for replica in found.replicas if replica.process for sample in _samples(replica, now)]
    await samples.add(kept)
    await samples.forget(PREFIX, now - KEPT)
    return [Observation(metric="metrics_replicas", labels={}, value=len(found.replicas), at=now)]


def _samples(replica: Replica, now: datetime) -> list[Sample]:
    metrics, process = replica.metrics, replica.process
    counters = [name for name in metrics.names if name.endswith("_total") and metrics.adds_up(name)][:MOST]
    named = {series_name(process, name): metrics.total(name) for name in counters}
    labelled = [sample for name in counters for sample in metrics.samples(name) if sample.labels]
    for sample in sorted(labelled, key=lambda each: -each.value)[:MOST_LABELLED]:
        named[series_name(process, sample.name, sample.labels)] = sample.value
    return [Sample(series, now, value) for series, value in named.items() if len(series) <= _LONGEST]
