"""The drains that run at present: a run that has not ended, with a step that drains and has not ended either."""

from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from bot.plan import Step
from bot.stores.plans import Plans
from bot.stores.runs import Runs

PAUSING: Final = "queue_drain.pause_and_finish"
SCALING: Final = "worker_drain.work_off_and_scale"
_GOES_ON: Final = ("waiting", "running")


@dataclass(frozen=True)
class RunningDrain:
    """A drain of ``queues`` in a run, of which it ``paused`` some.

    ``replicas`` is how many workers there were where it scales them to 0.
    """

    name: str
    run: str
    queues: tuple[str, ...]
    replicas: int | None = None
    paused: tuple[str, ...] = ()

    @property
    def held(self) -> tuple[str, ...]:
        """The queues that are locked by it: nobody else can pause or resume them before it has ended."""
        return self.paused if self.replicas is None else self.queues


async def running_drains(runs: Runs, plans: Plans) -> tuple[RunningDrain, ...]:
    """Return them, the one that began first in front."""
    found = []
    for run in await runs.running():
        stored = await plans.get(run.id)
        steps = stored.plan.steps if stored else ()
        going_on = {step.number for step in run.steps if step.status in _GOES_ON}
        found += [_drain(run.id, step) for number, step in enumerate(steps) if number in going_on and _is_drain(step)]
    return tuple(found)


def _is_drain(step: Step) -> bool:
    return step.operation in (PAUSING, SCALING) and bool(step.arguments.get("drain"))


def _drain(run: str, step: Step) -> RunningDrain:
    replicas = step.arguments.get("replicas")
    return RunningDrain(
        str(step.arguments["drain"]),
        run,
        _names(step.arguments.get("queues")),
        replicas if isinstance(replicas, int) else None,
        _names(step.arguments.get("pause")),
    )


def _names(found: JsonValue) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()
