from typing import Any

import pytest

from bot.errors import Refused, Unavailable, UserError
from bot.plan import Change
from commands.queue_optimization.set_concurrency import set_concurrency
from tests.clients.any_cluster import AnyCluster
from tests.commands.performing import perform, planned

Systems = dict[str, Any]


async def test_changes_it_restarts_and_watches(systems: Systems) -> None:
    plan = await planned(set_concurrency, systems, concurrency=8)
    assert plan.targets == ("configmap/novapulse-config", "deployment/novapulse-worker")
    assert plan.changes == (Change(what="QUEUE_CONCURRENCY in novapulse-config", before="5", after="8"),)
    assert plan.blast_radius[1] == "Up to 16 jobs of each queue at a time, over all workers."
    assert [step.operation for step in plan.steps] == [
        "configuration.set_keys",
        "restarts.restart",
        "cluster.rollout_done",
        "queues.workers_connected",
        "aftermath.effect_seen",
    ]
    before = {pod.uid for pod in await systems["pods"].of("worker")}
    said = await perform(plan, systems, leave_out=("queues",))
    assert said[-1].startswith("waiting: email 0, webhook 0, workflow 0, report 0; memory at most 186 Mi of 512 Mi")
    assert not before & {pod.uid for pod in await systems["pods"].of("worker")}
    undo = plan.undo
    assert undo is not None
    back = await planned(set_concurrency, systems, **undo.arguments)
    assert undo.expects.items() <= back.facts.items()


async def test_the_same_number_is_nothing_to_change(systems: Systems) -> None:
    with pytest.raises(UserError, match="is 5 already"):
        await planned(set_concurrency, systems, concurrency=5)


async def test_more_at_a_time_warns_of_memory(systems: Systems) -> None:
    assert "OOMKilled" in (await planned(set_concurrency, systems, concurrency=8)).warnings[0]
    assert (await planned(set_concurrency, systems, concurrency=3)).warnings == ()


async def test_a_value_on_the_deployment_makes_it_pointless(systems: Systems, world: AnyCluster) -> None:
    def own(found: dict[str, Any]) -> None:
        entry = {"name": "QUEUE_CONCURRENCY", "value": "7"}
        found["spec"]["template"]["spec"]["containers"][0]["env"] = [entry]

    world.sandbox.store.change("deployments", "novapulse", "novapulse-worker", own)
    with pytest.raises(Refused, match="the ConfigMap has no effect: /set-env worker QUEUE_CONCURRENCY"):
        await planned(set_concurrency, systems, concurrency=8)


async def test_what_had_no_number_cannot_go_back(systems: Systems, world: AnyCluster) -> None:
    def forget(found: dict[str, Any]) -> None:
        del found["data"]["QUEUE_CONCURRENCY"]

    world.sandbox.store.change("configmaps", "novapulse", "novapulse-config", forget)
    plan = await planned(set_concurrency, systems, concurrency=8)
    assert (plan.undo, plan.no_undo) == (None, "QUEUE_CONCURRENCY had no number before")
    assert plan.changes[0].before == "not set"


async def test_without_the_config_map_there_is_no_plan(systems: Systems, world: AnyCluster) -> None:
    world.sandbox.store.remove("configmaps", "novapulse", "novapulse-config")
    with pytest.raises(Unavailable, match="there is no ConfigMap novapulse-config"):
        await planned(set_concurrency, systems, concurrency=8)
