"""Two replicas of the real bot on one PostgreSQL: what is due is done once, and a run outlives whoever executes it.

``make test-replicas`` takes both; a replica counts as gone only after 30 s, which is too long for every run.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from bot.stores.database import Database
from bot.stores.executors import GONE_AFTER
from bot.stores.outbox import Outbox
from bot.stores.runs import Locks, Runs, StoredRun
from sandbox.ports import free_port
from tests.scenarios.bot import Bot
from tests.scenarios.world import QUIET, World, labels, opened, plan_id, text, together
from tests.servers import postgres_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALERTS = "novapulse-alerts"
CHECKLIST = "Morning checklist:"


@dataclass(frozen=True)
class Replicas:
    """Two bots in one world, and their records, which are only read."""

    world: World
    bots: tuple[Bot, Bot]
    database: Database

    def checklists(self) -> int:
        """Return how many checklists stand in the alerts channel."""
        return sum(CHECKLIST in text(message) for message in self.world.page.messages(ALERTS))

    async def run(self, found: str) -> StoredRun:
        """Return what is on record of a run."""
        run = await Runs(self.database).get(found)
        assert run is not None
        return run

    async def delivered(self) -> None:
        """Wait until Slack has all that was said: what a dead sender has claimed is free only when its lease ends."""
        async with asyncio.timeout(30):
            while await Outbox(self.database).undelivered(datetime.now(UTC)):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)

    def executing(self, run: StoredRun) -> Bot:
        """Return the bot that executes a run."""
        [bot] = [bot for bot in self.bots if bot.said("ready")[-1]["name"] == run.executor]
        return bot


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicas(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replicas]:
    """Both started at once, with an empty database and a checklist that was due some minutes ago."""
    directory, at = tmp_path_factory.mktemp("replicas"), datetime.now(UTC) - timedelta(minutes=5)
    edits = (QUIET, ('cron = "0 8 * * *"', f'cron = "{at.minute} {at.hour} * * *"'))
    with postgres_server() as url:
        variables = {"STATE_URL": url}
        async with opened(directory, edits=edits, variables=variables, started=False) as world:
            other = Bot(world.bot.environment | {"PORT": str(free_port())}, directory / "other.log")
            database = Database(url)
            try:
                await together(world.bot.start(), other.start())
                await together(*(bot.wait_log("connected to Slack") for bot in (world.bot, other)))
                yield Replicas(world, (world.bot, other), database)
            finally:
                await database.close()
                await other.stop()


async def test_what_is_due_is_posted_by_one_of_them(replicas: Replicas) -> None:
    world, (_, other) = replicas.world, replicas.bots
    await world.page.wait_message(ALERTS, CHECKLIST)
    await other.stop()
    await other.start()  # looks again for what is due
    await together(*(world.ask("viewer", "/queue-stats", "checked against Redis") for _ in range(2)))
    assert replicas.checklists() == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_run_outlives_the_one_that_executes_it(replicas: Replicas) -> None:
    world, before = replicas.world, len(replicas.world.scaled())
    async with world.fault("workers-crash"):
        card = await world.plan("/scale-workers 3")
        waiting = plan_id(card)
        await world.click("approver", card, "Approve")
        await world.becomes(card, "Running, step 2 of 4", "updated replicas are available")
        await replicas.delivered()
        begun = await replicas.run(waiting)
        dead = replicas.executing(begun)
        [heir] = [bot for bot in replicas.bots if bot is not dead]
        await dead.kill()
        await heir.wait_log("taking over a run", seconds=3 * GONE_AFTER.total_seconds())
        await world.becomes(card, "Running, step 2 of 4", "taken up again")
    done = await world.becomes(card, "Done after", "workers connected: email 3", seconds=60)
    assert labels(done) == ["Undo"]
    run = await replicas.run(waiting)
    assert replicas.executing(run) is heir
    assert (run.status, [step.attempts for step in run.steps]) == ("succeeded", [1, 2, 1, 1])
    [change] = world.scaled()[before:]
    assert (change["subresource"], change["body"]["spec"]["replicas"]) == ("scale", 3)
    assert await Locks(replicas.database).held() == []
    assert replicas.checklists() == 1
