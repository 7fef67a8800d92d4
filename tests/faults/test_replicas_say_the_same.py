"""Three replicas on one PostgreSQL, one of them killed on the way, say in Slack what one alone on SQLite says.

Both live through the same story in a NovaPulse of their own. What Slack holds in the end is compared message by
message, thread by thread, in its order. Ids, numbers, times and trends differ from moment to moment and are left out.
What a card showed for less than a second on the way is not compared: edits that were overtaken are never sent.
"""

import re
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.ports import free_port
from sandbox.slack_page import Message
from tests.scenarios.bot import Bot
from tests.scenarios.world import Edit, World, opened, text, together
from tests.servers import postgres_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

ALERTS = "novapulse-alerts"
CHECKLIST = "Morning checklist:"
EVERY_SECOND: Edit = ('every = "2s"', 'every = "1s"')
_ID = re.compile(r"`[0-9a-z]{10}`|\b[0-9a-f]{16}-\d+")
_MOMENT = re.compile(r"<!date[^>]*>|\d{4}-\d\d-\d\d|\d\d:\d\d( UTC)?")
_NUMBER = re.compile(r"(about )?(\d[\d,.]*( (ms|s|min|h|d)\b)? ?)+")
_TREND = re.compile(r"Trend[^\n]*\n?|[\u2581-\u2588 ]+")


def plain(words: str) -> str:
    """Leave out of a message what is another at every moment."""
    without = _NUMBER.sub("#", _MOMENT.sub("#", _ID.sub("#", _TREND.sub(" ", words))))
    # Within one minute there is one time to say.
    return re.sub(r"From [# ]+ to|It began", "It was", " ".join(without.split()))


async def told(world: World, others: list[Bot]) -> list[list[str]]:
    """Live through the story and return the threads of the alerts channel.

    Where there are other replicas, the first is killed in the middle of it.
    """
    page = world.page
    await page.wait_message(ALERTS, CHECKLIST)
    async with world.fault("workers-crash"):
        await world.sandbox.load("email", burst=700)
        card = await page.wait_message(ALERTS, "Email queue: jobs waiting")
        await world.becomes(card, "WARNING", "700 jobs")
        if others:
            await world.bot.kill()
        await world.sandbox.load("email", burst=731)
        await world.becomes(card, "CRITICAL", "1,431 jobs", seconds=90)
        await page.wait_message(ALERTS, "Now critical", seconds=90)
        await world.click("operator", card, "Acknowledge")
        await world.becomes(card, "Acknowledged by operator", seconds=90)
        await page.wait_message(ALERTS, "Done after", seconds=90)
        async with world.redis() as redis:
            await redis.delete("bull:nova-email:wait")
        await world.becomes(card, "Resolved after", "peak 1,431", seconds=90)
    async with world.fault("mongo-down"):
        down = await page.wait_message(ALERTS, "MongoDB is unreachable", seconds=90)
        await world.becomes(down, "CRITICAL")
    await world.becomes(down, "Resolved after", seconds=90)
    return _threads(page.messages(ALERTS))


def _threads(messages: list[Message]) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for message in sorted(messages, key=lambda one: float(one["ts"])):
        found.setdefault(message.get("thread_ts") or message["ts"], []).append(plain(text(message)))
    return list(found.values())


def _due_checklist() -> Edit:
    at = datetime.now(UTC) - timedelta(minutes=5)
    return 'cron = "0 8 * * *"', f'cron = "{at.minute} {at.hour} * * *"'


async def _one(directory: Path) -> list[list[str]]:
    async with opened(directory, edits=(EVERY_SECOND, _due_checklist())) as world:
        return await told(world, [])


async def _three(directory: Path) -> list[list[str]]:
    edits = (EVERY_SECOND, _due_checklist())
    with postgres_server() as url:
        async with AsyncExitStack() as stack:
            made = opened(directory, edits=edits, variables={"STATE_URL": url}, started=False)
            world = await stack.enter_async_context(made)
            others = [
                Bot(world.bot.environment | {"PORT": str(free_port())}, directory / f"{name}.log")
                for name in ("second", "third")
            ]
            for other in others:
                stack.push_async_callback(other.stop)
            await together(*(bot.start() for bot in (world.bot, *others)))
            await together(*(bot.wait_log("connected to Slack") for bot in (world.bot, *others)))
            return await told(world, others)


async def test_three_replicas_say_what_one_says(tmp_path: Path) -> None:
    alone = await _one(tmp_path / "one")
    of_three = await _three(tmp_path / "three")
    assert of_three == alone
    assert len(alone) == 3, "the checklist and two incidents"
