"""kill -9 at every moment of a story of alerts: what was to be said is in Slack in the end, and every card is right.

By default every 23rd moment; ``make test-kill`` takes them all.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.slack.stand_in import SlackStandIn

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parent.parent.parent
NEVER = 0
STRIDE = 1 if os.environ.get("KEEP_TABLE") else 23


@dataclass
class Lives:
    """The process that the lives are forked from."""

    process: asyncio.subprocess.Process

    async def live(self, directory: Path, slack: str, die_at: int) -> dict[str, int]:
        """Live once; return how it ended and how many moments there were."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"directory": str(directory), "slack": slack, "die_at": die_at}
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return dict(json.loads(await self.process.stdout.readline()))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lives() -> AsyncIterator[Lives]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.alert_program"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    yield Lives(process)
    process.kill()
    await process.communicate()


async def told(lives: Lives, directory: Path, die_at: int) -> tuple[int, SlackStandIn]:
    """Die at a moment and live again to the end of the story; return the moments of the first life, and Slack."""
    slack = SlackStandIn()
    await slack.start()
    try:
        first = await lives.live(directory, slack.url, die_at)
        assert first["code"] == (-signal.SIGKILL if die_at else 0), first
        if die_at:
            assert (await lives.live(directory, slack.url, NEVER))["code"] == 0
    finally:
        await slack.stop()
    return first["moments"], slack


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
    assert moments > 50
    for moment in range(1, moments + 1, STRIDE):
        _, slack = await told(lives, made(tmp_path / str(moment)), moment)
        found, rung = said(slack)
        assert found == cards, f"killed at {moment} of {moments}"
        assert rings <= rung, f"killed at {moment} of {moments}"


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def plain(card: str) -> str:
    """Leave out how long it took."""
    return card.partition(":")[2]
