"""An alert's card in each state, as a person sees it: the pictures in ``docs/alerting.md``, and the words on them."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from bot.matchers import Matcher
from bot.request import Actor
from bot.schedule import Observation
from bot.silence import Silence
from tests.page import alert_desk, chromium
from tests.page.alert_desk import NIGHT, Desk, system, waiting

pytestmark = pytest.mark.timeout(240)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with alert_desk.opened(tmp_path) as made:
        yield made


@pytest.fixture
async def page(desk: Desk) -> AsyncIterator[Page]:
    async with chromium.opened(desk.url, width=1000, height=1400, scale=1) as shown:
        await chromium.go(shown, "novapulse-alerts")
        yield shown


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("KEEP_PICTURES") or tmp_path / "pictures") / "cards"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def shows(page: Page, file: Path, title: str, *words: str, highest: float = 900) -> None:
    """Wait until a card shows these words, and keep its picture down to so many pixels."""
    found = chromium.card(page, title)
    for word in words:
        await expect(found).to_contain_text(word)
    await chromium.keep(page, found, file, highest=highest)


async def test_from_the_first_warning_to_the_end(desk: Desk, page: Page, pictures: Path) -> None:
    title = "Email queue"
    await desk.queue("email", (310, 380, 460, 520, 545, 570, 590))
    await desk.say()
    await shows(page, pictures / "warning.png", title, "WARNING", "590 jobs", "critical in about")
    await desk.queue("email", (1180, 1431), every=30)
    await desk.say()
    await shows(page, pictures / "critical.png", title, "CRITICAL", "On call")
    await desk.queue("email", (1600, 1750), every=600)
    await desk.say()
    await shows(page, pictures / "escalated.png", title, "not acknowledged")
    await desk.actions.acknowledge(await desk.incident(), "Sam Second")
    await desk.queue("email", (1700,))
    await desk.say()
    await shows(page, pictures / "acknowledged.png", title, "Acknowledged by Sam Second")
    await desk.queue("email", (900, 12, 8))
    await desk.say()
    await shows(page, pictures / "resolved.png", title, "Resolved after")


async def test_what_another_alert_explains(desk: Desk, page: Page, pictures: Path) -> None:
    await desk.queue("webhook", (1200, 1300, 1350))
    await desk.read(system("redis", up=False), waiting("webhook", None), after=MINUTE)
    await desk.read(system("redis", up=False), waiting("webhook", None), after=MINUTE)
    await desk.say()
    await shows(page, pictures / "muted.png", "(webhook)", "Muted")
    await shows(page, pictures / "down.png", "CRITICAL · Redis is unreachable", "On call")


async def test_what_somebody_has_silenced(desk: Desk, page: Page, pictures: Path) -> None:
    await desk.queue("report", (1200, 1300, 1350))
    await desk.stores.silences.start(
        Silence(
            id="r1",
            matchers=(Matcher("queue=report"),),
            owner=Actor(id="U0OPERATOR", name="Olu Operator"),
            reason="backfill of June's invoices",
            since=desk.now,
            until=desk.now + timedelta(hours=2),
        )
    )
    await desk.queue("report", (1360,))
    await desk.say()
    await shows(page, pictures / "silenced.png", "(report)", "silenced by Olu Operator until")


async def test_what_cannot_be_read(desk: Desk, page: Page, pictures: Path) -> None:
    await desk.queue("email", (700, 710, None))
    await desk.say()
    await shows(page, pictures / "unknown.png", "Email queue", "UNKNOWN", "It was 710 jobs before")
    await desk.read(Observation(metric="webhook_failed_percent", labels={}, value=None, at=NIGHT, reason="HTTP 401"))
    await desk.read(
        Observation(metric="webhook_failed_percent", labels={}, value=None, at=NIGHT, reason="HTTP 401"),
        after=31 * MINUTE,
    )
    await desk.say()
    await shows(page, pictures / "rule-unknown.png", "webhook-failures", "could not be read")


async def test_fifty_at_once(desk: Desk, page: Page, pictures: Path) -> None:
    for minute in range(2):
        found = [waiting(f"tenant-{number:02}", 1100.0 + number * 25) for number in range(50)]
        await desk.read(*found, after=minute * MINUTE)
    await desk.say()
    await shows(
        page,
        pictures / "digest.png",
        "50 new alerts at once",
        "13 critical and 37 warnings",
        "and 10 more: /alerts lists all that fires.",
        highest=1200,
    )


async def test_pods_share_a_card(desk: Desk, page: Page, pictures: Path) -> None:
    for _ in range(7):
        names = (("api-7c9f-x2lq8", 96.0), ("api-7c9f-m4k2p", 88.5), ("worker-5d8b-qq7tz", 91.0))
        found = [Observation(metric="pod_memory_percent", labels={"pod": n}, value=v, at=NIGHT) for n, v in names]
        await desk.read(*found, after=MINUTE)
    await desk.say()
    await shows(page, pictures / "grouped.png", "and 2 more", "memory used of its limit")


async def test_on_and_off(desk: Desk, page: Page, pictures: Path) -> None:
    for _ in range(4):
        await desk.queue("email", (700, 710, 300, 290), every=45)
    await desk.say()
    await shows(page, pictures / "flapping.png", "Email queue", "On and off")


async def test_a_card_that_slack_lets_nobody_edit_is_posted_anew(desk: Desk, page: Page, pictures: Path) -> None:
    await desk.queue("email", (700, 710))
    await desk.say()
    desk.gate.trouble("cant_update_message", "chat.update", times=1)
    await desk.queue("email", (850,))
    await desk.say()
    await shows(page, pictures / "replaced.png", "Email queue", "850 jobs", "Continues an earlier message")


async def test_a_hand_over(desk: Desk, page: Page, pictures: Path) -> None:
    monday = NIGHT.replace(month=7, day=6, hour=7, minute=0)  # nine in Berlin
    desk.now = monday - 10 * MINUTE
    await desk.shifts.tick(desk.now)
    await desk.queue("email", (700, 710))
    desk.now = monday
    await desk.shifts.tick(desk.now)
    await desk.say()
    await shows(page, pictures / "hand-over.png", "On-call hand-over", "Accept hand-over")
