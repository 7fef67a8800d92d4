"""Containers that do not stay up: what is waited for is not the moment in which they run."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from bot.clients.compose import Compose
from bot.clients.compose_changes import ComposePods, ComposeRestarts
from tests.docker.conftest import World
from tests.docker.test_compose import eventually

FALLS_OVER: dict[str, object] = {"command": ["sh", "-c", "echo up; sleep 0.7; exit 3"], "restart": "always"}


@pytest.fixture
async def watching(world: World) -> AsyncIterator[Compose]:
    opened = Compose(world.settings(), lambda: datetime.now(UTC), steady=3.0)
    yield opened
    await opened.close()


async def test_one_in_a_restart_loop_is_never_done(world: World, watching: Compose) -> None:
    world.write(worker=FALLS_OVER, backend={})
    world.compose("up", "-d", "worker")
    pods, restarts = ComposePods(watching.project), ComposeRestarts(watching.project)
    told, ran = [], 0
    while (pod := (await watching.pods("worker"))[0]).restarts < 3:
        ran += pod.ready
        told += [
            (await watching.rollout_done("worker")).done,
            (await watching.pods_ready("worker", 1)).done,
            (await pods.replaced("worker", [], 1)).done,
            (await restarts.stateful_restarted("worker", "r1")).done,
        ]
    assert ran
    assert not any(told)
    rollout = await watching.rollout("worker")
    assert (rollout.done, rollout.stalled) == (False, True)
    assert f"{pod.name} was restarted 3 times" in rollout.message


async def test_one_that_stays_up_is_done_after_a_while(world: World, watching: Compose) -> None:
    world.compose("restart", "worker")
    first = await watching.pods_ready("worker", 2)
    assert (first.done, first.message) == (False, "2 of 2 containers ready, 2 only just started")
    last = await eventually(lambda: watching.pods_ready("worker", 2), lambda seen: seen.done)
    assert last.message == "2 of 2 containers ready"


async def test_a_check_of_its_own_needs_no_while(world: World, watching: Compose) -> None:
    check = {"test": ["CMD", "true"], "interval": "1s", "retries": 1, "start_period": "0s"}
    world.write(worker={"healthcheck": check}, backend={})
    world.compose("up", "-d", "worker")
    seen = await eventually(lambda: watching.pods_ready("worker", 1), lambda seen: seen.done)
    (worker,) = await watching.pods("worker")
    assert seen.message == "1 of 1 containers ready"
    assert worker.ready
