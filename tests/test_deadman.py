from datetime import UTC, datetime, timedelta

from bot.deadman import Deadman
from bot.errors import Unavailable
from bot.web import Vital

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


class Switch:
    def __init__(self) -> None:
        self.is_configured = True
        self.pings = 0
        self.is_down = False

    async def ping(self) -> None:
        self.pings += 1
        if self.is_down:
            raise Unavailable("The dead-man's switch", "HTTP 500")


class Bot:
    def __init__(self) -> None:
        self.wrong: set[str] = set()

    async def vitals(self) -> list[Vital]:
        return [Vital(name, "gone" if name in self.wrong else "") for name in ("slack", "schedules", "outbox")]


async def test_it_is_pinged_once_a_minute_while_all_is_well() -> None:
    switch = Switch()
    deadman = Deadman(switch, Bot().vitals)
    for second in range(0, 121, 5):
        await deadman.tick(NOW + timedelta(seconds=second))
    assert switch.pings == 3


async def test_a_replica_that_is_not_well_keeps_silent_and_another_that_is_pings() -> None:
    switch, one, other = Switch(), Bot(), Bot()
    one.wrong = {"slack"}
    await Deadman(switch, one.vitals).tick(NOW)
    assert switch.pings == 0
    await Deadman(switch, other.vitals).tick(NOW)
    assert switch.pings == 1


async def test_it_is_pinged_again_soon_after_it_is_well_or_was_not_reached() -> None:
    switch, bot = Switch(), Bot()
    deadman = Deadman(switch, bot.vitals)
    bot.wrong = {"outbox"}
    await deadman.tick(NOW)
    bot.wrong = set()
    switch.is_down = True
    await deadman.tick(NOW + timedelta(seconds=10))
    await deadman.tick(NOW + timedelta(seconds=20))
    assert switch.pings == 2


async def test_without_an_address_nothing_is_asked() -> None:
    switch = Switch()
    switch.is_configured = False
    await Deadman(switch, Bot().vitals).tick(NOW)
    assert switch.pings == 0
