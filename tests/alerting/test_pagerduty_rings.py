"""When somebody is rung by PagerDuty, which rings for an incident that is opened and for nothing that happens to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.clients.pagerduty import PagerDuty as Client
from bot.receivers.carriers import Pages
from bot.receivers.sender import Sender, Way
from bot.settings import PagingSettings
from bot.stores.database import Database
from bot.stores.outbox import Outbox
from sandbox.pagerduty import ROUTING_KEY, PagerDuty
from tests.alerting.test_escalation import Bot
from tests.alerting.test_interruptions import LOAD, UP, loads, ruled
from tests.alerting.test_reach import ONCALL, silence
from tests.own_database import with_tables


@asynccontextmanager
async def sending(outbox: Outbox, server: PagerDuty) -> AsyncIterator[None]:
    """Send from here on; at the end all that is due is sent."""
    settings = PagingSettings(pagerduty_routing_key=SecretStr(ROUTING_KEY), pagerduty_api_url=server.url)
    client = Client(settings)
    sender = Sender(outbox, Way("pagerduty", Pages(client).carry), clock=lambda: datetime.now(UTC))
    await sender.start(alone=True)
    try:
        yield
    finally:
        await sender.stop()
        await client.close()


@dataclass
class Called:
    """The alerts, and the PagerDuty that is told of them: by another process each time."""

    bot: Bot
    pagerduty: PagerDuty

    async def rings(self) -> tuple[int, list[str]]:
        """Send what is due; return how often somebody was rung, and how the incident stands."""
        async with sending(self.bot.outbox, self.pagerduty):
            pass
        assert len(self.pagerduty.incidents) <= 1, "the key is the same from the first to the last event"
        return len(self.pagerduty.rung), [one["status"] for one in self.pagerduty.incidents.values()]


@pytest.fixture
async def called(tmp_path: Path) -> AsyncIterator[Called]:
    database, server = Database(f"sqlite:///{tmp_path / 'state.db'}"), PagerDuty()
    await with_tables(database)
    await server.start()
    yield Called(Bot(database), server)
    await server.stop()
    await database.close()


async def test_the_end_of_a_silence_rings_and_further_levels_do_not(called: Called) -> None:
    bot = called.bot
    await bot.at(0)
    assert await called.rings() == (1, ["triggered"])
    await bot.at(10)
    assert await called.rings() == (1, ["triggered"])
    await bot.silences.start(silence("system=redis", minutes=30))
    await bot.at(15)
    assert await called.rings() == (1, ["resolved"])
    await bot.at(30)
    assert await called.rings() == (2, ["triggered"])
    await bot.at(40)
    assert await called.rings() == (2, ["triggered"])
    await bot.acknowledge(41)
    await bot.at(42)
    assert await called.rings() == (2, ["acknowledged"])
    await bot.at(43, up=UP)
    assert await called.rings() == (2, ["resolved"])


async def test_an_acknowledgement_that_is_void_rings_again(called: Called) -> None:
    bot = called.bot
    ruled(bot, LOAD, **ONCALL)
    await loads(bot, 0, p=3)
    await bot.acknowledge(1)
    await loads(bot, 2, p=3)
    assert await called.rings() == (1, ["acknowledged"])
    await loads(bot, 3, p=1.5)
    assert await called.rings() == (1, ["acknowledged"])
    await loads(bot, 4, p=3)
    assert await called.rings() == (2, ["triggered"])
    await loads(bot, 5, p=0)
    assert await called.rings() == (2, ["resolved"])


async def test_what_was_silenced_and_is_over_before_anything_was_sent_rings_nobody(called: Called) -> None:
    bot = called.bot
    await bot.at(0)
    await bot.silences.start(silence("system=redis", minutes=30))
    await bot.at(1)
    assert await called.rings() == (0, [])
    await bot.at(30)
    assert await called.rings() == (1, ["triggered"])
    await bot.at(31, up=UP)
    assert await called.rings() == (1, ["resolved"])
