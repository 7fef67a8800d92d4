"""kill -9 at every moment of a story of alerts: what was to be said is in Slack in the end, and every card is right.

By default every 23rd moment and the beginning and the end of every call; ``make test-kill`` takes them all.
"""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.alert_lives import Lives, loaded
from tests.faults.moments import ANY
from tests.slack.stand_in import SlackStandIn

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

NEVER = (ANY, 0)
STRIDE = 1 if os.environ.get("KEEP_TABLE") else 23


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lives() -> AsyncIterator[Lives]:
    async with loaded() as made:
        yield made


async def told(lives: Lives, directory: Path, die_at: tuple[str, int]) -> tuple[dict[str, int], SlackStandIn]:
    """Die at a moment and live again to the end of the story; return the moments of the first life, and Slack."""
    slack = SlackStandIn()
    await slack.start()
    try:
        first = await lives.live(directory, die_at, slack=slack.url)
        assert first.code in (0, -signal.SIGKILL), first
        if first.code:
            assert (await lives.live(directory, NEVER, slack=slack.url)).code == 0
    finally:
        await slack.stop()
    return first.moments, slack


def said(slack: SlackStandIn) -> tuple[list[str], set[str]]:
    """Return what the cards say in the end, and what rang in their threads."""
    cards = [str(m["blocks"][0]["text"]["text"]) for m in slack.messages if not m.get("thread_ts")]
    return sorted(map(plain, cards)), {
        str(m["blocks"][0]["text"]["text"]) for m in slack.messages if m.get("thread_ts")
    }


async def test_whatever_was_to_be_said_is_said_whenever_it_is_killed(lives: Lives, tmp_path: Path) -> None:
    moments, slack = await told(lives, made(tmp_path / "whole"), NEVER)
    cards, rings = said(slack)
    assert cards == [' it was "Jobs waiting (email)"', ' it was "Redis is unreachable (redis)"'], "both are resolved"
    assert len(rings) == 2
    assert moments[ANY] > 50
    assert moments["call"] > 10
    every = [(ANY, number) for number in range(1, moments[ANY] + 1, STRIDE)]
    # A record that comes too early or too late is found out around the calls alone.
    around_calls = [] if STRIDE == 1 else [("call", number) for number in range(1, moments["call"] + 1)]
    for place, (name, number) in enumerate([*every, *around_calls]):
        first, slack = await told(lives, made(tmp_path / str(place)), (name, number))
        # How often the sender looks is another every time, so that a life may end before its last moments.
        assert not first or number > 0.7 * moments[name]
        found, rung = said(slack)
        assert found == cards, f"killed at {name} {number} of {moments[name]}"
        assert rings <= rung, f"killed at {name} {number} of {moments[name]}"


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def plain(card: str) -> str:
    """Leave out how long it took."""
    return card.partition(":")[2]
