"""What Slack did not deliver: noticed while a connection is open and silent, said once Slack delivers again."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from bot.reply import Level, Text, say
from bot.stores.database import Database
from bot.stores.executors import Executors
from bot.stores.message import CARD, Message
from bot.stores.missed_tests import MissedTests, Window
from bot.stores.outbox import Outbox
from bot.stores.self_tests import KEEP, SelfTests

MISSED: Final = 3  # so many tests that do not come back are no accident
ANSWER_WITHIN: Final = timedelta(seconds=30)  # Slack delivers within a second or two; what takes longer is late
_LOOKS: Final = 5  # times within that, so that a quiet channel does not ask the database every second
_MINUTE: Final = timedelta(minutes=1)
_REPEAT = "What was typed or clicked then and has no answer did not arrive. Please do it again."


def answer_within(every: timedelta) -> timedelta:
    """Return how soon a test has to come back where one is sent so often."""
    return min(every / 2, ANSWER_WITHIN)


class Deafness:
    """Keeps which tests this replica missed, and tells of it.

    A replica missed a test where its connection was open from before it was sent until its time was over, and nothing
    at all came meanwhile. While no connection is open nothing is kept: Slack answers whoever types or clicks by
    itself. Among several replicas one lost test does not say who swallowed it, so that it takes ``MISSED`` of them.
    """

    def __init__(self, stores: tuple[Database, Outbox], *, name: str, channel: str) -> None:
        database, outbox = stores
        self._tests, self._replicas = SelfTests(database), Executors(database)
        self._missed = MissedTests(database, outbox)
        self._name, self._channel = name, channel
        self._first: datetime | None = None  # that was ever heard
        self._heard: datetime | None = None  # anything, the last time
        self._proved: datetime | None = None  # something that the bot itself had said
        self._newest: datetime | None = None  # of the tests that were missed and are not told
        self._back: datetime | None = None  # the first that was heard since
        self._looked: datetime | None = None
        self._log = structlog.get_logger("bot.slack")

    def heard(self, now: datetime, *, own: bool = False) -> None:
        """Take note that Slack has delivered something: to this replica, and maybe of the bot's ``own``."""
        if self._newest is not None and self._back is None:
            self._back = now
        self._first, self._heard = self._first or now, now
        if own:
            self._proved = now

    async def look(self, now: datetime, every: timedelta, opened: datetime | None) -> None:
        """Keep what was missed, and tell what is over; ``opened`` is since when the connection is open."""
        if self._looked is not None and now - self._looked < answer_within(every) / _LOOKS and self._proved is None:
            return
        if self._looked is None and (left := await self._missed.left(self._name)):
            self._newest, self._heard = left[0], self._heard or left[1]
            self._back = self._heard if self._heard > left[1] else None
        self._looked = now
        if opened is not None:
            await self._keep(now, answer_within(every), opened)
        if self._proved is not None:
            await self._tell_all(now, self._proved)
            self._proved = None

    async def _keep(self, now: datetime, within: timedelta, opened: datetime) -> None:
        since = max(self._heard or opened, opened)
        # Where no test has come back for a day, the set-up is not done: the bot is not in the channel, say.
        if now - since <= within or await self._tests.last_heard(now - KEEP) is None:
            return
        for at in await self._tests.lost(since, now - within):
            if self._newest is None or at > self._newest:
                await self._missed.miss(self._name, at, self._heard or opened)
                self._newest, self._back = at, None

    async def _tell_all(self, now: datetime, proved: datetime) -> None:
        """Tell what is over: an event of the bot's own has come back to this replica."""
        serving = await self._replicas.serving(now)
        least = MISSED if serving - {self._name} else 1
        if self._newest is not None and self._back is not None and proved >= self._back:
            await self._tell(self._name, now, self._back, least)
            self._newest = self._back = None
        for replica, newest in (await self._missed.orphans({*serving, self._name})).items():
            # Whoever took its place ended it; of one among others it is only known that it is over by now.
            ended = self._first if self._first and self._first > newest else now
            await self._tell(replica, now, ended, least)

    async def _tell(self, replica: str, now: datetime, ended: datetime, least: int) -> None:
        window = await self._missed.tell(replica, now, ended, least=least, said=self._message)
        if window is not None:
            self._log.warning("Slack delivered nothing for a while", began=window.began, ended=window.ended)

    def _message(self, window: Window) -> Message:
        what = "only a part of what was typed and clicked" if window.partly else "nothing"
        text = Text.of(f"Slack delivered {what} {_from_to(window.began, window.ended)}. {_REPEAT}")
        reply = say("Slack did not deliver for a while", text, level=Level.WARNING)
        return Message(f"deaf:{window.id}", self._channel, reply, CARD)


def _from_to(began: datetime, ended: datetime) -> str:
    """Say a window in whole minutes that cover it."""
    began, ended = began.astimezone(UTC), (ended + _MINUTE - timedelta(microseconds=1)).astimezone(UTC)
    if began.date() == ended.date():
        return f"from {began:%H:%M} to {ended:%H:%M} UTC"
    return f"from {began:%Y-%m-%d %H:%M} to {ended:%Y-%m-%d %H:%M} UTC"
