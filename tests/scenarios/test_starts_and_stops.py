"""What was due while the bot was away, and a stop that leaves nothing undone and nobody behind."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from tests.scenarios.world import QUIET, World, opened, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

ALERTS = "novapulse-alerts"
CHECKLIST = "Morning checklist:"


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def due(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A NovaPulse whose checklist was due some minutes ago; the bot does not run yet."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    edits = (QUIET, ('cron = "0 8 * * *"', f'cron = "{at.minute} {at.hour} * * *"'))
    async with opened(tmp_path_factory.mktemp("due"), edits=edits, started=False) as made:
        yield made


async def test_a_checklist_that_was_missed_is_posted_late_once_and_says_so(due: World) -> None:
    await due.start()
    card = await due.page.wait_message(ALERTS, CHECKLIST)
    late = text(card)
    assert "Late: was due at " in late
    assert ", the bot was not running." in late
    assert "Worker pods" in late
    await due.restart()
    await due.ask("viewer", "/queue-stats", "checked against Redis")
    found = [message for message in due.page.messages(ALERTS) if CHECKLIST in text(message)]
    assert [message["ts"] for message in found] == [card["ts"]]
    answer = text(await due.ask("viewer", "/morning-checklist", "Since"))
    assert "There is no earlier checklist" not in answer


async def at_work(world: World) -> None:
    """Have the bot running and logged in at the API, whichever test comes first."""
    if not world.bot.runs:
        await world.start()
        await world.ask("viewer", "/queue-stats", "checked against Redis")


async def under_way(world: World) -> None:
    """Ask for the queues and return when the bot reads them, which takes as long as the API hangs."""
    assert world.sandbox.api is not None
    asked = world.sandbox.api.requests
    before = len(asked)
    await world.page.command("viewer", "ops", "/queue-stats")
    await world.until(lambda: any("queue" in path for _, path, status in asked[before:] if not status))


async def test_a_stop_waits_for_what_is_under_way_and_leaves_nothing_behind(due: World) -> None:
    await at_work(due)
    known, after = due.shown("ops"), len(due.bot.records)
    async with due.fault("api-hang"):
        await under_way(due)
        due.bot.terminate()
        await due.bot.wait_log("stopping", after=after)
        assert not [m for m in due.page.messages("ops") if m["ts"] not in known]
        process = due.bot.process
        code = await process.wait()
    assert code == 0
    await due.new("ops", known, "Numbers by Redis alone.")
    assert due.rows("select command, status from requests where status = 'open'") == []
    assert due.rows("select count(*) from messages where sent_version < version") == [(0,)]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    errors = [record for record in due.bot.records if record.get("level") in ("error", "critical")]
    assert errors == []
    await due.start()
    await due.ask("viewer", "/queue-stats", "checked against Redis")


async def test_what_comes_during_a_stop_is_told_so_and_not_done(due: World) -> None:
    await at_work(due)
    known, after = due.shown("general"), len(due.bot.records)
    async with due.fault("api-hang"):
        await under_way(due)
        due.bot.terminate()
        await due.bot.wait_log("stopping", after=after)
        await due.page.command("operator", "general", "/scale-workers 3")
        await due.new("general", known, "The bot is restarting.", "nothing was done")
        assert await due.bot.process.wait() == 0
    assert due.rows("select count(*) from plans") == [(0,)]
    await due.start()


async def test_a_run_goes_on_where_a_stop_interrupted_it(due: World) -> None:
    before = len(due.scaled())
    if not due.bot.runs:
        await due.start()
    async with due.fault("workers-crash"):
        card = await due.plan("/scale-workers 3")
        await due.click("approver", card, "Approve")
        # Begun, not only next: what was not begun when the stop came is begun afterwards for the first time.
        await due.becomes(card, "Running, step 2 of 4", "updated replicas are available")
        async with asyncio.timeout(30):
            await due.bot.stop()
        await due.start()
        await due.becomes(card, "Running, step 2 of 4", "taken up again")
    await due.becomes(card, "Done after", "workers connected: email 3")
    assert len(due.scaled()) == before + 1
