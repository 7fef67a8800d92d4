"""The bot works while what it repairs is down: it starts, and a change is asked for, approved, made and judged."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.cluster.cluster import WORKER
from sandbox.site import EVERYTHING
from tests.scenarios.world import World, opened, plan_id, text

# The last step gives the workers two minutes to connect to the queues, longer than a test may usually take.
GIVEN_UP = 200.0
# Two minutes: a step that waits for workers gives up only after its own deadline.
pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300), pytest.mark.slow]

DOWN = ("redis-down", "mongo-down", "api-down")
# The sandbox's worker processes crash without Redis; these pods stay up and wait for it, so that the run gets that far.
PARTS = EVERYTHING - {"workers"}


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def ruins(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A NovaPulse whose Redis, MongoDB and API are down; the bot does not run yet."""
    async with opened(tmp_path_factory.mktemp("ruins"), parts=PARTS, started=False) as made, made.fault(*DOWN):
        yield made


async def test_a_bot_that_starts_among_ruins_scales_and_says_what_it_could_not_verify(ruins: World) -> None:
    await ruins.start()
    assert ruins.sandbox.cluster is not None
    await ruins.sandbox.cluster.wait_ready(WORKER, 2)
    await ruins.ask("viewer", "/health", *(f"🔴 *{name}* " for name in ("API health", "Redis", "MongoDB")))
    card = await ruins.plan("/scale-workers 3")
    assert "What this does to the queues is unknown. Redis could not be read: connection refused." in text(card)
    assert ruins.scaled() == []
    number = plan_id(card)
    await ruins.click("approver", card, "Approve")
    unseen = "cannot be seen at present: Redis: connection refused"
    await ruins.becomes(card, "Running, step 4 of 4", unseen)
    assert len(ruins.scaled()) == 1
    await ruins.sandbox.cluster.wait_ready(WORKER, 3)
    what = "Step 4 (See that workers are connected to the queues): "
    ended = text(await ruins.becomes(card, "*Failed after", what, unseen, "step 1, 2, 3 done", seconds=GIVEN_UP))
    assert "3 of 3 pods ready" in ended
    assert len(ruins.scaled()) == 1
    audit = text(await ruins.ask("approver", "/audit 5", number))
    (line,) = (line for line in audit.splitlines() if "operator* /scale-workers 3" in line)
    assert "failed: Step 4 (See that workers are connected" in line
    assert f"approved by approver · plan {number}" in line
