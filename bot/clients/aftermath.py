"""What a forced restart did: the jobs that lost their worker."""

from collections.abc import Callable
from datetime import datetime

from bot.clients.working_jobs import WorkingJobs
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
        said = ", ".join(f"{short} {stalled}" for short, stalled in found.items()) or "none"
        waited = (self._clock() - step_began).total_seconds()
        return Progress(done=waited >= seconds, message=f"jobs that stalled and were put back: {said}")
