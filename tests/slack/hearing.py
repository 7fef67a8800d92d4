"""Replicas of the self-test at one Slack that hands over nothing by itself, with a clock that the test moves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.pace import Pace
from bot.slack.self_test import SelfTest
from bot.stores.database import Database
from bot.stores.executors import Executors
from bot.stores.message import Delivery
from bot.stores.outbox import Outbox
from tests.slack.declared import FixedPolicy
from tests.slack.stand_in import SlackStandIn

START = datetime(2026, 7, 1, 9, tzinfo=UTC)
EVERY = timedelta(minutes=1)
BOT = "U0BOT"


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()


@dataclass
class Socket:
    """The way in, open since then."""

    clock: Clock
    opened: datetime | None
    distrusted: list[str] = field(default_factory=list)

    @property
    def age(self) -> float:
        return (self.clock.now - self.opened).total_seconds() if self.opened else 0.0

    def distrust(self, why: str) -> None:
        self.distrusted.append(why)


def held(**changed: Any) -> FixedPolicy:
    policy = FixedPolicy()
    policy.current = policy.current.model_copy(update=changed)
    return policy


@dataclass
class Replica:
    name: str
    test: SelfTest
    socket: Socket
    pace: Pace

    async def hears(self, slack: SlackStandIn, user: str = BOT) -> None:
        """Deliver Slack's event about the newest edit, which names nobody at its top."""
        message = {"type": "message", "user": user, "text": slack.messages[-1]["text"]}
        await self.test.on_message({"event": {"type": "message", "subtype": "message_changed", "message": message}})


@dataclass
class Bench:
    slack: SlackStandIn
    client: AsyncWebClient
    database: Database
    clock: Clock = field(default_factory=Clock)

    def replica(self, name: str = "one", *, socket: bool = True, **policy: Any) -> Replica:
        pace, way_in = Pace(self.clock.seconds), Socket(self.clock, self.clock.now)
        stores = (self.database, Outbox(self.database))
        test = SelfTest(stores, held(**policy), pace, name=name, channel="#alerts", clock=self.clock)
        test.connect(self.client, way_in if socket else None, lambda: BOT)
        return Replica(name, test, way_in, pace)

    async def minute(self, *replicas: Replica, heard_by: Replica | None = None) -> None:
        """Let the next minute begin, its test come back to one replica or to none, and half of the minute pass."""
        self.clock.now = START + ((self.clock.now - START) // EVERY + 1) * EVERY
        await self._tick(replicas)
        if heard_by is not None:
            await heard_by.hears(self.slack)
        self.clock.now += EVERY * 0.6
        await self._tick(replicas)

    async def _tick(self, replicas: tuple[Replica, ...]) -> None:
        for one in replicas:
            await Executors(self.database).beat(one.name, self.clock.now)
        for one in replicas:
            await one.test.tick(self.clock.now)

    async def said(self) -> list[Delivery]:
        """Return what waits to be said in the alerts channel, oldest first."""
        return await Outbox(self.database).due(self.clock.now)

    async def problem(self, replica: Replica) -> str:
        return await replica.test.problem(self.clock.now)
