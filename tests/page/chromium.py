"""Debian's chromium on a Slack page, as the tests of the page and of the pictures open it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import Locator, Page, async_playwright, expect

CHROMIUM: Final = shutil.which("chromium") or "/usr/bin/chromium"
QUIET: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE: Final = 30_000  # milliseconds until a wait gives up; every wait ends with what it waits for
# When it was said says nothing about what was: the pictures of two runs are the same without it.
UNDATED: Final = ".msg-time, .thread-summary-time, .msg-hover { visibility: hidden !important }"


@asynccontextmanager
async def opened(url: str, *, width: int = 1200, height: int = 860, scale: float = 1.5) -> AsyncIterator[Page]:
    """Give a page of the browser that shows an address, in Berlin's time zone."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await browser.new_page(
            viewport={"width": width, "height": height}, device_scale_factor=scale, timezone_id="Europe/Berlin"
        )
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        await page.goto(url)
        yield page
        await browser.close()


async def go(page: Page, channel: str) -> None:
    """Open a channel."""
    await page.locator(".sidebar-item", has_text=channel).click()
    await expect(page.locator(".channel-title")).to_contain_text(channel)


async def type_command(page: Page, line: str) -> None:
    """Send a line from the composer."""
    await page.locator(".composer-input").fill(line)
    await page.locator(".composer-send").click()


async def act_as(page: Page, user_id: str) -> None:
    """Act as somebody else from now on."""
    await page.locator(".actas select").select_option(user_id)


def card(page: Page, text: str) -> Locator:
    """Return the newest message that shows a text."""
    return page.locator(".messages .msg", has_text=text).last


async def keep(page: Page, shown: Locator, file: Path, *, highest: float = 900) -> None:
    """Keep the picture of a message, and of nothing around it; what is longer than ``highest`` goes on below."""
    await page.add_style_tag(content=UNDATED)
    await shown.scroll_into_view_if_needed()
    box = await shown.bounding_box()
    assert box is not None
    await page.screenshot(path=file, animations="disabled", clip={**box, "height": min(box["height"], highest)})
