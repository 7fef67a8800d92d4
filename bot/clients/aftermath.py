"""What a forced restart did: the jobs that lost their worker."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.clients.working_jobs import Stalled, WorkingJobs
from bot.plan import Progress, condition


class Aftermath:
    """Counts what was lost, by the run's own times, so that a restart of the bot does not begin anew."""

    def __init__(self, jobs: WorkingJobs, clock: Callable[[], datetime]) -> None:
        self._jobs = jobs
        self._clock = clock

    @condition
    async def stalls_counted(self, seconds: float, *, run_began: datetime, step_began: datetime) -> Progress:
        """Tell how many jobs lost their worker since the run began, once the new ones have had ``seconds`` to notice.

        A worker looks for stalled jobs every 30 s, and a job's lock lasts 30 s, unless they are set otherwise.
        """
        found = await self._jobs.stalled_since(run_began)
        waited = (self._clock() - step_began).total_seconds()
        return Progress(done=waited >= seconds, message=f"jobs that stalled and were put back: {_said(found)}")


def _said(found: Mapping[str, Stalled]) -> str:
    """Name what was found of each queue; those of which the same is unknown are named together."""
    said = ", ".join(f"{short} {stalled}" for short, stalled in found.items() if not stalled.unknown)
    unknown: dict[str, list[str]] = {}
    for short, stalled in found.items():
        if stalled.unknown:
            unknown.setdefault(f"{stalled}", []).append(short)
    parts = [said, *(f"{', '.join(shorts)} {why}" for why, shorts in unknown.items())]
    return "; ".join(part for part in parts if part) or "none"
