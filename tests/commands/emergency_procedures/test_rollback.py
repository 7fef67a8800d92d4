from typing import Any

import pytest

from bot.clients.cluster_state import Workload
from bot.errors import Refused, UsageError, UserError
from bot.plan import Change, Plan
from bot.rollout_steps import rolled_out
from commands.emergency_procedures.rollback import rollback
from tests.clients.any_cluster import AnyCluster
from tests.commands.performing import perform, planned

Systems = dict[str, Any]


async def _deploy(world: AnyCluster, systems: Systems, tag: str, role: Workload = "worker") -> None:
    def change(found: dict[str, Any]) -> None:
        container = found["spec"]["template"]["spec"]["containers"][0]
        container |= {"image": f"worker:{tag}", "env": [{"name": "SECRET", "value": f"value-{tag}"}]}
        found["metadata"].setdefault("annotations", {})["kubernetes.io/change-cause"] = f"release {tag}"

    world.sandbox.store.change("deployments", "novapulse", f"novapulse-{role}", change)
    await _settled(systems, tag, role)


async def _settled(systems: Systems, tag: str, role: Workload = "worker") -> None:
    settled = Plan(title="", target="", changes=(), steps=(rolled_out(role, f"novapulse-{role}"),))
    await perform(settled, systems)
    assert (await systems["cluster"].deployment(role)).image.endswith(tag)


async def test_goes_back_and_undo_goes_forth(systems: Systems, world: AnyCluster) -> None:
    await _deploy(world, systems, "3.0.0")
    plan = await planned(rollback, systems, deployment="worker")
    assert plan.title == "Roll novapulse-worker back from revision 2 to 1"
    assert plan.changes == (
        Change(what="containers[worker].env[SECRET].value", before="a value", after="not set"),
        Change(
            what="containers[worker].image",
            before="worker:3.0.0",
            after="registry.novapulse.example/worker:2.14.0",
        ),
    )
    assert plan.notes[0].startswith("revision 2 (the present one): worker:3.0.0, made ")
    assert plan.notes[0].endswith("ago, release 3.0.0")
    assert "value-3" not in plan.model_dump_json()
    await perform(plan, systems, leave_out=("queues",))
    await _settled(systems, "2.14.0")
    undo = plan.undo
    assert undo is not None
    back = await planned(rollback, systems, **undo.arguments)
    assert undo.expects.items() <= back.facts.items()
    await perform(back, systems, leave_out=("queues",))
    await _settled(systems, "3.0.0")


async def test_while_rollouts_are_paused_it_is_refused(systems: Systems, world: AnyCluster) -> None:
    await _deploy(world, systems, "3.0.0")
    world.sandbox.store.change(
        "deployments", "novapulse", "novapulse-worker", lambda found: found["spec"].update(paused=True)
    )
    with pytest.raises(Refused, match="are paused: a rollback would not begin"):
        await planned(rollback, systems, deployment="worker")


async def test_where_a_variable_comes_from_is_shown_and_its_value_is_not(systems: Systems, world: AnyCluster) -> None:
    def change(found: dict[str, Any]) -> None:
        source = {"secretKeyRef": {"name": "mongo-new", "key": "uri"}}
        container = found["spec"]["template"]["spec"]["containers"][0]
        container |= {"image": "worker:3.0.0", "env": [{"name": "MONGO_URI", "valueFrom": source}]}
        container["resources"]["limits"]["memory"] = "1Gi"

    world.sandbox.store.change("deployments", "novapulse", "novapulse-worker", change)
    await _settled(systems, "3.0.0")
    plan = await planned(rollback, systems, deployment="worker")
    shown = {change.what.partition("].")[2]: (change.before, change.after) for change in plan.changes}
    assert shown["env[MONGO_URI].valueFrom.secretKeyRef.name"] == ("mongo-new", "not set")
    assert shown["resources.limits.memory"] == ("1Gi", "512Mi")


async def test_what_applies_the_deployment_from_git_is_warned_of(systems: Systems, world: AnyCluster) -> None:
    await _deploy(world, systems, "3.0.0")
    assert len((await planned(rollback, systems, deployment="worker")).warnings) == 1

    def mark(found: dict[str, Any]) -> None:
        found["metadata"].setdefault("annotations", {})["argocd.argoproj.io/tracking-id"] = "nova:apps/Deployment:x"

    world.sandbox.store.change("deployments", "novapulse", "novapulse-worker", mark)
    assert (
        "Argo CD nova applies novapulse-worker from Git and may put back what stands there: change it there as well."
        in (await planned(rollback, systems, deployment="worker")).warnings
    )


async def test_the_api_is_seen_healthy_at_the_end(systems: Systems, world: AnyCluster) -> None:
    await _deploy(world, systems, "3.0.0", "api")
    plan = await planned(rollback, systems, deployment="api")
    assert [step.operation for step in plan.steps[1:]] == ["cluster.rollout_done", "api.healthy"]
    assert (await perform(plan, systems))[-1].startswith("the API says that it is healthy")


async def test_to_a_revision_of_choice(systems: Systems, world: AnyCluster) -> None:
    for tag in ("3.0.0", "3.1.0"):
        await _deploy(world, systems, tag)
    plan = await planned(rollback, systems, deployment="worker", to_revision=1)
    assert plan.facts["revision"] == 1
    with pytest.raises(UsageError, match="keeps no revision 9, but 2, 1"):
        await planned(rollback, systems, deployment="worker", to_revision=9)
    with pytest.raises(UserError, match="the present one"):
        await planned(rollback, systems, deployment="worker", to_revision=3)


async def test_where_there_is_nothing_to_go_back_to(systems: Systems) -> None:
    with pytest.raises(Refused, match="nothing to go back to"):
        await planned(rollback, systems, deployment="api")


async def test_a_deployment_in_between_moves_the_plan(systems: Systems, world: AnyCluster) -> None:
    await _deploy(world, systems, "3.0.0")
    plan = await planned(rollback, systems, deployment="worker")
    await _deploy(world, systems, "3.1.0")
    fresh = await planned(rollback, systems, deployment="worker")
    assert fresh.digest("/x", {}) != plan.digest("/x", {})
