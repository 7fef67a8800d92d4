"""No changing command gets past a missing role, a wrong argument or a freeze, and none was forgotten here."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.scenarios.changing import CHANGING, LINES, OWN_STATE, asked
from tests.scenarios.world import World, text

pytestmark = pytest.mark.asyncio(loop_scope="package")

# For each command a line that it cannot follow, and what the answer says.
WRONG = {
    "/ack": ("/ack nothing", "No alert “nothing” is firing"),
    "/cache": ("/cache clear bull:*", "is none of the documented cache patterns"),
    "/clear-failed": ("/clear-failed reprot", "There is no queue “reprot”", "Did you mean `report`?"),
    "/drain-queues": ("/drain-queues email --within never", "is no time to wait"),
    "/force-restart-workers": ("/force-restart-workers now", "“now”", "Usage"),
    "/freeze": ("/freeze moon 1h", "There is nothing called “moon” to freeze"),
    "/oncall": ("/oncall override moon --until 8h", "The policy knows nobody called “moon”"),
    "/page": ("/page 7 urgent", "There is no level 7: the policy has 4."),
    "/pause-queue": ("/pause-queue emial", "Did you mean `email`?"),
    "/promote-delayed": ("/promote-delayed email --due-within soon", "is no duration"),
    "/rebuild-indexes": ("/rebuild-indexes webhooklog", "no such collection", "Did you mean `webhooklogs`?"),
    "/restart": ("/restart mongo", "“mongo”", "redis"),
    "/resume-queue": ("/resume-queue emial", "Did you mean `email`?"),
    "/retry-failed": ("/retry-failed email --wave 0", "wave", "Usage"),
    "/rollback": ("/rollback redis", "“redis”", "worker"),
    "/scale-workers": ("/scale-workers many", "replicas has to be a whole number", "Usage"),
    "/set-concurrency": ("/set-concurrency 0", "concurrency", "Usage"),
    "/set-env": ("/set-env api 1NAME", "name", "Usage"),
    "/set-pool-size": ("/set-pool-size 5 20", "A pool cannot keep at least 20 connections open and at most 5."),
    "/silence": ("/silence moon 1h --reason test", "“moon” is no matcher"),
    "/step-down-primary": ("/step-down-primary mongo-1", "“mongo-1”", "Usage"),
    "/test-webhook": ("/test-webhook nonsense", "That is no webhook id"),
}


@pytest_asyncio.fixture(loop_scope="package")
async def cached(world: World) -> AsyncIterator[None]:
    """A cached profile, else ``/cache clear`` answers that there is nothing to clear."""
    async with world.redis() as redis:
        await redis.set("cache:user:42:profile", "x", ex=600)
        yield
        await redis.delete("cache:user:42:profile")


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("name", CHANGING)
async def test_who_only_looks_changes_nothing(world: World, name: str) -> None:
    before, opened = len(world.scaled()), len(world.page.views)
    refusal = await world.ask("viewer", LINES[name], "Refused", CHANGING[name].change_permission, "Who may: ")
    assert refusal["ephemeral_to"] == "U0VIEWER"
    assert "viewer" not in text(refusal).partition("Who may: ")[2]
    assert (len(world.scaled()), len(world.page.views)) == (before, opened)


@pytest.mark.parametrize("name", CHANGING)
async def test_a_wrong_argument_is_named_and_nothing_is_planned(world: World, name: str) -> None:
    line, *words = WRONG[name]
    answer = await world.ask("approver", line, *words)
    assert answer["ephemeral_to"] == "U0APPROVER"
    assert "Waits for approval" not in text(answer)


@pytest.mark.usefixtures("cached")
async def test_in_a_freeze_of_everything_only_the_bots_own_state_is_changed(world: World) -> None:
    await world.ask("approver", "/freeze all 30m", "Done after")
    before = len(world.scaled())
    try:
        for name in CHANGING.keys() - OWN_STATE:
            await asked(world, "operator", LINES[name], "Every change is frozen by approver until")
        assert len(world.scaled()) == before
    finally:
        await world.ask("approver", "/freeze off", "Done after")


async def test_no_changing_command_was_forgotten() -> None:
    assert LINES.keys() == WRONG.keys() == CHANGING.keys()
