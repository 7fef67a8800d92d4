"""Reading Prometheus' exposition text without mistaking silence for zero."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from bot.errors import Unavailable


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One number with the labels it carries."""

    name: str
    labels: Mapping[str, str]
    value: float


class Metrics:
    """Samples by name and labels; a metric may also be declared and have no sample, which means unknown."""

    def __init__(self, families: list[Metric]) -> None:
        self._declared = {name for family in families for name in (family.name, f"{family.name}_total")}
        self._families = tuple(
            f"{family.name}_total" if family.type == "counter" else family.name for family in families
        )
        self._kinds: dict[str, str] = {family.name: family.type for family in families}
        self._samples: dict[str, list[MetricSample]] = {}
        for family in families:
            for sample in family.samples:
                found = MetricSample(sample.name, dict(sample.labels), float(sample.value))
                self._samples.setdefault(sample.name, []).append(found)
                self._kinds.setdefault(sample.name, family.type)

    def is_declared(self, name: str) -> bool:
        """Whether the text names the metric at all, with or without a sample."""
        return name in self._declared or name in self._samples

    @property
    def names(self) -> tuple[str, ...]:
        """The names that have samples, in the text's order."""
        return tuple(self._samples)

    @property
    def silent(self) -> tuple[str, ...]:
        """The metrics that are declared and have no sample: nothing is known of them."""
        heard = tuple(self._samples)
        return tuple(name for name in self._families if not any(sample.startswith(name) for sample in heard))

    def adds_up(self, name: str) -> bool:
        """Whether the replicas' samples of that name make a sum: counters and histograms do, gauges do not."""
        return self._kinds.get(name) in ("counter", "histogram", "summary")

    def samples(self, name: str, **labels: str) -> list[MetricSample]:
        """Return the samples of that name whose labels include the given ones; none means unknown."""
        return [sample for sample in self._samples.get(name, ()) if labels.items() <= dict(sample.labels).items()]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the only fitting sample's value; None when there is none, several, or it is no number."""
        found = self.samples(name, **labels)
        return found[0].value if len(found) == 1 and not math.isnan(found[0].value) else None

    def total(self, name: str, **labels: str) -> float | None:
        """Return the sum of the fitting samples; None when there is none."""
        found = self.samples(name, **labels)
        return math.fsum(sample.value for sample in found) if found else None


def parse_metrics(text: str) -> Metrics:
    """Read exposition text; raises Unavailable when it is none."""
    try:
        return Metrics(list(text_string_to_metric_families(text)))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise Unavailable("NovaPulse metrics", "answered something that is no exposition text") from None
