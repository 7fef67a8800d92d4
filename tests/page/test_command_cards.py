"""What commands answer, and a change's card in each state, as a person sees them: pictures, and the words on them."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from sandbox.slack_page import Message
from tests.page import chromium
from tests.scenarios import scenes
from tests.scenarios.changing import asked
from tests.scenarios.world import QUIET, World, opened, text

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]
EVERY_SECOND = (QUIET[1], QUIET[0])
DRAIN = "/drain-queues all --how scale --within 30m"
IN_WORK = "bull:nova-report:active"


@dataclass(frozen=True)
class Camera:
    """The page in a browser, and the folder its pictures go to."""

    page: Page
    folder: Path

    async def take(self, message: Message, name: str, *, highest: float = 900) -> None:
        """Keep the picture of a message once the page shows it as it is."""
        await chromium.go(self.page, {"C0OPS": "ops", "C0ALERTS": "novapulse-alerts"}[message["channel"]])
        shown = self.page.locator(f'.msg[data-ts="{message["ts"]}"]')
        await expect(shown).to_be_visible()
        await chromium.keep(self.page, shown, self.folder / f"{name}.png", highest=highest)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path / "sandbox") as made:
        yield made


@pytest.fixture
async def camera(world: World, tmp_path: Path) -> AsyncIterator[Camera]:
    folder = Path(os.environ.get("KEEP_PICTURES") or tmp_path / "pictures") / "commands"
    folder.mkdir(parents=True, exist_ok=True)
    async with chromium.opened(world.sandbox.endpoints["slack"], width=1000, height=1400, scale=1) as page:
        yield Camera(page, folder)


async def typed(world: World, user: str, line: str, *words: str) -> Message:
    """Type a command into #ops and return its answer."""
    return await world.ask(user, line, *words, channel="ops")


LOG = (
    "[Nest] 1  - 01/01/2026, 8:00:00 AM   ERROR [Mail] connect ETIMEDOUT 10.0.3.17:587",
    "[Nest] 1  - 01/01/2026, 8:00:00 AM   ERROR [Reports] Executor error: Sort exceeded memory limit",
)


async def test_what_the_reading_commands_answer(world: World, camera: Camera) -> None:
    await scenes.fail_reports(world, 12)
    world.sandbox.log(0, LOG * 3)
    await typed(world, "operator", "/page 2 'customers wait'", "Done after")
    for line, words, name in (
        ("/oncall", "On call", "oncall"),
        ("/changes", "changes in the last", "changes"),
        ("/failed-jobs report", "failed jobs in report", "failed-jobs"),
    ):
        await camera.take(await typed(world, "operator", line, words), name)
    await typed(world, "operator", "/error-logs", "6 errors of 2 kinds", "the oldest entry of 01-01 08:00:00 UTC")


async def test_what_fires_and_what_has_not_arrived(world: World, camera: Camera) -> None:
    async with world.fault("workers-crash", "pagerduty-down"):
        async with world.rule(EVERY_SECOND):
            await world.sandbox.load("email", burst=1400)
            await world.sandbox.load("report", burst=1200)
            await world.page.wait_message("novapulse-alerts", "Email queue")
            await world.page.wait_message("novapulse-alerts", "(report)")
        alerts = await typed(world, "operator", "/alerts", "2 alerts are firing", "Acknowledge: Email queue")
        await camera.take(alerts, "alerts")
        late = await typed(world, "operator", "/alerts undelivered", "message")
        while "not arrived" not in text(late):  # until it is late, it is merely on its way
            late = await typed(world, "operator", "/alerts undelivered", "message")
        assert "PagerDuty" in text(late)
        await camera.take(late, "alerts-undelivered")


async def test_a_change_from_its_question_to_its_undo(world: World, camera: Camera) -> None:
    card = await typed(world, "operator", "/scale-workers 5", "Waits for approval", "Can be approved until")
    await camera.take(card, "plan-waits")
    await world.click("approver", card, "Approve")
    card = await world.becomes(card, "Done after")
    await camera.take(card, "plan-done")
    undo = await world.press("operator", card, "Undo", "Waits for approval")
    await chromium.go(camera.page, "ops")
    await expect(camera.page.locator(f'.msg[data-ts="{undo["ts"]}"]')).to_contain_text("Scale novapulse-worker from 5")
    await world.click("operator", undo, "Cancel my request")
    await world.becomes(undo, "Cancelled")
    stale = await typed(world, "operator", "/scale-workers 6", "Waits for approval")
    await world.replicas(4)
    await world.click("approver", stale, "Approve")
    stale = await world.becomes(stale, "nothing was changed", "What is different now")
    await camera.take(stale, "plan-stale")


async def test_a_run_that_goes_on_and_is_aborted(world: World, camera: Camera) -> None:
    async with world.redis() as redis:
        await redis.lpush(IN_WORK, "nobody")
        card = await asked(world, "operator", DRAIN, "To abort it")
        await world.click("approver", card, "Approve")
        card = await world.becomes(card, "report 1")
        await camera.take(card, "run-progress")
        abort = await asked(world, "approver", "/resume-queue all", "Abort the drain of email")
        await world.click("second_approver", abort, "Approve")
        await camera.take(await world.becomes(card, "Failed: Drain", "aborted by /resume-queue"), "run-failed")
        await redis.lrem(IN_WORK, 0, "nobody")


async def test_previews_and_forms(world: World, camera: Camera) -> None:
    async with scenes.released(world):
        card = await typed(world, "operator", "/rollback worker", "Waits for approval")
        await camera.take(card, "rollback", highest=250)
        await world.click("operator", card, "Cancel my request")
    silenced = await typed(world, "operator", '/silence queue=report 2h --reason "backfill of invoices"', "Done after")
    await camera.take(silenced, "silence")
    frozen = await typed(world, "approver", "/freeze workers 30m", "Done after")
    await camera.take(frozen, "freeze")
    await typed(world, "operator", "/scale-workers 4", "frozen", "30 min from now")
    await chromium.go(camera.page, "ops")
    await chromium.type_command(camera.page, "/set-env api LOG_LEVEL")
    form = camera.page.locator(".modal")
    await expect(form).to_contain_text("The value; nobody is shown it")
    await form.screenshot(path=camera.folder / "set-env-form.png")


@pytest.mark.usefixtures("world")
async def test_a_silence_is_chosen_or_written_in_its_form(camera: Camera) -> None:
    await chromium.go(camera.page, "ops")
    await chromium.type_command(camera.page, "/silence")
    form = camera.page.locator(".modal")
    await expect(form).to_contain_text("Custom duration")
    lines = form.locator("input[type=text], input:not([type]), textarea")
    await lines.nth(0).fill("queue=report")
    await lines.last.fill("backfill of invoices")
    await form.locator("select").select_option(label="Custom…")
    await form.get_by_role("button", name="Plan").or_(form.get_by_role("button", name="Make a plan")).first.click()
    await expect(form).to_contain_text("Write it here, or choose another one above.")
    await form.screenshot(path=camera.folder / "silence-form.png")
    await lines.nth(1).fill("45m")
    await form.get_by_role("button", name="plan").first.click()
    await expect(form).to_have_count(0)
    await expect(chromium.card(camera.page, "Silence queue=report for 45 min")).to_be_visible()
