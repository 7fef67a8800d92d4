"""What a change did, watched for a while after the pods it made have started: jobs lost, queues, memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from bot.clients.cluster_quantities import as_memory
from bot.clients.cluster_usage import ListedPod
from bot.clients.platform import PodChanging, PodReading
from bot.clients.queue_layout import QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.working_jobs import WorkingJobs
from bot.errors import BotError
from bot.plan import Progress, condition

MEMORY_MARK: Final = 0.85  # the runbook's "High memory usage (> 85%)"


class Measured(Protocol):
    """One value at one moment; None where it could not be read."""

    @property
    def at(self) -> datetime:
        """When."""

    @property
    def value(self) -> float | None:
        """How much."""


class Trend(Protocol):
    """Whoever kept what was measured."""

    async def several(self, names: Iterable[str], since: datetime) -> Mapping[str, Sequence[Measured]]:
        """Return each of these series from then on, oldest first."""


class Aftermath:
    """Watches a workload from the start of its newest pod on, so that a restart of the bot does not begin anew."""

    def __init__(
        self,
        pods: PodChanging,
        metrics: PodReading,
        queues: Queues,
        jobs: WorkingJobs,
        *,
        trend: Trend,
        clock: Callable[[], datetime],
    ) -> None:
        self._pods = pods
        self._metrics = metrics
        self._queues = queues
        self._jobs = jobs
        self._trend = trend
        self._clock = clock

    @condition
    async def stalls_counted(self, seconds: float, *, run_began: datetime, step_began: datetime) -> Progress:
        """Tell how many jobs lost their worker since the run began, once the new ones have had ``seconds`` to notice.

        A worker looks for stalled jobs every 30 s, and a job's lock lasts 30 s, unless they are set otherwise.
        """
        found = await self._jobs.stalled_since(run_began)
        said = ", ".join(f"{short} {stalled}" for short, stalled in found.items()) or "none"
        waited = (self._clock() - step_began).total_seconds()
        return Progress(done=waited >= seconds, message=f"jobs that stalled and were put back: {said}")

    @condition
    async def effect_seen(self, role: str, seconds: float) -> Progress:
        """Tell how the queues and the memory are since the restart, until ``seconds`` after it.

        Only runs that began before there were baselines name it; ``effects.seen`` has taken its place.
        """
        pods = await self._pods.of(role)
        starts = [pod.started_at for pod in pods if pod.started_at]
        if not starts:
            return Progress(done=False, message=f"no new {self._pods.words.pod} has started yet")
        begun = max(starts)
        message = f"{await self._depths(begun)}; {await self._memory(pods)}"
        return Progress(done=(self._clock() - begun).total_seconds() >= seconds, message=message)

    async def _depths(self, begun: datetime) -> str:
        try:
            seen = await self._queues.snapshot()
        except BotError as error:
            return f"the queues are unknown ({error})"
        names = {short: f"queue/{short}/waiting" for short in seen}
        past = await self._trend.several(names.values(), begun)
        said = []
        for short, queue in seen.items():
            known = queue.counts.ready if isinstance(queue, QueueSnapshot) else None
            before = next((found.value for found in past.get(names[short], ()) if found.value is not None), None)
            was = "" if before is None else f" (was {before:,.0f})"
            said.append(f"{short} {'unknown' if known is None else f'{known:,}'}{was}")
        return "waiting: " + ", ".join(said)

    async def _memory(self, pods: Sequence[ListedPod]) -> str:
        try:
            usage = {found.pod: found.memory for found in await self._metrics.usage()}
        except BotError as error:
            return f"memory unknown ({error})"
        used = [(usage[pod.name] or 0.0, pod.limits["memory"]) for pod in pods if usage.get(pod.name)]
        if not used:
            return "memory not measured yet"
        most, limit = max(used, key=lambda pair: pair[0] / (pair[1] or float("inf")))
        share = "" if not limit else f" of {as_memory(limit)} ({most / limit:.0%})"
        mark = ", which is high" if limit and most / limit > MEMORY_MARK else ""
        return f"memory at most {as_memory(most)}{share} a {self._pods.words.pod}{mark}"
