from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from bot.dispatch.parse import parse
from bot.errors import Refused, UsageError
from bot.masking import mask
from bot.plan import Change
from commands.emergency_procedures.rollback import rollback
from commands.emergency_procedures.set_env import set_env
from tests.clients.any_cluster import AnyCluster
from tests.commands.performing import perform, planned

Systems = dict[str, Any]
PASSWORD = "mongodb://nova:hunter2@new-primary/novapulse"


async def _kept(systems: Systems, reference: str = "kept:1") -> str:
    await systems["vault"].keep(reference, SecretStr(PASSWORD), datetime.now(UTC))
    return reference


async def test_sets_it_and_forgets_the_value(systems: Systems) -> None:
    reference = await _kept(systems)
    plan = await planned(set_env, systems, deployment="worker", name="MONGO_URI", value=reference)
    assert plan.changes == (Change(what="MONGO_URI of novapulse-worker", before="not set", after="the new value"),)
    assert "hunter2" not in plan.model_dump_json()
    assert any("Secret novapulse-secrets" in warning and "overridden" in warning for warning in plan.warnings)
    # The warning stands in lists too, where the card's button is not.
    behind = "novapulse-api is left behind with what it has now; /set-env both MONGO_URI asks for the value of both."
    assert behind in plan.warnings
    assert plan.offers == ("/set-env both MONGO_URI",)
    said = await perform(plan, systems, leave_out=("queues",))
    assert "hunter2" not in " ".join(said)
    (entry,) = (await systems["configuration"].container("worker")).env
    assert entry.value == PASSWORD
    with pytest.raises(Refused, match="no longer kept"):
        await planned(set_env, systems, deployment="worker", name="MONGO_URI", value=reference)
    undo = plan.undo
    assert undo is not None
    back = await planned(rollback, systems, **undo.arguments)
    assert undo.expects.items() <= back.facts.items()
    await perform(back, systems, leave_out=("queues",))
    assert (await systems["configuration"].container("worker")).env == []


async def test_what_it_warns_of_is_not_taken_for_a_secret(systems: Systems) -> None:
    plan = await planned(set_env, systems, deployment="api", name="LOG_LEVEL", value=await _kept(systems))
    assert [mask(warning) for warning in plan.warnings] == list(plan.warnings)


@pytest.mark.parametrize("name", ["9x", "A-B", "A B", "", "A" * 129])
async def test_a_name_that_no_variable_can_have_is_refused_in_words(name: str) -> None:
    with pytest.raises(UsageError, match="consists of letters, digits and _") as caught:
        parse(set_env, f'api "{name}"')
    assert caught.value.argument == "name"


async def test_both_leaves_nobody_behind(systems: Systems) -> None:
    plan = await planned(set_env, systems, deployment="both", name="MONGO_URI", value=await _kept(systems))
    assert plan.title == "Set MONGO_URI on novapulse-api and novapulse-worker"
    assert plan.targets == ("deployment/novapulse-api", "deployment/novapulse-worker")
    assert not any("left behind" in warning for warning in plan.warnings)
    assert plan.offers == ()
    assert plan.no_undo
    await perform(plan, systems, leave_out=("queues",))
    for role in ("api", "worker"):
        assert [entry.name for entry in (await systems["configuration"].container(role)).env] == ["MONGO_URI"]


async def test_a_secret_that_is_referred_to_is_named(systems: Systems, world: AnyCluster) -> None:
    def refer(found: dict[str, Any]) -> None:
        source = {"secretKeyRef": {"name": "mongo", "key": "uri"}}
        found["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "MONGO_URI", "valueFrom": source}]

    world.sandbox.store.change("deployments", "novapulse", "novapulse-api", refer)
    plan = await planned(set_env, systems, deployment="api", name="MONGO_URI", value=await _kept(systems))
    assert plan.warnings[0] == (
        "novapulse-api takes MONGO_URI from Secret mongo; the value set here overrides it from now on."
    )
    assert plan.changes[0].before == "Secret mongo"


async def test_without_a_form_it_asks_for_one(systems: Systems) -> None:
    with pytest.raises(UsageError, match="A form asks for the value"):
        await planned(set_env, systems, deployment="api", name="MONGO_URI")


async def test_another_value_is_another_plan(systems: Systems) -> None:
    one = await planned(set_env, systems, deployment="api", name="A", value=await _kept(systems))
    await systems["vault"].keep("kept:2", SecretStr("another"), datetime.now(UTC))
    other = await planned(set_env, systems, deployment="api", name="A", value="kept:2")
    assert one.facts["value (fingerprint)"] != other.facts["value (fingerprint)"]
