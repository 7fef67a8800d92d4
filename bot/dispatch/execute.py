"""The only user of the durable engine (DBOS Transact): a run goes on after a crash, and no finished step is repeated.

One workflow, ``run_plan``, whose id is the run's id, so that a plan cannot start twice. Its version is fixed, so that
a deploy does not orphan a run. The engine is a singleton of the process: one ``Engine`` at a time.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

import structlog
from dbos import DBOS, DBOSConfig, SetWorkflowID, StepOptions
from sqlalchemy.engine import make_url

from bot.dispatch.checkpoint import Checkpoint
from bot.dispatch.ending import Ending
from bot.dispatch.steps import Clock, Steps, Superseded
from bot.plan import Step
from bot.stores.database import Database
from bot.stores.executors import BEAT, Executors
from bot.stores.plans import Plans
from bot.stores.runs import Runs, StoredRun

log = structlog.get_logger(__name__)

NAME: Final = "novapulse-bot"
VERSION: Final = "1"  # of the workflow's shape below; raise it only together with a way for old runs to end
_GIVEN_UP: Final = frozenset({"ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED", "SUCCESS"})
# The bot's own database may be away for a while; what the systems say never comes as an exception.
_PATIENT: Final = StepOptions(retries_allowed=True, interval_seconds=0.5, max_attempts=12, backoff_rate=2.0)


def engine_url(state_url: str) -> str:
    """Return where the engine keeps its own: a file beside SQLite's, or its own schema in the same PostgreSQL."""
    url = make_url(state_url)
    if url.get_backend_name() != "sqlite":
        return url.set(drivername="postgresql").render_as_string(hide_password=False)
    return f"sqlite:///{url.database}.runs"


class Engine:
    """Executes runs under the name of this process, and takes over those of processes that are gone."""

    def __init__(
        self, name: str, database: Database, steps: Steps, ending: Ending, checkpoint: Checkpoint, clock: Clock
    ) -> None:
        self.name = name
        self._database = database
        self._plans, self._runs, self._executors = Plans(database), Runs(database), Executors(database)
        self._steps = steps
        self._ending = ending
        self._checkpoint = checkpoint
        self._clock = clock
        self._tasks: set[asyncio.Task[object]] = set()
        self._active: set[str] = set()
        self._beaten_at: datetime | None = None
        self._workflow: Callable[[str], Coroutine[Any, Any, None]] | None = None

    async def launch(self, state_url: str) -> None:
        """Start the engine on this event loop; runs that this name left behind go on within about a second."""
        logger = logging.getLogger("dbos")
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())  # else it would print on its own, past the bot's log
        config: DBOSConfig = {
            "name": NAME,
            "system_database_url": engine_url(state_url),
            "application_version": VERSION,
            "executor_id": self.name,
            "enable_otlp": False,
            "log_level": "WARNING",
            "notification_listener_polling_interval_sec": 0.1,
        }
        await self._beat(self._clock())
        DBOS(config=config)

        async def run_plan(run_id: str) -> None:  # the engine marks what it is given, and a method cannot be marked
            await self._run_plan(run_id)

        self._workflow = DBOS.workflow(name="run_plan")(run_plan)
        DBOS.launch()

    async def close(self) -> None:
        """Stop where things are: a run is not ended by it, it goes on after the next start or at another replica."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        await self._executors.leave(self.name)
        # The engine made its own thread pool the loop's default and has just closed it.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        self._workflow = None

    async def start(self, run_id: str) -> None:
        """Execute a run that is on record; a run that was started before is left alone."""
        if self._workflow is None:
            raise RuntimeError("the engine is not launched")
        with SetWorkflowID(run_id):
            await DBOS.start_workflow_async(self._workflow, run_id)

    async def tick(self, now: datetime) -> None:
        """Say that this process is alive, and see to runs that nobody executes."""
        await self._beat(now)
        alive = await self._executors.alive(now)
        for run in await self._runs.running():
            try:
                if run.executor == self.name or await self._take_over(run, alive):
                    await self._see_to(run, alive, now)
            except Exception:
                log.exception("a run could not be looked at", run=run.id)

    async def _beat(self, now: datetime) -> None:
        if self._beaten_at is None or now - self._beaten_at >= BEAT:
            await self._executors.beat(self.name, now)
            self._beaten_at = now

    async def _take_over(self, run: StoredRun, alive: frozenset[str]) -> bool:
        if run.executor in alive or not await self._runs.claim(run.id, executor=self.name, previous=run.executor):
            return False
        log.warning("taking over a run", run=run.id, previous=run.executor)
        return True

    async def _see_to(self, run: StoredRun, alive: frozenset[str], now: datetime) -> None:
        if run.id in self._active:
            return
        status = await DBOS.get_workflow_status_async(run.id)
        if status is None:
            await self.start(run.id)
        elif status.status in _GIVEN_UP:
            trouble = f"The engine gave up on this run ({status.status.lower()}); its steps show how far it came."
            await self._ending.finish(run.id, now, trouble=trouble)
        elif status.executor_id and status.executor_id not in alive:
            # Only what is still that executor's goes back to the queue, so doing this twice does nothing more.
            await asyncio.to_thread(DBOS._recover_pending_workflows, [status.executor_id])  # noqa: SLF001

    async def _run_plan(self, run_id: str) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._active.add(run_id)
        try:
            if await self._runs.claim(run_id, executor=self.name):
                await self._perform_all(run_id)
        finally:
            self._active.discard(run_id)

    async def _perform_all(self, run_id: str) -> None:
        stored = await self._plans.get(run_id)
        if stored is None:
            raise LookupError(run_id)
        going = True
        for number, step in enumerate(stored.plan.steps):
            if going or step.always:
                options = StepOptions(name=f"step {number + 1}", **_PATIENT)
                going = await DBOS.run_step_async(options, self._perform, run_id, step, number) and going
        await self._checkpoint.reached("before the end")
        await DBOS.run_step_async(StepOptions(name="finish", **_PATIENT), self._finish, run_id)
        await self._checkpoint.reached("after the end")

    async def _perform(self, run_id: str, step: Step, number: int) -> bool:
        try:
            return await self._steps.perform(run_id, step, number, self.name)
        except Superseded:
            # Whatever this returned or raised would be recorded in the new executor's place: it waits for the stop.
            log.warning("this run is executed elsewhere", run=run_id)
            self._active.discard(run_id)
            await asyncio.Event().wait()
            raise

    async def _finish(self, run_id: str) -> None:
        await self._ending.finish(run_id, self._clock())
