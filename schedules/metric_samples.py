"""What the counters of NovaPulse's metrics are from minute to minute, for the rates that ``/metrics`` shows."""

from datetime import datetime
from typing import Final

from bot.attempt import attempt, why
from bot.clients.replica_metrics import MetricsReader, Replica
from bot.errors import BotError
from bot.rates import series_name
from bot.schedule import Observation, schedule
from bot.stores.samples import Sample, Samples

# Each counter is one series a process: NovaPulse has about ten, and nothing may fill the database.
MOST: Final = 40
_LONGEST: Final = 190


@schedule("metric-samples", metrics=("metrics_replicas",))
async def metric_samples(metrics: MetricsReader, samples: Samples, now: datetime) -> list[Observation]:
    """Keep the counters of every replica that can be seen, each process by itself."""
    found = await attempt(metrics.read())
    if isinstance(found, BotError):
        return [Observation(metric="metrics_replicas", labels={}, value=None, at=now, reason=why(found))]
    kept = [sample for replica in found.replicas if replica.process for sample in _samples(replica, now)]
    await samples.add(kept)
    return [Observation(metric="metrics_replicas", labels={}, value=len(found.replicas), at=now)]


def _samples(replica: Replica, now: datetime) -> list[Sample]:
    counters = [name for name in replica.metrics.names if name.endswith("_total") and replica.metrics.adds_up(name)]
    named = {series_name(replica.process, name): replica.metrics.total(name) for name in counters[:MOST]}
    return [Sample(series, now, value) for series, value in named.items() if len(series) <= _LONGEST]
