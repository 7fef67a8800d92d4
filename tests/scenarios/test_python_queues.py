"""Jobs that BullMQ for Python has added stand in the answer as those of Node do."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from bullmq import Queue

from tests.scenarios.world import World, opened, text

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def idle(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A NovaPulse without workers, in which jobs stay where they were put."""
    async with opened(tmp_path_factory.mktemp("python"), parts=("slack", "redis", "mongo", "api")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="package")
async def report(idle: World) -> AsyncIterator[Queue]:
    """The queue of the reports as a Python program opens it."""
    assert idle.sandbox.redis is not None
    queue = Queue("nova-report", {"connection": idle.sandbox.redis.direct_url})
    yield queue
    await queue.close()


async def test_jobs_added_by_python_are_counted(idle: World, report: Queue) -> None:
    for number in range(4):
        await report.add("generateReport", {"number": number})
    await report.add("generateReport", {"number": 4}, {"delay": 3_600_000})
    answer = text(await idle.ask("viewer", "/queue-stats report", "*report*", "no workers connected"))
    assert re.search(r"\*report\* 4 waiting · 0 failed", answer), answer
    assert re.search(r"report +4 +0 +1 +0 +0 +0", answer), answer  # four wait, one is delayed
    await idle.sandbox.load("report", burst=3)
    answer = text(await idle.ask("viewer", "/queue-stats report", "*report* 7 waiting"))
    assert "could not be read" not in answer
