"""What changed in a project lately, by a real engine."""

from datetime import UTC, datetime, timedelta

from bot.clients.compose import Compose
from bot.clients.compose_recent import ComposeChanges
from tests.docker.conftest import IMAGE, World, named


async def test_containers_that_were_made_are_seen_with_their_image(compose: Compose) -> None:
    found = await ComposeChanges(compose.project).since(datetime.now(UTC) - timedelta(minutes=10))
    made = sorted(change.what for change in found.found if change.kind == "release")
    assert made[-1] == f"worker: container {named('worker', 2)} was made from {IMAGE}"
    assert (len(made), found.problems) == (3, ())


async def test_what_changed_before_is_left_out(compose: Compose) -> None:
    found = await ComposeChanges(compose.project).since(datetime.now(UTC) + timedelta(minutes=10))
    assert (found.found, found.problems) == ((), ())


async def test_an_engine_that_is_away_is_a_problem(world: World) -> None:
    gone = Compose(world.settings(docker_host="unix:///nowhere/sock"), lambda: datetime.now(UTC))
    found = await ComposeChanges(gone.project).since(datetime.now(UTC))
    await gone.close()
    assert found.found == ()
    assert "could not be read" in found.problems[0]
