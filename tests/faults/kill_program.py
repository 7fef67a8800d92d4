"""A process of the bot that kills itself with SIGKILL at a named moment: ``DIRECTORY NAME MOMENT [take-over]``."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.dispatch.world import World, opened


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


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], taking_over=len(sys.argv) > 4))
