"""One request, stage by stage: accept, authorize, parse, call, then answer or propose; and the record is closed."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.command import Command
from bot.dispatch.answers import Answer, failed, refused, too_old, unavailable
from bot.dispatch.checkpoint import Checkpoint, NoCheckpoint
from bot.dispatch.rooms import Rooms
from bot.dispatch.sealing import Sealing
from bot.dispatch.steps import Clock
from bot.errors import PermanentError, Refused, Unavailable, UserError
from bot.reply import Reply
from bot.request import Decision, Request
from bot.stores.database import Database
from bot.stores.executors import Executors
from bot.stores.requests import Requests

log = structlog.get_logger(__name__)

TOO_OLD: Final = timedelta(minutes=15)
_RESTARTING: Final = "The bot is restarting."


class Dispatcher:
    """Takes what people ask for and click on; ``name`` is this process's, under which it holds what it works on."""

    def __init__(
        self,
        name: str,
        database: Database,
        rooms: Rooms,
        clock: Clock,
        *,
        checkpoint: Checkpoint | None = None,
        sealing: Sealing | None = None,
    ) -> None:
        self._name = name
        self._requests, self._executors = Requests(database), Executors(database)
        self._rooms = rooms
        self._clock = clock
        self._checkpoint = checkpoint or NoCheckpoint()
        self._sealing = sealing
        self._working: set[str] = set()
        self._withdrawn: dict[str, datetime] = {}
        self._running = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def accept(self, item: Request | Decision) -> bool:
        """Open the record, before the ack; False for a second delivery. What cannot be recorded raises.

        So does what was withdrawn and turns out to be on record: asked for once more, it is not done either.
        """
        if item.id in self._working:
            return False
        self._working.add(item.id)  # before the row, so that a tick does not take it for abandoned
        is_new = False
        try:
            if self._sealing is not None:
                await self._sealing.keep(item)
            is_new = await self._requests.open(self._sealed(item), holder=self._name)
        finally:
            if not is_new:
                self._working.discard(item.id)
        again = isinstance(item, Request) and item.source == "form"  # a person's second try has the first one's id
        if item.id in self._withdrawn and not (is_new and again):
            self._working.discard(item.id)
            await self.close_withdrawn(item)
            raise PermanentError(f"{item.id} was withdrawn")
        self._withdrawn.pop(item.id, None)
        if is_new:
            await self._checkpoint.reached("accepted" if isinstance(item, Request) else "click accepted")
        return is_new

    def withdraw(self, item: Request | Decision) -> None:
        """Never do what could not be accepted in time; only the same form, sent again, is new work."""
        self._working.discard(item.id)
        self._withdrawn[item.id] = item.received_at

    async def close_withdrawn(self, item: Request | Decision) -> None:
        """Close its record if it is there by now; ``tick`` closes what comes later."""
        await self._requests.close(item.id, "failed", "not recorded in time, so it was not done", self._clock())

    async def handle(self, item: Request | Decision, trouble: UserError | None = None) -> None:
        """Do what was accepted: whatever happens, it is answered and its record is closed.

        ``trouble`` is why it cannot be done, where whoever accepted it knows that already.
        """
        item = self._sealed(item)
        async with self._counted(item):
            if not await self._requests.take(item.id, holder=self._name):
                return
            await self._checkpoint.reached("taken up" if isinstance(item, Request) else "click taken up")
            answer = refused(trouble) if trouble else await self._outcome(item)
            if answer.reply is not None:
                await self._rooms.notices.answer(item, answer.reply, self._clock())
            await self._close(item, answer)

    async def answer(self, request: Request) -> Reply:
        """Accept and handle a request whose answer goes back to the caller instead of into Slack: the console's way.

        A plan's card is returned as well as posted, because somebody in Slack has to decide on it.
        """
        answer = await self._answered(request)
        return await self._rooms.notices.show(answer.plan_id, self._clock()) if answer.plan_id else answer.said

    async def decide(self, decision: Decision) -> Reply | None:
        """Accept and handle a decision of the console; None where the plan's card says what came of it."""
        return (await self._answered(decision)).reply

    async def _answered(self, item: Request | Decision) -> Answer:
        await self.accept(item)
        item = self._sealed(item)
        async with self._counted(item):
            if not await self._requests.take(item.id, holder=self._name):
                return refused(Refused(f"{item.id} was handled before."))
            answer = await self._outcome(item)
            await self._close(item, answer)
        return answer

    async def _close(self, item: Request | Decision, answer: Answer) -> None:
        if answer.status != "planned":  # then it is closed with the plan
            await self._requests.close(item.id, answer.status, answer.outcome, self._clock())

    def form(self, request: Request) -> Command | None:
        """Return the command whose form is to be opened: see ``Rooms.form``."""
        return self._rooms.form(request)

    def check(self, request: Request) -> None:
        """Raise the ``UserError`` that the request would meet before its handler is called."""
        self._rooms.check(request)

    async def check_decision(self, decision: Decision) -> None:
        """Raise the ``UserError`` that the decision would meet once it has its reason."""
        await self._rooms.check_decision(decision)

    async def tick(self, now: datetime) -> None:
        """Take up what was accepted by a process that is gone, this one's own before its restart included."""
        if self._draining:
            return
        self._withdrawn = {item: at for item, at in self._withdrawn.items() if now - at <= TOO_OLD}
        alive = await self._executors.alive(now) - {self._name}
        for item in await self._requests.abandoned(alive=alive, working=self._working):
            try:
                await self._take_up(item, now)
            except Exception:  # the next tick tries it again; those behind it do not wait for that
                log.exception("a request could not be taken up", request=item.id)

    async def _take_up(self, item: Request | Decision, now: datetime) -> None:
        if item.id in self._withdrawn:
            await self.close_withdrawn(item)
        elif now - item.received_at > TOO_OLD:
            await self._rooms.notices.answer(item, too_old(item), now)
            await self._requests.close(item.id, "failed", "too old after a restart", now)
        else:
            log.info("taken up after a restart", request=item.id)
            await self.handle(item)

    async def drain(self) -> None:
        """Refuse new work with a sentence, and wait for what is under way."""
        self._draining = True
        await self._idle.wait()

    def _sealed(self, item: Request | Decision) -> Request | Decision:
        return item if self._sealing is None else self._sealing.sealed(item)

    @asynccontextmanager
    async def _counted(self, item: Request | Decision) -> AsyncIterator[None]:
        self._working.add(item.id)
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._working.discard(item.id)
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def _outcome(self, item: Request | Decision) -> Answer:
        try:
            if self._draining:
                return refused(Refused(_RESTARTING, hint="Please ask again in half a minute; nothing was done."))
            return await (self._rooms.command(item) if isinstance(item, Request) else self._rooms.decision(item))
        except UserError as error:
            return refused(error)
        except Unavailable as error:
            return unavailable(error)
        except Exception:
            error_id = secrets.token_hex(4)
            log.exception("unexpected error", error_id=error_id, request=item.id)
            return failed(error_id)
