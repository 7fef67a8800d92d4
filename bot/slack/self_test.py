"""The bot's test of its own hearing: it edits one message of its own and waits until Slack delivers that edit to it.

An edit rings nobody and marks nothing unread. Slack hands each event to one of an app's connections, so the replicas
share the tests: a moment's test is sent by one, and counts for all when it comes back to any.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.policy import PolicyInForce
from bot.slack.calls import SlackTrouble
from bot.slack.deafness import MISSED, Deafness, answer_within
from bot.slack.pace import Pace
from bot.slack.payloads import Payload
from bot.slack.tested_message import TestedMessage
from bot.stores.database import Database
from bot.stores.outbox import Outbox
from bot.stores.self_tests import SelfTests

MOST_PATIENT: Final = 30  # where no new socket helps, the next one waits for so many
LOOKED_BACK: Final = 30  # so many tests ago is long past
_SECOND: Final = timedelta(seconds=1)
_TEST: Final = re.compile(r"\btest ([0-9]{1,12})\b")


class Connection(Protocol):
    """The way in that is replaced where it is deaf."""

    @property
    def age(self) -> float:
        """For how many seconds it has been open and taken for well; 0 where it is not."""

    def distrust(self, why: str) -> None:
        """Have it replaced although it is open."""


class SelfTest:
    """Sends the tests, hears them, and says what may be concluded; ``name`` is this replica's."""

    def __init__(
        self,
        stores: tuple[Database, Outbox],
        policy: PolicyInForce,
        pace: Pace,
        *,
        name: str,
        channel: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._policy, self._pace = SelfTests(stores[0]), policy, pace
        self._name, self._alerts_channel, self._clock = name, channel, clock
        self._deafness = Deafness(stores, name=name, channel=channel)
        self._message: TestedMessage | None = None
        self._socket: Connection | None = None
        self._bot_user: Callable[[], str] = str
        self._began = clock()
        self._heard: datetime | None = None
        self._replaced: datetime | None = None
        self._patience = MISSED
        self._claimed: datetime | None = None
        self._failure = ""
        self._log = structlog.get_logger("bot.slack")

    def connect(self, client: AsyncWebClient, socket: Connection | None, bot_user: Callable[[], str]) -> None:
        """Begin to test this way in; without a socket it is signed HTTP, which nothing here can mend."""
        self._message = TestedMessage(client, self._store, self._pace)
        self._socket, self._bot_user = socket, bot_user

    def on_payload(self) -> None:
        """Take note that Slack has delivered something, whatever it is."""
        self._deafness.heard(self._clock())

    async def on_message(self, body: Payload) -> None:
        """Take note of what the bot itself has said, and record a test that came back."""
        event = body["event"]
        message = event.get("message") or event
        if not self._bot_user() or message.get("user") != self._bot_user():
            return
        self._heard, self._patience = self._clock(), MISSED
        self._deafness.heard(self._heard, own=True)
        if found := _TEST.search(str(message.get("text", ""))):
            await self._store.heard(datetime.fromtimestamp(int(found[1]), UTC), self._clock(), self._name)

    async def tick(self, now: datetime) -> None:
        """Replace a deaf connection, and send the test of this moment where nobody has."""
        every = self._policy.current.self_test_every
        if not every or self._message is None:
            return
        if self._socket is not None:
            opened = now - timedelta(seconds=self._socket.age) if self._socket.age else None
            await self._deafness.look(now, every, opened)
        await self._mend(now, every)
        # The first is sent at once: what a process before has heard proves nothing of this one's connection.
        at = _moment(now, every if self._claimed else _SECOND)
        # Where cards are waiting to be edited they go first: they are the bot's own and come back to it as well.
        if (self._claimed and at <= self._claimed) or not self._bot_user() or self._pace.edits_wait() > 0:
            return
        self._claimed = at
        if await self._store.claim(at, self._channel):
            await self._send(self._message, at)

    async def problem(self, now: datetime) -> str:
        """Return why it is not proved that Slack delivers to this replica, or the empty string."""
        every = self._policy.current.self_test_every
        within = answer_within(every)
        if not every or (self._heard is not None and now - self._heard <= within):
            return ""
        by_any = await self._store.last_heard(self._began)
        last = max((moment for moment in (self._heard, by_any) if moment is not None), default=None)
        if last is None or now - last > every * (MISSED + 0.5):
            return self._unproved(now - last if last else None)
        # Behind signed HTTP nobody can say which replica should have heard it.
        proved = last if self._socket is None else self._heard or self._began
        lost = await self._store.lost(max(proved, now - every * LOOKED_BACK), now - within)
        if not lost:
            return ""
        what = "1 self-test has" if len(lost) == 1 else f"{len(lost)} self-tests have"
        return f"{what} not come back within {within.total_seconds():g} s, since {lost[0]:%H:%M:%S} UTC"

    @property
    def _channel(self) -> str:
        return self._policy.current.self_test_channel or self._alerts_channel

    def _unproved(self, age: timedelta | None) -> str:
        """Say for how long nothing has come back, and what may be the matter."""
        what = f"for {age.total_seconds():.0f} s" if age else "yet"
        where = f"is the bot in {self._channel}, and does the Slack app have the manifest's events?"
        why = f"the self-test cannot be sent: {self._failure}" if self._failure else where
        return f"Slack has not delivered an event of the bot's own {what}; {why}"

    async def _send(self, message: TestedMessage, at: datetime) -> None:
        try:
            place = await message.write(self._channel, at)
        except SlackTrouble as trouble:
            if trouble.retry_after:
                self._pace.pause("edit", trouble.retry_after)
            if trouble.error != self._failure:
                self._log.warning("the self-test cannot be sent", channel=self._channel, error=trouble.error)
            self._failure = trouble.error
        else:
            self._failure = ""
            await self._store.sent(at, self._clock(), place)

    async def _mend(self, now: datetime, every: timedelta) -> None:
        moments = (self._heard or self._began, self._replaced or self._began, now - every * LOOKED_BACK * 2)
        if self._socket is None or now - max(moments) <= every * MISSED:
            return
        lost = len(await self._store.lost(max(moments), now - answer_within(every)))
        if lost >= self._patience:
            self._replaced, self._patience = now, min(2 * self._patience, MOST_PATIENT)
            self._socket.distrust(f"it is deaf: {lost} self-tests did not come back")


def _moment(now: datetime, every: timedelta) -> datetime:
    """Return the moment of the test that is due, the same for every replica."""
    seconds = int(every.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)
