"""NovaPulse's metrics of each replica where the cluster lets the bot ask each, else of the one that answers."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bot.attempt import attempt, why
from bot.clients.api import NovaPulseApi
from bot.clients.api_answers import Answer, read_metrics
from bot.clients.cluster_state import PodLog
from bot.clients.metrics_text import Metrics, parse_metrics
from bot.clients.platform import Platform
from bot.errors import BotError, Unavailable
from bot.settings import ApiSettings

_START: Final = "process_start_time_seconds"
_OK: Final = 200


@dataclass(frozen=True)
class Replica:
    """One replica's metrics; ``name`` is the pod's, empty where the load balancer chose it."""

    name: str
    metrics: Metrics

    @property
    def process(self) -> str:
        """Tell this process from any other, also from the same pod's before a restart; empty where nothing tells."""
        start = self.metrics.value(_START)
        return "" if start is None else f"{self.name}@{start:.0f}"


@dataclass(frozen=True)
class ReplicaMetrics:
    """The replicas that were read, and what kept the others from being seen."""

    replicas: tuple[Replica, ...]
    problems: tuple[str, ...] = ()


class MetricsReader:
    """Reads the metrics of the API's replicas."""

    def __init__(self, api: NovaPulseApi, platform: Platform, settings: ApiSettings) -> None:
        self._api = api
        self._platform = platform
        self._path = f"{urlsplit(settings.novapulse_api_url).path.rstrip('/')}/metrics"

    async def read(self) -> ReplicaMetrics:
        """Return every replica's metrics; raises what the API raises where not even one could be read."""
        pages = await attempt(self._platform.pages("api", self._path))
        if isinstance(pages, BotError):
            return await self._one(f"The replicas cannot be asked one by one: {why(pages)}")
        read, problems = _parsed(pages)
        if read:
            return ReplicaMetrics(read, problems)
        return await self._one(f"The replicas cannot be asked one by one: {problems[0] if problems else 'no pods.'}")

    async def _one(self, problem: str) -> ReplicaMetrics:
        return ReplicaMetrics((Replica("", parse_metrics(await self._api.metrics())),), (problem,))


def _parsed(pages: list[PodLog]) -> tuple[tuple[Replica, ...], tuple[str, ...]]:
    read, problems = [], []
    for page in pages:
        if page.data is None:
            problems.append(f"{page.pod}: {page.problem}")
            continue
        try:
            read.append(Replica(page.pod, parse_metrics(read_metrics(Answer(_OK, page.data, {})))))
        except Unavailable as error:
            problems.append(f"{page.pod}: {error.reason}")
    return tuple(read), tuple(problems)
