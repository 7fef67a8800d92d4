"""What NovaPulse's pods use of what they may: memory and CPU against their limits."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bot.attempt import attempt, is_missing, together, why
from bot.clients.cluster_usage import ListedPod, PodUsage
from bot.clients.platform import PodReading
from bot.errors import BotError
from bot.pod_share import Kind, is_limited, worst_share
from bot.schedule import Observation, schedule
from bot.stores.samples import Sample, Samples, series_of

_METRICS: Final[dict[str, Kind]] = {"pod_memory_percent": "memory", "pod_cpu_percent": "cpu"}
_PERCENT: Final = 100


@schedule("usage-watch", metrics={metric: {"app": (), "pod": ()} for metric in _METRICS})
async def usage_watch(reading: PodReading, samples: Samples, now: datetime) -> list[Observation]:
    """Read what every pod's worst container uses of its limits; one without a limit has no share of it."""
    pods, used = await together(attempt(reading.pods()), attempt(reading.usage()))
    for answer in (pods, used):
        if isinstance(answer, BotError):
            expected = not is_missing(answer)
            return [
                Observation(metric=metric, labels={}, value=None, at=now, reason=why(answer), is_expected=expected)
                for metric in _METRICS
            ]
    if isinstance(pods, BotError) or isinstance(used, BotError):
        return []
    found = [one for metric in _METRICS for one in _shares(metric, pods, used, now)]
    await samples.add([Sample(series_of(one.metric, one.labels), one.at, one.value) for one in found])
    return found


def _shares(metric: str, pods: list[ListedPod], used: list[PodUsage], now: datetime) -> Iterator[Observation]:
    kind, usage = _METRICS[metric], {one.pod: one for one in used}
    for pod in pods:
        if not pod.app or pod.ending is not None or not is_limited(kind, pod):
            continue
        worst = worst_share(kind, pod, usage.get(pod.name))
        share = None if worst is None else _PERCENT * worst.of_limit
        # A pod that has only just started is not measured yet.
        reason = "" if share is not None else "the metrics server does not know the pod"
        labels = {"app": pod.app, "pod": pod.name}
        yield Observation(
            metric=metric, labels=labels, value=share, at=now, reason=reason, is_expected=share is not None
        )
