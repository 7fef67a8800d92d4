"""What a person sees and does in the browser, with the pictures the README shows.

``KEEP_PICTURES=docs/pictures`` keeps them there (``make pictures``); otherwise they go to the test's own folder.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from sandbox.site import Sandbox, running
from sandbox.slack_page import SlackPage
from tests.page.chromium import act_as, card, go, opened, type_command


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with running(tmp_path / "sandbox", bot=True, speed=2.0) as there, SlackPage(there.endpoints["slack"]) as page:
        await page.wait_connected()
        await there.ordinary_day()
        yield there


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[Page]:
    async with opened(sandbox.endpoints["slack"]) as shown:
        yield shown


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("KEEP_PICTURES") or tmp_path / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.timeout(240)
async def test_a_backlog_is_seen_approved_and_drained(page: Page, sandbox: Sandbox, pictures: Path) -> None:
    await go(page, "ops")
    await type_command(page, "/queue-stats")
    await expect(card(page, "report")).to_contain_text("webhook")
    await page.screenshot(path=pictures / "queue-stats.png")

    await sandbox.load("email", burst=2600)
    await go(page, "novapulse-alerts")
    alert = card(page, "Email queue")
    await expect(alert).to_contain_text("CRITICAL")
    await page.screenshot(path=pictures / "alert-critical.png")

    await alert.get_by_role("button", name="Scale workers").click()
    form = page.locator(".modal")
    await expect(form).to_contain_text("How many")
    await form.locator("input").first.fill("5")
    await page.screenshot(path=pictures / "form.png")
    await form.get_by_role("button", name="Plan").click()

    plan = card(page, "Scale novapulse-worker from 2 to 5")
    await expect(plan.get_by_role("button", name="Approve")).to_be_visible()
    await plan.scroll_into_view_if_needed()
    await page.screenshot(path=pictures / "plan.png")
    assert sandbox.cluster_changes() == []

    await plan.get_by_role("button", name="Approve").click()
    await expect(card(page, "somebody else has to approve")).to_be_visible()
    await page.screenshot(path=pictures / "refused.png")

    await act_as(page, "U0APPROVER")
    await plan.get_by_role("button", name="Approve").click()
    await expect(plan.get_by_role("button", name="Undo")).to_be_visible()
    await expect(plan.get_by_role("button", name="Approve")).to_have_count(0)
    await plan.scroll_into_view_if_needed()
    await page.screenshot(path=pictures / "run.png")

    await expect(card(page, "Email queue")).to_contain_text("Resolved after")
    await page.screenshot(path=pictures / "alert-resolved.png")


@pytest.mark.timeout(120)
async def test_the_answers_of_a_calm_day(page: Page, pictures: Path) -> None:
    await go(page, "ops")
    for line, shows in (
        ("/health", "Worker pods"),
        ("/morning-checklist", "Break-glass"),
        ("/runbook", "Daily Operations"),
        ("/rollout-status", "novapulse-worker"),
        ("/scale-workers 50", "maximum"),
    ):
        await type_command(page, line)
        await expect(card(page, shows)).to_be_visible()
        await card(page, shows).scroll_into_view_if_needed()
        await page.screenshot(path=pictures / f"{line.split()[0][1:]}.png")
