"""Lives of the bot that kill themselves with SIGKILL at a named moment: ``[DIRECTORY, NAME, MOMENT, LIFE?]``.

A life is a whole run, or ``take-over`` for one that others left behind, or ``watch`` for one whose watching is ended.
"""

import asyncio
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.plan import Step
from tests.dispatch.world import World, opened
from tests.faults.forking import Forking


class KilledAt:
    """Kills this process when the moment is reached."""

    def __init__(self, moment: str) -> None:
        self.moment = moment

    async def reached(self, name: str) -> None:
        if name == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


def later() -> datetime:
    """A time at which an executor that stopped just now has been gone for long enough."""
    return datetime.now(UTC) + timedelta(seconds=31)


async def first_life(world: World, killed: KilledAt) -> None:
    """Ask, approve, and run to the end, unless killed before."""
    request = world.request("/scale 5", id="the-request")
    await world.dispatcher.accept(request)
    await killed.reached("accepted")
    await world.dispatcher.handle(request)
    stored = await world.plans.of_request("the-request")
    assert stored is not None
    await world.click("approve", stored.id)
    await world.ended(stored.id)
    await asyncio.Event().wait()  # the last moments come after the end that others see


async def watch(world: World, killed: KilledAt, moment: str) -> None:
    """Run until only watching is left, and end that; only then it may be killed."""
    step = Step(title="Watch", kind="wait", operation="cluster.watched", watches=True, interval=0.05)
    world.moods.extra = (step,)
    await world.say("/scale 5", id="the-request")
    stored = await world.plans.of_request("the-request")
    assert stored is not None
    await world.click("approve", stored.id)
    await world.shown(stored.id, "jobs that end fell")
    killed.moment = moment
    await world.click("stop_watching", stored.id)
    await killed.reached("watching ended")
    await asyncio.Event().wait()


async def take_over(world: World) -> None:
    """Live beside others until the run has ended."""
    stored = await world.plans.of_request("the-request")
    assert stored is not None
    while (run := await world.runs.get(stored.id)) is None or run.status == "running":
        await world.tick()
        await asyncio.sleep(0.05)


async def main(directory: Path, name: str, moment: str, life: str = "") -> None:
    killed = KilledAt("" if life == "watch" else moment)
    clock = later if life == "take-over" else lambda: datetime.now(UTC)
    async with opened(World(directory, name=name, clock=clock, checkpoint=killed)) as world:
        if life == "watch":
            await watch(world, killed, moment)
        await (take_over(world) if life else first_life(world, killed))


def live(order: str) -> int:
    directory, name, moment, *more = json.loads(order)
    asyncio.run(main(Path(directory), name, moment, *more))
    return 0


if __name__ == "__main__":
    Forking(live).serve()
