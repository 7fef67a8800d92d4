"""Slack's socket is open and no event comes over it: the bot notices by itself, says so, and makes a new one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from sandbox.slack_gate import RESPONSE_URL
from tests.scenarios.bot import Record
from tests.scenarios.world import QUIET, UNTESTED, Edit, World, opened, text

# In the loop of the other scenarios: their world must not stand still meanwhile.
pytestmark = pytest.mark.asyncio(loop_scope="package")
EVERY_2_SECONDS: Edit = (UNTESTED[1], 'self_test_every = "2s"')
EVERY_4_SECONDS: Edit = (UNTESTED[1], 'self_test_every = "4s"')  # of which two may pass until a test is overdue
DEAF = "Slack has not delivered an event of the bot's own"
PATIENCE = 60.0


class Outside:
    """Whoever rings when the pings stay away."""

    def __init__(self) -> None:
        self.url = ""
        self._pinged = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        application = web.Application()
        application.router.add_get("/ping", self._ping)
        application.router.add_post("/ping", self._ping)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ping"
        yield
        await runner.cleanup()

    @property
    def was_pinged(self) -> bool:
        return self._pinged.is_set()

    async def pinged(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._pinged.wait()

    async def _ping(self, _: web.Request) -> web.Response:
        self._pinged.set()
        return web.Response()


async def health(world: World, fits: Callable[[int, str], bool]) -> None:
    """Wait until ``/healthz`` answers like this: its status, and what it says of Slack."""
    url = f"http://127.0.0.1:{world.bot.environment['PORT']}/healthz"
    vitals: dict[str, str] = {}
    async with aiohttp.ClientSession() as session:
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    async with session.get(url) as answer:
                        vitals = (await answer.json())["vitals"]
                        if fits(answer.status, vitals["slack"]):
                            return
                    await asyncio.sleep(0.05)  # it is asked, and tells nobody
        except TimeoutError:
            raise AssertionError(vitals) from None


def is_well(status: int, slack: str) -> bool:
    return (status, slack) == (200, "ok")


def is_deaf(status: int, slack: str) -> bool:
    return status == 503 and slack.startswith(DEAF)


def is_overdue(status: int, slack: str) -> bool:
    return status == 503 and "self-test has not come back within 2 s" in slack


def is_replaced_for_deafness(record: Record) -> bool:
    return record["event"] == "the socket is replaced" and "it is deaf" in record["why"]


async def test_a_deaf_socket_is_noticed_said_and_made_anew(tmp_path: Path) -> None:
    outside = Outside()
    edits = (QUIET, EVERY_2_SECONDS)
    async with outside.listening(), opened(tmp_path, parts={"slack"}, edits=edits, started=False) as world:
        world.bot.environment["DEADMAN_URL"] = outside.url
        async with world.fault("slack-silent-socket"):
            await world.start()
            await health(world, is_deaf)
            await world.bot.wait_log(lambda record: record.get("problem") == "not pinged, not well: slack")
            await world.bot.wait_log(is_replaced_for_deafness)
            assert not outside.was_pinged
        await health(world, is_well)
        await outside.pinged()
        after = len(world.bot.records)
        async with world.fault("slack-deaf-socket"):
            await health(world, is_deaf)
            await world.bot.wait_log(is_replaced_for_deafness, after=after)
            await health(world, is_well)
        tests = [message for message in world.page.messages("novapulse-alerts") if "still delivers" in text(message)]
        assert len(tests) == 1


async def test_what_was_typed_to_a_deaf_socket_is_said_to_be_lost_once(tmp_path: Path) -> None:
    outside = Outside()
    edits = (QUIET, EVERY_4_SECONDS)
    async with outside.listening(), opened(tmp_path, parts={"slack"}, edits=edits, started=False) as world:
        world.bot.environment["DEADMAN_URL"] = outside.url
        await world.start()
        await health(world, is_well)
        await outside.pinged()
        known, after = world.shown("novapulse-alerts"), len(world.bot.records)
        async with world.fault("slack-deaf-socket"):
            await world.page.command("operator", "ops", "/runbook")
            await health(world, is_overdue)
            await world.bot.wait_log(is_replaced_for_deafness, after=after)
            said = await world.new("novapulse-alerts", known, "Slack delivered nothing from", "Please do it again")
        assert [call for call in world.calls(RESPONSE_URL) if "/queue-stats" in call.body] == []
        await world.ask("operator", "/runbook", "/queue-stats")
        await world.restart()
        await health(world, is_well)
        await world.delivered()
        lost = [one for one in world.page.messages("novapulse-alerts") if "Slack delivered nothing" in text(one)]
        assert [one["ts"] for one in lost] == [said["ts"]]


async def test_over_http_requests_that_do_not_come_are_noticed(tmp_path: Path) -> None:
    edits = (QUIET, EVERY_2_SECONDS)
    async with opened(tmp_path, parts={"slack"}, door="http", edits=edits, started=False) as world:
        await world.start()
        await health(world, is_well)
        async with world.fault("slack-silent-socket"):
            await health(world, is_deaf)
        await health(world, is_well)
