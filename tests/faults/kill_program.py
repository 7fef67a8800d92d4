"""Lives of the bot that kill themselves with SIGKILL at a named moment: ``[DIRECTORY, NAME, MOMENT, "take-over"?]``."""

import asyncio
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.dispatch.world import World, opened
from tests.faults.forking import Forking


class KilledAt:
    """Kills this process when the moment is reached."""

    def __init__(self, moment: str) -> None:
        self._moment = moment

    async def reached(self, name: str) -> None:
        if name == self._moment:
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


async def take_over(world: World) -> None:
    """Live beside others until the run has ended."""
    stored = await world.plans.of_request("the-request")
    assert stored is not None
    while (run := await world.runs.get(stored.id)) is None or run.status == "running":
        await world.tick()
        await asyncio.sleep(0.05)


async def main(directory: Path, name: str, moment: str, *, taking_over: bool) -> None:
    killed = KilledAt(moment)
    clock = later if taking_over else lambda: datetime.now(UTC)
    async with opened(World(directory, name=name, clock=clock, checkpoint=killed)) as world:
        await (take_over(world) if taking_over else first_life(world, killed))


def live(order: str) -> int:
    directory, name, moment, *more = json.loads(order)
    asyncio.run(main(Path(directory), name, moment, taking_over=bool(more)))
    return 0


if __name__ == "__main__":
    Forking(live).serve()
