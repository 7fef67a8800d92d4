from typing import Any

import pytest

from bot.errors import Conflicting, UserError
from commands.database_optimization.set_pool_size import set_pool_size
from tests.commands.performing import perform, planned

Systems = dict[str, Any]


async def test_changes_both_and_restarts_both(systems: Systems) -> None:
    plan = await planned(set_pool_size, systems, maximum=20, minimum=5)
    assert plan.targets == ("configmap/novapulse-config", "deployment/novapulse-api", "deployment/novapulse-worker")
    assert [(change.what, change.before, change.after) for change in plan.changes] == [
        ("MONGO_MAX_POOL_SIZE in novapulse-config", "not set", "20"),
        ("MONGO_MIN_POOL_SIZE in novapulse-config", "not set", "5"),
    ]
    assert plan.blast_radius[1] == "MongoDB has to bear up to 100 connections of 5 pods."
    assert plan.no_undo
    before = {pod.uid for role in ("api", "worker") for pod in await systems["pods"].of(role)}
    said = await perform(plan, systems, leave_out=("queues",))
    assert [step.operation for step in plan.steps][:2] == ["effects.baseline", "configuration.set_keys"]
    assert [step.arguments["role"] for step in plan.steps if step.operation == "effects.seen"] == ["api", "worker"]
    assert [step.arguments["role"] for step in plan.steps if step.watches] == ["api", "worker"]
    assert "the API says that it is healthy" in said[-2]
    assert "connections to MongoDB: unknown, the API gives no sample of it" in said[-2]
    assert "waiting: email 0 (was 0)" in said[-1]
    assert not before & {pod.uid for role in ("api", "worker") for pod in await systems["pods"].of(role)}
    assert (await systems["configuration"].config_map()).data["MONGO_MAX_POOL_SIZE"] == "20"
    with pytest.raises(UserError, match="5 to 20 already"):
        await planned(set_pool_size, systems, maximum=20, minimum=5)
    undo = (await planned(set_pool_size, systems, maximum=30, minimum=5)).undo
    assert undo is not None
    assert undo.arguments == {"maximum": 20, "minimum": 5}


async def test_at_least_is_not_more_than_at_most(systems: Systems) -> None:
    with pytest.raises(Conflicting, match="cannot keep at least 9 connections open and at most 5") as caught:
        await planned(set_pool_size, systems, maximum=5, minimum=9)
    assert caught.value.argument == "minimum"
