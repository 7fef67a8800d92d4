"""How long a slash command waits for its acknowledgement while commands arrive at a steady rate."""

import asyncio
import sys
import time

from benchmarks.figures import Sample
from sandbox import processes
from sandbox.programs import HERE
from sandbox.site import Sandbox
from sandbox.slack_page import SlackPage

PER_SECOND = 20
SECONDS = 20
COMMAND = "/queue-stats"
WARM_UP = 5
PEOPLE = ("operator", "approver", "second_approver", "oncall", "viewer")


async def measured(page: SlackPage) -> Sample:
    """Type the command at the rate, whether or not the last one was acknowledged, and time each acknowledgement."""
    for _ in range(WARM_UP):
        await page.command("operator", "ops", COMMAND)
    began = time.perf_counter()
    typed = []
    for number in range(PER_SECOND * SECONDS):
        await asyncio.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
        typed.append(asyncio.create_task(_acknowledged(page, PEOPLE[number % len(PEOPLE)])))
    found = await asyncio.gather(*typed)
    return Sample([seconds for seconds in found if seconds is not None], failed=found.count(None))


async def _acknowledged(page: SlackPage, user: str) -> float | None:
    """Return the seconds until the app has acknowledged, None where it did not."""
    began = time.perf_counter()
    try:
        await page.command(user, "ops", COMMAND)
    except ValueError:
        return None
    return time.perf_counter() - began


async def empty_handler(sandbox: Sandbox, *, quick: bool) -> processes.Process:
    """Start the bare framework on a sandbox that has a Slack and nothing else."""
    command = (sys.executable, "-m", "benchmarks.empty_bolt", *(["quick"] if quick else []))
    program = processes.Program("empty handler", command, "connected", sandbox.environment(), HERE.parent)
    return await processes.start(program, seconds=60)
