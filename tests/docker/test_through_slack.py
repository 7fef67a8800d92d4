"""The bot as a process with ``PLATFORM=compose``: Slack's page on one side, a real Docker Engine on the other."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.slack_page import Message
from tests.docker.conftest import PROJECT, named
from tests.docker.conftest import World as Engine
from tests.docker.test_compose import ids
from tests.foreign_words import speaks_of_containers
from tests.scenarios.changing import APPROVE, asked, done
from tests.scenarios.world import World, labels, opened, text

pytestmark = pytest.mark.asyncio(loop_scope="module")

# A container without a check of its own counts as up when it has stayed up for a while.
SECONDS = 120.0
ENOUGH = 'echo \'error: HTTP Exception: {} {"timestamp":"2026-07-01T09:00:00Z"}\''
RUN = f"trap 'echo bye; exit 0' TERM; {ENOUGH}; while :; do sleep 3600 & wait $$!; done"


@pytest.fixture(scope="module")
def project(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    made = Engine(engine, tmp_path_factory.mktemp("project"))
    made.clear()
    return made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(project: Engine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A bot that knows Slack and the engine, and nothing else of NovaPulse."""
    variables = {
        "PLATFORM": "compose",
        "COMPOSE_FILE": str(project.file),
        "COMPOSE_PROJECT": PROJECT,
        "DOCKER_HOST": project.engine,
    }
    async with opened(tmp_path_factory.mktemp("bot"), parts={"slack"}, variables=variables) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def world(running: World, project: Engine) -> AsyncIterator[World]:
    """Two workers and one API, as the runbook has it."""
    project.write(worker={"command": ["sh", "-c", RUN]}, backend={"environment": {"NAME": "api"}})
    # In a thread: the way to Slack is served by this loop.
    await asyncio.to_thread(project.compose, "up", "-d", "--remove-orphans", "--scale", "worker=2")
    yield running
    await asyncio.to_thread(project.compose, "down", "--timeout", "1")
    assert running.forgotten_plans() == 0


async def carried_out(world: World, line: str, *words: str) -> Message:
    card = await asked(world, "approver", line, line.split(maxsplit=1)[0])
    speaks_of_containers(text(card))
    ended = await done(world, card, *words, seconds=SECONDS)
    speaks_of_containers(text(ended))
    return ended


async def test_workers_are_scaled_and_scaled_back(world: World, project: Engine) -> None:
    before, api = ids(project, "worker"), ids(project, "backend")
    card = await carried_out(world, "/scale-workers 3", "worker containers", "3 of 3 containers ready")
    assert (len(ids(project, "worker")), before < ids(project, "worker")) == (3, True)
    assert ids(project, "backend") == api
    assert labels(card) == ["Undo"]
    known = world.shown(card["channel"])
    await world.click("approver", card, "Undo")
    back = await world.new(card["channel"], known, "Docker Compose chooses which containers go")
    speaks_of_containers(text(back))
    await done(world, back, "2 of 2 containers ready", seconds=SECONDS)
    assert ids(project, "worker") == before


async def test_a_restart_keeps_the_containers(world: World, project: Engine) -> None:
    before = ids(project, "worker")
    card = await carried_out(world, "/restart worker", "2 of 2 containers restarted", "a restart cannot be taken back")
    assert labels(card) == []
    assert ids(project, "worker") == before
    answer = await world.ask("viewer", "/error-logs worker", "4 errors", "2 of 2 containers")
    speaks_of_containers(text(answer))


async def test_force_is_stop_and_start(world: World, project: Engine) -> None:
    before = ids(project, "worker")
    await carried_out(world, "/force-restart-workers", "stopped and started", "they are up again")
    assert ids(project, "worker") == before


async def test_what_is_there_is_shown(world: World) -> None:
    answers = [
        await world.ask("viewer", "/pods", "3 containers, all ready", named("worker", 2), named("backend", 1)),
        await world.ask("viewer", "/rollout-status", "All containers are ready", "keeps no history", "backend"),
        await world.ask("viewer", "/top-pods", "3 containers use", named("worker", 1)),
    ]
    for answer in answers:
        assert not re.findall(r"(?<!/)\b[Pp]ods?\b", re.sub(r"/\S+", "", text(answer))), text(answer)


async def test_a_rollback_is_said_to_be_impossible(world: World) -> None:
    answer = await world.ask("approver", "/rollback worker", "keeps no rollout history", "docker compose up -d")
    assert APPROVE not in labels(answer)


async def test_a_fixed_name_is_found_before_anything_is_planned(world: World, project: Engine) -> None:
    before = ids(project, "worker")
    project.write(worker={"container_name": "the-one", "command": ["sh", "-c", RUN]}, backend={})
    answer = await world.ask("approver", "/scale-workers 3", "cannot have 3 containers", "container_name the-one")
    assert APPROVE not in labels(answer)
    assert ids(project, "worker") == before
