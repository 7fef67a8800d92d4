"""``/set-concurrency`` and ``/set-pool-size`` against a real engine: set, watched and taken back."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.clients.compose import Compose
from bot.clients.compose_changes import ComposeRestarts, ComposeWorkloads
from bot.clients.compose_configuration import ComposeConfiguration
from bot.clients.compose_override import NAME, Override
from bot.dispatch.operations import Operations
from bot.errors import PermanentError, Refused, UserError
from bot.plan import Plan
from bot.request import Actor, Request
from commands.database_optimization.set_pool_size import set_pool_size
from commands.queue_optimization.set_concurrency import set_concurrency
from tests.docker.conftest import World
from tests.docker.test_compose import ids

CARD_WORDS = ("pod ", "pods ", "deployment", "rollout", "configmap/", "ConfigMap")


class NoVault:
    async def value(self, reference: str) -> SecretStr:
        raise Refused(f"{reference} is not kept")


@pytest.fixture
def configuration(compose: Compose) -> ComposeConfiguration:
    return ComposeConfiguration(compose.project, NoVault())


def request(command: str) -> Request:
    actor = Actor(id="U0OPERATOR", name="operator")
    return Request(id="r1", actor=actor, command=command, received_at=datetime.now(UTC))


async def concurrency(number: int, compose: Compose, configuration: ComposeConfiguration) -> Plan:
    plan = await set_concurrency.handler(
        number,
        workloads=ComposeWorkloads(compose.project),
        configuration=configuration,
        request=request("/set-concurrency"),
    )
    assert isinstance(plan, Plan)
    return plan


async def pools(most: int, least: int, compose: Compose, configuration: ComposeConfiguration) -> Plan:
    plan = await set_pool_size.handler(
        most,
        least,
        workloads=ComposeWorkloads(compose.project),
        configuration=configuration,
        request=request("/set-pool-size"),
    )
    assert isinstance(plan, Plan)
    return plan


async def carry_out(plan: Plan, compose: Compose, configuration: ComposeConfiguration) -> str:
    systems = {"configuration": configuration, "cluster": compose, "restarts": ComposeRestarts(compose.project)}
    (setting,) = [step for step in plan.steps if step.operation == "configuration.set_keys"]
    done = [await Operations(systems).find(step)(**step.arguments) for step in (setting,)]
    return str(done[0]["message"])


async def values(compose: Compose, role: str, name: str) -> list[list[str]]:
    found = await compose.project.containers(role)
    return [[entry.partition("=")[2] for entry in one.config.env if entry.startswith(f"{name}=")] for one in found]


async def test_concurrency_is_set_for_the_workers_alone_and_taken_back(
    world: World, compose: Compose, configuration: ComposeConfiguration
) -> None:
    world.write(worker={"environment": {"QUEUE_CONCURRENCY": "5"}}, backend={"environment": {"NAME": "api"}})
    world.compose("up", "-d", "--scale", "worker=2")
    api = ids(world, "backend")
    plan = await concurrency(3, compose, configuration)
    assert plan.title == "Set QUEUE_CONCURRENCY from 5 to 3"
    assert (plan.target, plan.also) == ("service/worker", (f"file/{NAME}",))
    assert plan.changes[0].what == f"QUEUE_CONCURRENCY in {NAME}"
    assert "Every container of worker is made anew; jobs in work are finished or tried again." in plan.blast_radius
    assert [step.operation for step in plan.steps] == [
        "effects.baseline",
        "configuration.set_keys",
        "cluster.rollout_done",
        "queues.workers_connected",
        "effects.seen",
    ]
    assert await carry_out(plan, compose, configuration) == "worker: 2 containers made anew"
    assert await values(compose, "worker", "QUEUE_CONCURRENCY") == [["3"]] * 2
    assert ids(world, "backend") == api
    made = ids(world, "worker")
    assert await carry_out(plan, compose, configuration) == ""
    assert ids(world, "worker") == made
    assert plan.undo
    assert plan.undo.arguments == {"concurrency": 5}
    back = await concurrency(5, compose, configuration)
    assert {name: back.facts[name] for name in plan.undo.expects} == plan.undo.expects
    await carry_out(back, compose, configuration)
    assert await values(compose, "worker", "QUEUE_CONCURRENCY") == [["5"]] * 2
    with pytest.raises(UserError, match="is 5 already"):
        await concurrency(5, compose, configuration)


async def test_the_cards_speak_of_containers(compose: Compose, configuration: ComposeConfiguration) -> None:
    for plan in (await concurrency(3, compose, configuration), await pools(20, 5, compose, configuration)):
        shown = [plan.title, plan.target, *plan.also, *plan.blast_radius, *plan.warnings, plan.no_undo]
        shown += [step.title for step in plan.steps] + [change.what for change in plan.changes]
        assert not [word for word in CARD_WORDS if any(word in said for said in shown)], shown


async def test_pools_are_set_for_both_services(compose: Compose, configuration: ComposeConfiguration) -> None:
    plan = await pools(20, 5, compose, configuration)
    assert plan.no_undo == f"{NAME} had no numbers before"
    assert "MongoDB has to bear up to 60 connections of 3 containers." in plan.blast_radius
    said = await carry_out(plan, compose, configuration)
    assert said == "backend: 1 container made anew; worker: 2 containers made anew"
    assert await values(compose, "worker", "MONGO_MAX_POOL_SIZE") == [["20"]] * 2
    assert await values(compose, "api", "MONGO_MIN_POOL_SIZE") == [["5"]]
    again = await pools(50, 10, compose, configuration)
    assert again.undo
    assert again.undo.arguments == {"maximum": 20, "minimum": 5}


async def test_services_that_differ_are_said_and_have_no_way_back(
    world: World, compose: Compose, configuration: ComposeConfiguration
) -> None:
    world.write(worker={"environment": {"MONGO_MAX_POOL_SIZE": "10"}}, backend={"environment": {"NAME": "api"}})
    world.compose("up", "-d")
    plan = await pools(20, 5, compose, configuration)
    assert plan.changes[0].before == "not set (backend); 10 (worker)"
    assert plan.undo is None


async def test_a_service_without_containers_is_read_from_the_bots_file(
    compose: Compose, configuration: ComposeConfiguration
) -> None:
    await carry_out(await concurrency(3, compose, configuration), compose, configuration)
    await compose.scale("worker", 0)
    assert (await configuration.config_map()).data["QUEUE_CONCURRENCY"] == "3"


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        ("a: [", "is no YAML"),
        ("services: {worker: [1]}", "not in a form that the bot knows"),
        ("just words", "is no YAML"),
    ],
)
async def test_a_file_that_was_spoilt_by_hand_is_refused_before_anything_changes(
    world: World, compose: Compose, configuration: ComposeConfiguration, edited: str, said: str
) -> None:
    await carry_out(await concurrency(3, compose, configuration), compose, configuration)
    plan, before = await concurrency(4, compose, configuration), ids(world, "worker")
    (world.directory / NAME).write_text(edited)
    with pytest.raises(PermanentError, match=said):
        await carry_out(plan, compose, configuration)
    assert ids(world, "worker") == before


async def test_what_somebody_wrote_into_the_file_by_hand_stays(
    world: World, compose: Compose, configuration: ComposeConfiguration
) -> None:
    text = "version: '2.4'\nservices:\n  worker:\n    mem_limit: 64m\n    environment:\n      - OTHER=1\n"
    (world.directory / NAME).write_text(text)
    await carry_out(await concurrency(3, compose, configuration), compose, configuration)
    assert await values(compose, "worker", "OTHER") == [["1"]] * 2
    found = await compose.project.containers("worker")
    assert {one.host.memory for one in found} == {64 * 1024 * 1024}


async def test_another_project_and_an_unknown_setting_change_nothing(
    world: World, configuration: ComposeConfiguration
) -> None:
    before = ids(world, "worker")
    with pytest.raises(PermanentError, match="another project"):
        await configuration.set_keys({"QUEUE_CONCURRENCY": "3"}, "elsewhere")
    with pytest.raises(PermanentError, match="REDIS_URL is no setting"):
        await configuration.set_keys({"REDIS_URL": "x"}, "novapulse")
    assert ids(world, "worker") == before
    assert not (world.directory / NAME).exists()


async def test_two_at_once_lose_nothing(world: World, tmp_path: Path) -> None:
    """Two runs with different locks write the same file: /set-env api and /set-concurrency."""
    file = Override(world.file)
    names = [f"NAME_{number}" for number in range(40)]
    await asyncio.gather(*(asyncio.to_thread(file.set, "worker", {name: "1"}) for name in names))
    assert [file.variable("worker", name) for name in names] == ["1"] * 40
    assert sorted(await asyncio.to_thread(os.listdir, tmp_path)) == ["compose.yaml", NAME]
