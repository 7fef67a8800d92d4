"""Performs one step of a run: do it, wait for it, or ask a person; and records how it went.

A step that is on record as finished is never repeated. One that was interrupted is begun again: operations state a
desired end, so that doing one twice is doing it once.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from bot.dispatch.checkpoint import Checkpoint
from bot.dispatch.notices import Notices
from bot.dispatch.operations import Operations, asks_for, said
from bot.dispatch.questions import Questions
from bot.errors import BotError, NotConfigured, PermanentError, TemporaryError, Unavailable, UserError
from bot.masking import cut, mask
from bot.plan import Progress, Step
from bot.stores.database import Database
from bot.stores.runs import PERFORMED, Runs, StepStatus, StoredRun, StoredStep

log = structlog.get_logger(__name__)

Clock = Callable[[], datetime]

FIRST_PAUSE: Final = 0.5  # seconds before the second try of an operation; doubled up to LONGEST_PAUSE
LONGEST_PAUSE: Final = 10.0
LOOK_DEADLINE: Final = 15.0  # seconds one look at a condition may take
_MESSAGE_LIMIT: Final = 1000
_ENDED: Final = (*PERFORMED, "failed", "skipped")
_PASSING: Final = (TemporaryError, Unavailable)


class Superseded(Exception):
    """Another executor has this run now; this one must not touch it any more."""


class Steps:
    """Performs steps against the systems."""

    def __init__(
        self,
        database: Database,
        operations: Operations,
        questions: Questions,
        notices: Notices,
        checkpoint: Checkpoint,
        clock: Clock,
    ) -> None:
        self._database = database
        self._runs = Runs(database)
        self._operations = operations
        self._questions = questions
        self._notices = notices
        self._checkpoint = checkpoint
        self._clock = clock

    async def perform(self, run_id: str, step: Step, number: int, executor: str) -> bool:
        """Perform a step unless it is on record as ended; return whether it is done. Raises ``Superseded``."""
        begun = await self._recorded(run_id, number)
        if begun.status not in _ENDED:
            begun = await self._begin(run_id, number, executor)
        if begun.status in _ENDED:
            return begun.status in PERFORMED
        await self._checkpoint.reached(f"before step {number + 1}")
        ended = await self._end_of(run_id, step, begun)
        await self._checkpoint.reached(f"step {number + 1} operated")
        await self._record(run_id, ended)
        await self._checkpoint.reached(f"after step {number + 1}")
        return ended.status in PERFORMED

    async def _begin(self, run_id: str, number: int, executor: str) -> StoredStep:
        now = self._clock()
        async with self._database.transaction() as connection:
            if begun := await self._runs.begin_step(connection, run_id, number, executor, now):
                await self._notices.card(connection, run_id, now)
        recorded = await self._recorded(run_id, number)
        # What only watches is ended by people and by the next run, whoever executes it.
        if not begun and recorded.status not in _ENDED:
            raise Superseded(run_id)
        return recorded

    async def _end_of(self, run_id: str, step: Step, begun: StoredStep) -> StoredStep:
        kinds = {"do": self._do, "wait": self._wait, "ask": self._ask}
        try:
            seen = await kinds[step.kind](run_id, step, begun)
        except (PermanentError, TemporaryError) as error:
            return self._ended(begun, "failed", str(error))
        except UserError as error:
            return self._ended(begun, "failed", error.message)
        except BotError as error:
            return self._ended(begun, "failed", str(error))
        except Exception:
            name = secrets.token_hex(4)
            log.exception("a step failed unexpectedly", error_id=name, run=run_id, step=begun.number)
            return self._ended(begun, "failed", f"unexpected error {name}; the log has it under this name")
        return self._ended(begun, "unverified" if seen.unverified else "done", seen.message)

    def _ended(self, begun: StoredStep, status: StepStatus, message: str) -> StoredStep:
        text = cut(mask(message), _MESSAGE_LIMIT)
        return replace(begun, status=status, message=text, finished_at=self._clock())

    async def _record(self, run_id: str, ended: StoredStep) -> None:
        async with self._database.transaction() as connection:
            if await self._runs.end_step(connection, run_id, ended):
                await self._notices.card(connection, run_id, self._clock())

    async def _do(self, run_id: str, step: Step, begun: StoredStep) -> Progress:
        operation = self._operations.find(step)
        if asks_for(operation, "progress"):
            operation = partial(operation, progress=partial(self._progress, run_id, begun.number))
        trouble, pause = "", FIRST_PAUSE
        try:
            async with asyncio.timeout(step.timeout) as scope:
                while True:
                    try:
                        return Progress(done=True, message=said(await operation(**step.arguments)))
                    except _PASSING as error:
                        trouble = str(error)
                    await self._progress(run_id, begun.number, f"tried again: {trouble}")
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        except TimeoutError:
            if not scope.expired():
                raise
            because = f", the last try said: {trouble}" if trouble else ""
            raise PermanentError(f"not done within {step.timeout:g} s{because}") from None

    async def _wait(self, run_id: str, step: Step, begun: StoredStep) -> Progress:
        condition = self._operations.find(step)
        # Counted from the first begin, so that a restart does not make the wait longer; one look is always taken.
        since = begun.started_at or self._clock()
        until = since + timedelta(seconds=step.timeout)
        moments = {"run_began": (await self._run(run_id)).started_at, "step_began": since}
        condition = partial(condition, **{name: at for name, at in moments.items() if asks_for(condition, name)})
        while True:
            seen = await self._look(condition, step)
            if seen.done:
                return seen
            if seen.failed:
                raise PermanentError(seen.message)
            left = (until - self._clock()).total_seconds()
            if left <= 0:
                raise PermanentError(f"not so after {step.timeout:g} s: {seen.message}")
            await self._progress(run_id, begun.number, seen.message)
            await asyncio.sleep(min(step.interval, left))
            if step.watches and (await self._recorded(run_id, begun.number)).status in _ENDED:
                return seen  # the watching was ended, which is on record

    async def _look(self, condition: Callable[..., object], step: Step) -> Progress:
        try:
            async with asyncio.timeout(LOOK_DEADLINE):
                seen = await condition(**step.arguments)  # type: ignore[misc]
        except TimeoutError:
            return Progress(done=False, message=f"cannot be seen at present: no answer within {LOOK_DEADLINE:g} s")
        except NotConfigured:
            raise
        except _PASSING as error:
            return Progress(done=False, message=f"cannot be seen at present: {error}")
        return Progress.model_validate(seen)

    async def _ask(self, run_id: str, step: Step, begun: StoredStep) -> Progress:
        until = (begun.started_at or self._clock()) + timedelta(seconds=step.timeout)
        await self._progress(run_id, begun.number, "waits for a person's answer")
        left = (until - self._clock()).total_seconds()
        vote = await self._questions.wait(run_id, begun.number, left)
        if vote is None:
            raise PermanentError(f"nobody answered within {step.timeout:g} s")
        if vote.action.startswith("deny"):
            raise PermanentError(f"{vote.actor.name} says it could not be done: {vote.reason}")
        return Progress(done=True, message=f"confirmed by {vote.actor.name}")

    async def _progress(self, run_id: str, number: int, message: str) -> None:
        text = cut(mask(message), _MESSAGE_LIMIT)
        async with self._database.transaction() as connection:
            if await self._runs.progress(connection, run_id, number, text):
                await self._notices.card(connection, run_id, self._clock())

    async def _recorded(self, run_id: str, number: int) -> StoredStep:
        return (await self._run(run_id)).steps[number]

    async def _run(self, run_id: str) -> StoredRun:
        run = await self._runs.get(run_id)
        if run is None:
            raise Superseded(run_id)
        return run
