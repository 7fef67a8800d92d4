from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.errors import Refused, Unavailable, UserError
from bot.plan import Change
from bot.stores.samples import Sample, Samples
from commands.database_optimization.set_pool_size import set_pool_size
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
        "effects.baseline",
        "configuration.set_keys",
        "restarts.restart",
        "cluster.rollout_done",
        "queues.workers_connected",
        "effects.seen",
    ]
    assert [step.operation for step in plan.steps if step.watches] == ["effects.seen"]
    before = {pod.uid for pod in await systems["pods"].of("worker")}
    said = await perform(plan, systems, leave_out=("queues",))
    assert "waiting: email 0 (was 0), webhook 0 (was 0), workflow 0 (was 0), report 0 (was 0)" in said[-1]
    assert "jobs that ended: unknown (was unknown)" in said[-1]
    assert "memory at most 186 Mi of 512 Mi (36%), was 36%; restarts since: none" in said[-1]
    assert said[-1].startswith("nothing that is known speaks for undo; unknown: rate")
    assert not before & {pod.uid for pod in await systems["pods"].of("worker")}
    undo = plan.undo
    assert undo is not None
    back = await planned(set_concurrency, systems, **undo.arguments)
    assert undo.expects.items() <= back.facts.items()


QUEUES = ("email", "webhook", "workflow", "report")


async def nothing_yet(samples: Samples) -> None:
    """Have it on record that no job had been added, four minutes before what the systems take for now."""
    at = datetime.now(UTC) + timedelta(minutes=6)
    names = [f"queue/{queue}/{what}" for queue in QUEUES for what in ("added", "unfinished")]
    await samples.add([Sample(name, at, 0.0) for name in names])


async def test_paused_queues_do_not_speak_for_undo(systems: Systems, samples: Samples, raw: Redis) -> None:
    await nothing_yet(samples)
    for queue in QUEUES:
        await raw.hset(f"bull:nova-{queue}:meta", "paused", "1")
    watch = (await planned(set_concurrency, systems, concurrency=8)).steps[-1]
    said = (await systems["effects"].seen(**watch.arguments)).message
    assert said.startswith("no job is begun: the queues are paused, which is no reason for undo; nothing else")


async def test_the_rate_before_is_read_before_the_patch_and_kept_for_any_process(
    systems: Systems, samples: Samples, raw: Redis
) -> None:
    await nothing_yet(samples)
    await raw.set("bull:nova-email:id", 240)
    baseline, *rest = (await planned(set_concurrency, systems, concurrency=8)).steps
    watch = rest[-1]
    await systems["effects"].baseline(**baseline.arguments)
    await raw.set("bull:nova-email:id", 9000)
    await systems["effects"].baseline(**baseline.arguments)  # again after a crash: the first reading stays
    said = (await systems["effects"].seen(**watch.arguments)).message
    assert "was 60 a minute" in said or "was 59 a minute" in said
    assert (await systems["effects"].seen(**(watch.arguments | {"stamp": "other"}))).message.startswith(
        "nothing that is known speaks for undo; unknown: what was before"
    )


async def test_a_pod_that_was_killed_since_speaks_for_undo(systems: Systems, world: AnyCluster) -> None:
    baseline, *rest = (await planned(set_concurrency, systems, concurrency=8)).steps
    await systems["effects"].baseline(**baseline.arguments)

    def kill(found: dict[str, Any]) -> None:
        ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
        found["status"]["containerStatuses"][0] |= {"restartCount": 2, "lastState": ended}

    name = (await systems["pods"].of("worker"))[0].name
    world.sandbox.store.change("pods", "novapulse", name, kill)
    said = (await systems["effects"].seen(**rest[-1].arguments)).message
    assert said.startswith("restarted 2 times since (OOMKilled): consider undo; ")


async def test_the_same_number_is_nothing_to_change(systems: Systems) -> None:
    with pytest.raises(UserError, match="is 5 already"):
        await planned(set_concurrency, systems, concurrency=5)


async def test_what_applies_the_config_map_from_git_is_warned_of(systems: Systems, world: AnyCluster) -> None:
    def mark(found: dict[str, Any]) -> None:
        found["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "nova"}

    world.sandbox.store.change("configmaps", "novapulse", "novapulse-config", mark)
    said = "Flux nova applies novapulse-config from Git and may put back what stands there: change it there as well."
    assert said in (await planned(set_concurrency, systems, concurrency=3)).warnings
    assert said in (await planned(set_pool_size, systems, maximum=20, minimum=5)).warnings


async def test_more_at_a_time_warns_of_memory(systems: Systems) -> None:
    assert "OOMKilled" in (await planned(set_concurrency, systems, concurrency=8)).warnings[0]
    plan = await planned(set_concurrency, systems, concurrency=3)
    assert plan.warnings == ()
    (said,) = plan.notes
    assert said.startswith("novapulse-worker reads Secret novapulse-secrets, after the ConfigMap")


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
