from typing import Any

import pytest
from redis.asyncio import Redis

from bot.errors import Forbidden, Refused, Unavailable
from bot.plan import Plan
from commands.restarting_queue.restart import restart
from tests.clients.any_cluster import AnyCluster
from tests.commands.performing import perform, planned

Systems = dict[str, Any]


async def test_replaces_every_worker_once(systems: Systems) -> None:
    plan = await planned(restart, systems, workload="worker")
    assert plan.target == "deployment/novapulse-worker"
    assert plan.facts["last restart"] == "never"
    assert plan.notes == ("No job is in flight.",)
    before = {pod.uid for pod in await systems["pods"].of("worker")}
    await perform(plan, systems, leave_out=("queues",))
    after = {pod.uid for pod in await systems["pods"].of("worker")}
    assert len(after) == 2
    assert not before & after
    await perform(plan, systems, leave_out=("queues",))
    assert {pod.uid for pod in await systems["pods"].of("worker")} == after


async def test_the_same_request_plans_the_same_until_somebody_restarts(systems: Systems) -> None:
    plan = await planned(restart, systems, workload="api")
    assert _digest(await planned(restart, systems, workload="api")) == _digest(plan)
    said = await perform(plan, systems)
    assert _digest(await planned(restart, systems, workload="api")) != _digest(plan)
    assert [step.operation for step in plan.steps] == ["restarts.restart", "cluster.rollout_done", "api.healthy"]
    assert said[-1] == "the API says that it is healthy: mongodb up, redis up"


def _digest(plan: Plan) -> str:
    return plan.digest("/restart", {})


async def test_redis_ends_with_the_workers_connected_again(systems: Systems, world: AnyCluster) -> None:
    await world.sandbox.wait_ready("redis", 1)
    plan = await planned(restart, systems, workload="redis")
    assert plan.target == "statefulset/redis"
    assert plan.steps[-1].arguments == {"minimum": 2}
    said = await perform(plan, systems, leave_out=("queues",))
    assert said[-1] == "redis: 1 of 1 pods restarted, 1 ready"
    assert "No queue works" in plan.blast_radius[0]
    assert plan.no_undo


async def test_redis_is_restarted_also_where_the_workers_cannot_be_read(systems: Systems, world: AnyCluster) -> None:
    await world.sandbox.wait_ready("redis", 1)
    world.sandbox.store.remove("deployments", "novapulse", "novapulse-worker")
    plan = await planned(restart, systems, workload="redis")
    (warning,) = plan.warnings
    assert warning.startswith("What the workers do is unknown, and nobody looks whether they are connected again. The ")
    assert warning.endswith("could not be read: there is no deployment novapulse-worker in namespace novapulse.")
    assert [step.operation for step in plan.steps] == ["restarts.restart", "restarts.stateful_restarted"]
    with pytest.raises(Unavailable):
        await planned(restart, systems, workload="worker")


async def test_jobs_in_flight_are_named(systems: Systems, raw: Redis) -> None:
    await raw.hset("bull:nova-email:9", mapping={"name": "sendEmail", "processedOn": "1782896400000", "pb": "worker-a"})
    await raw.lpush("bull:nova-email:active", "9")
    notes = (await planned(restart, systems, workload="worker")).notes
    assert notes[0] == "Jobs in flight: email 1."
    assert notes[1].startswith("The longest: email job 9 (sendEmail), running for ")


@pytest.mark.parametrize("workload", ["worker", "redis"])
async def test_jobs_in_flight_may_be_unknown(systems: Systems, raw: Redis, world: AnyCluster, workload: str) -> None:
    await world.sandbox.wait_ready("redis", 1)
    await raw.delete("bull:nova-email:meta", "bull:nova-report:meta")
    await raw.rpush("nova:report:waiting", "1")
    assert (await planned(restart, systems, workload=workload)).notes == (
        "No job of webhook, workflow is in flight.",
        "email: which jobs are in flight is unknown (no such keys in Redis)",
        "report: which jobs are in flight is unknown (in plain lists a job in work is in no list)",
    )


async def test_what_cannot_be_restarted_is_refused(systems: Systems, world: AnyCluster) -> None:
    await systems["cluster"].scale("worker", 0)
    with pytest.raises(Refused, match="scaled to 0"):
        await planned(restart, systems, workload="worker")

    def pause(found: dict[str, Any]) -> None:
        found["spec"]["paused"] = True

    world.sandbox.store.change("deployments", "novapulse", "novapulse-api", pause)
    with pytest.raises(Refused, match="are paused"):
        await planned(restart, systems, workload="api")
    world.sandbox.forbid(True)
    with pytest.raises(Forbidden):
        await planned(restart, systems, workload="api")
