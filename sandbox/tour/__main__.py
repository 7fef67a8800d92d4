"""Plays the tour: every act in order, with its time; the first that does not hold ends it."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from redis.asyncio import Redis

from sandbox.environment import POLICY
from sandbox.site import running
from sandbox.slack_page import SlackPage, shown_text
from sandbox.tour import escalation, failures, release, scaling
from sandbox.tour.stage import NotAsTold, Tour

ACTS: tuple[Callable[[Tour], Awaitable[str]], ...] = (
    scaling.quiet,
    scaling.backlog,
    scaling.critical,
    scaling.in_hand,
    scaling.ask,
    scaling.own_approval,
    scaling.approval,
    scaling.drain,
    failures.failing,
    failures.why,
    failures.clear,
    failures.retry,
    release.bad_release,
    release.rollback,
    release.rolled_back,
    escalation.unanswered,
    escalation.levels,
    escalation.acknowledged,
    escalation.over,
)


async def play(directory: Path) -> int:
    """Play every act; return 0 when all held, else 1."""
    began = time.monotonic()
    policy = directory / "policy.toml"
    policy.write_text(escalation.hurried(POLICY.read_text(encoding="utf-8")), encoding="utf-8")
    async with (
        running(directory, bot=True, speed=2.0, policy=policy) as sandbox,
        SlackPage(sandbox.endpoints["slack"]) as page,
        Redis.from_url(sandbox.endpoints["redis"], decode_responses=True) as redis,
    ):
        await page.wait_connected()
        await sandbox.ordinary_day()
        tour = Tour(sandbox, page, redis)
        for number, act in enumerate(ACTS, 1):
            told = (act.__doc__ or "").strip()
            try:
                outcome = await act(tour)
            except (NotAsTold, TimeoutError, LookupError) as error:
                print(f"✗ {time.monotonic() - began:6.1f} s  act {number}: {told}\n    {error}", flush=True)
                _show(page)
                return 1
            print(f"✓ {time.monotonic() - began:6.1f} s  act {number}: {told}\n             {outcome}", flush=True)
    return 0


def _show(page: SlackPage) -> None:
    """Print what stands on the page, for whoever has to find out why."""
    for channel in ("ops", "novapulse-alerts"):
        for message in page.messages(channel):
            print(f"    #{channel} {message['ts']}: {shown_text(message)[:300]!r}", flush=True)


def main() -> None:
    """Play it in a directory of its own, and show the bot's log when an act did not hold."""
    with tempfile.TemporaryDirectory(prefix="novapulse-tour-") as folder:
        code = asyncio.run(play(Path(folder)))
        if code:
            print((Path(folder) / "bot.log").read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
