"""How long it takes to see the state of the queues: in Slack, and by the runbook's own commands."""

import asyncio
import json
import shutil
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from benchmarks.figures import Sample
from sandbox.api.accounts import ADMIN
from sandbox.site import Sandbox
from sandbox.slack_page import SlackPage, shown_text

TIMES = 50
COMMAND = "/queue-stats"
QUEUES = ("email", "webhook", "workflow", "report")
CHANNELS = ("ops", "general")  # in turn
APART = 0.6  # seconds: Slack takes a message a second in each channel, and the bot keeps to that
WARM_UP = 3


class MissingProgram(Exception):
    """The runbook's commands need a program that is not installed."""


async def in_slack(page: SlackPage) -> Sample:
    """Type the command and wait until the answer is on the page, one after the other."""

    async def once(number: int) -> None:
        channel = CHANNELS[number % len(CHANNELS)]
        before = {message["ts"] for message in page.messages(channel)}

        def is_answer(message: dict[str, Any]) -> bool:
            return message["ts"] not in before and all(queue in shown_text(message) for queue in QUEUES)

        await page.command("operator", channel, COMMAND)
        await page.wait_message(channel, is_answer)

    return await _timed(once)


async def by_the_runbook(sandbox: Sandbox) -> Sample:
    """Run ``curl`` for the API's numbers and ``redis-cli LLEN`` for each queue, one after the other, as a person does.

    The login is done before, once. Raises ``MissingProgram``.
    """
    curl, redis_cli = _program("curl"), _program("redis-cli")
    token = await _token(sandbox.endpoints["api"])
    port = str(urlsplit(sandbox.endpoints["redis"]).port)
    commands = [(curl, "-s", "-H", f"Authorization: Bearer {token}", f"{sandbox.endpoints['api']}/queue/stats")]
    commands += [(redis_cli, "-p", port, "LLEN", f"bull:nova-{queue}:wait") for queue in QUEUES]

    async def once(_: int) -> None:
        for command in commands:
            await _output(command)

    return await _timed(once)


async def _timed(once: Callable[[int], Awaitable[None]]) -> Sample:
    """Do it ``TIMES`` times, each begun when its turn has come and the one before is through."""
    for number in range(WARM_UP):
        await once(number)
        await asyncio.sleep(APART)
    seconds = []
    for number in range(TIMES):
        began = time.perf_counter()
        await once(number)
        seconds.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, APART - seconds[-1]))
    return Sample(seconds)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingProgram(f"{name} is not installed")
    return found


async def _token(api: str) -> str:
    """Log in as the runbook's reader does; the token comes as a cookie."""
    body = {"email": ADMIN.email, "password": ADMIN.password}
    async with aiohttp.ClientSession() as http, http.post(f"{api}/auth/login", json=body) as answer:
        answer.raise_for_status()
        return answer.cookies["access_token"].value


async def _output(command: tuple[str, ...]) -> bytes:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode or not _makes_sense(output):
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {output[:200]!r}")
    return output


def _makes_sense(output: bytes) -> bool:
    """Say whether it is a number, or a JSON object that reports no error."""
    found = json.loads(output)
    return isinstance(found, int) or "statusCode" not in found
