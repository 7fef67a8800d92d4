import asyncio
from datetime import UTC, datetime, timedelta

from bot.pulse import Pulse

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_a_tick_that_hangs_or_fails_holds_up_no_other() -> None:
    clock, beaten, failed = Clock(), asyncio.Event(), asyncio.Event()

    async def hangs(_: datetime) -> None:
        await asyncio.Event().wait()

    async def fails(_: datetime) -> None:
        failed.set()
        raise ValueError

    async def beats(_: datetime) -> None:
        beaten.set()

    pulse = Pulse({"approvals": hangs, "inbox": fails, "engine": beats}, clock)
    pulse.start()
    await asyncio.wait_for(asyncio.gather(beaten.wait(), failed.wait()), 10)
    assert {vital.name: vital.problem for vital in pulse.vitals()} == {"approvals": "", "inbox": "", "engine": ""}
    clock.now += timedelta(minutes=3)
    beaten.clear()
    await asyncio.wait_for(beaten.wait(), 10)
    await asyncio.sleep(0)
    problems = {vital.name: vital.problem for vital in pulse.vitals()}
    assert problems["approvals"] == problems["inbox"] == "did not go well for 180 s"
    assert problems["engine"] == ""
    await pulse.stop()
