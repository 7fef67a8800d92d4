"""``/set-env`` against a real engine: the value reaches every container, and nobody else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.clients.compose import Compose
from bot.clients.compose_changes import ComposeWorkloads
from bot.clients.compose_configuration import ComposeConfiguration
from bot.clients.compose_override import NAME
from bot.dispatch.operations import Operations
from bot.errors import PermanentError, Refused
from bot.plan import Plan
from bot.stores.database import Database
from bot.stores.vault import Vault
from commands.emergency_procedures.set_env import set_env
from tests.docker.conftest import World
from tests.docker.test_compose import ids, until
from tests.own_database import with_tables

VALUE = "mongodb://nova:pa$$word@new-primary/${novapulse}: 'x'"


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Vault]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    kept = Vault(database, SecretStr("signing secret"))
    await kept.keep("kept:1", SecretStr(VALUE), datetime.now(UTC))
    yield kept
    await database.close()


async def planned(compose: Compose, vault: Vault, deployment: str = "worker") -> Plan:
    configuration = ComposeConfiguration(compose.project, vault)
    plan = await set_env.handler(
        deployment,
        "MONGO_URI",
        "kept:1",
        workloads=ComposeWorkloads(compose.project),
        configuration=configuration,
        vault=vault,
    )
    assert isinstance(plan, Plan)
    return plan


async def carry_out(plan: Plan, compose: Compose, vault: Vault) -> list[object]:
    systems = {"configuration": ComposeConfiguration(compose.project, vault), "cluster": compose, "vault": vault}
    setting = [step for step in plan.steps if step.operation == "configuration.set_variable"]
    return [await Operations(systems).find(step)(**step.arguments) for step in setting]


async def values(compose: Compose, role: str) -> list[list[str]]:
    found = await compose.project.containers(role)
    return [[entry for entry in one.config.env if entry.startswith("MONGO_URI=")] for one in found]


async def test_every_container_of_the_service_gets_the_value_and_no_other(
    world: World, compose: Compose, vault: Vault
) -> None:
    before = ids(world, "backend")
    plan = await planned(compose, vault)
    assert (plan.title, plan.undo) == ("Set MONGO_URI on worker", None)
    assert plan.no_undo == "nothing keeps the former value: set that again"
    assert any(f"has to name {NAME} last (-f {NAME})" in warning for warning in plan.warnings)
    assert "pa$$word" not in plan.model_dump_json()
    said = await carry_out(plan, compose, vault)
    assert said == [{"changed": True, "message": "set, 2 containers made anew"}]
    await until(compose, "worker", 2)
    assert await values(compose, "worker") == [[f"MONGO_URI={VALUE}"]] * 2
    assert ids(world, "backend") == before
    file = world.directory / NAME
    assert file.stat().st_mode & 0o777 == 0o600
    workers = ids(world, "worker")
    assert await carry_out(plan, compose, vault) == [{"changed": False, "message": "was so already"}]
    assert ids(world, "worker") == workers


async def test_containers_that_come_later_have_it_too(compose: Compose, vault: Vault) -> None:
    await carry_out(await planned(compose, vault), compose, vault)
    await compose.scale("worker", 3)
    await until(compose, "worker", 3)
    assert await values(compose, "worker") == [[f"MONGO_URI={VALUE}"]] * 3
    assert (await planned(compose, vault)).changes[0].before == "a value of its own"


async def test_both_services_and_what_was_set_before_stays(compose: Compose, vault: Vault) -> None:
    await carry_out(await planned(compose, vault, "both"), compose, vault)
    assert await values(compose, "api") == [[f"MONGO_URI={VALUE}"]]
    compose.project.program.override.set("worker", {"OTHER": "1"})
    assert compose.project.program.override.variable("worker", "MONGO_URI") == VALUE


async def test_what_cannot_be_set_is_said_without_the_value(world: World, compose: Compose, vault: Vault) -> None:
    plan = await planned(compose, vault)
    (world.directory / NAME).write_text("a: [")
    with pytest.raises(PermanentError, match="is no YAML: nothing was done") as caught:
        await carry_out(plan, compose, vault)
    assert "pa$$word" not in str(caught.value)


async def test_a_blank_variable_is_refused_before(world: World, compose: Compose, vault: Vault) -> None:
    world.write(worker={"environment": {"NAME": "${NOBODY_SET_ME}"}}, backend={})
    with pytest.raises(Refused, match="NOBODY_SET_ME, which nobody has set here"):
        await planned(compose, vault)
