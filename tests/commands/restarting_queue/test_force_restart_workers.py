from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.clients.aftermath import Aftermath
from bot.clients.working_jobs import WorkingJobs
from bot.errors import Refused
from bot.settings import RedisSettings
from commands.restarting_queue.force_restart_workers import force_restart_workers
from tests.clients.any_cluster import AnyCluster
from tests.commands.performing import RUN_BEGAN, perform, planned

Systems = dict[str, Any]


async def test_ends_exactly_the_pods_shown_and_counts_what_stalled(systems: Systems, raw: Redis) -> None:
    await raw.hset("bull:nova-email:9", mapping={"name": "sendEmail", "pb": "worker-a"})
    await raw.lpush("bull:nova-email:active", "9")
    plan = await planned(force_restart_workers, systems)
    before = {pod.name: pod.uid for pod in await systems["pods"].of("worker")}
    assert plan.facts["pods"] == before
    assert plan.notes == ("Jobs in flight: email 1.",)
    assert [step.operation for step in plan.steps] == [
        "pods.delete",
        "pods.replaced",
        "queues.workers_connected",
        "aftermath.stalls_counted",
    ]
    assert [step.operation for step in plan.steps if step.watches] == ["aftermath.stalls_counted"]
    await _stalled(raw, "8", RUN_BEGAN - timedelta(seconds=1))
    await _stalled(raw, "9", RUN_BEGAN + timedelta(seconds=1))
    said = await perform(plan, systems, leave_out=("queues",))
    assert said == [
        "2 told to end",
        "0 of 2 old pods left, 2 of 2 new ones ready",
        "jobs that stalled and were put back: email 1",
    ]
    again = await perform(plan, systems, leave_out=("queues",))
    assert again[0] == "0 told to end, 2 gone already"


async def _stalled(raw: Redis, job: str, at: datetime) -> None:
    await raw.xadd("bull:nova-email:events", {"event": "stalled", "jobId": job}, id=f"{int(at.timestamp() * 1000)}-0")


async def test_the_new_workers_have_their_time_to_notice(systems: Systems, raw: Redis) -> None:
    await _stalled(raw, "9", RUN_BEGAN + timedelta(seconds=1))
    step_began = RUN_BEGAN + timedelta(minutes=4)  # so long it took until they were connected
    clock = [step_began + timedelta(seconds=74)]
    aftermath = Aftermath(systems["working_jobs"], lambda: clock[0])
    counting = partial(aftermath.stalls_counted, 75.0, run_began=RUN_BEGAN, step_began=step_began)
    seen = await counting()
    assert (seen.done, seen.message) == (False, "jobs that stalled and were put back: email 1")
    clock[0] += timedelta(seconds=1)
    assert (await counting()).done
    await raw.xtrim("bull:nova-email:events", maxlen=0, approximate=False)
    gone = "jobs that stalled and were put back: email unknown (its events since then are not all there)"
    assert (await counting()).message == gone


async def test_what_stalled_in_queues_that_do_not_tell_is_unknown(systems: Systems, raw: Redis) -> None:
    await _stalled(raw, "9", RUN_BEGAN + timedelta(seconds=1))
    await raw.delete("bull:nova-report:meta", "bull:nova-webhook:meta", "bull:nova-workflow:meta")
    await raw.rpush("nova:workflow:waiting", "1")
    plan = await planned(force_restart_workers, systems)
    assert plan.notes[0] == "No job of email is in flight."
    aftermath = Aftermath(systems["working_jobs"], lambda: RUN_BEGAN)
    seen = await aftermath.stalls_counted(75.0, run_began=RUN_BEGAN, step_began=RUN_BEGAN)
    assert seen.message == (
        "jobs that stalled and were put back: email 1; webhook, report unknown (no such keys in Redis); "
        "workflow unknown (in plain lists a job in work is in no list)"
    )


async def test_pods_that_were_replaced_meanwhile_move_the_plan(systems: Systems) -> None:
    plan = await planned(force_restart_workers, systems)
    await perform(plan, systems, leave_out=("queues", "aftermath"))
    fresh = await planned(force_restart_workers, systems)
    assert fresh.digest("/x", {}) != plan.digest("/x", {})


async def test_without_pods_there_is_nothing_to_end(systems: Systems, world: AnyCluster) -> None:
    await systems["cluster"].scale("worker", 0)
    await world.sandbox.wait_ready("novapulse-worker", 0)
    with pytest.raises(Refused, match="no pod of novapulse-worker"):
        await planned(force_restart_workers, systems)


async def test_without_a_redis_the_pods_are_ended_all_the_same(systems: Systems) -> None:
    systems["working_jobs"] = WorkingJobs(RedisSettings(redis_url=None))
    plan = await planned(force_restart_workers, systems)
    assert plan.notes == ()
    assert [step.operation for step in plan.steps] == ["pods.delete", "pods.replaced"]


async def test_on_plain_lists_every_step_comes_to_its_end(systems: Systems, raw: Redis) -> None:
    await raw.flushall()
    for short in ("email", "webhook", "workflow", "report"):
        await raw.rpush(f"nova:{short}:waiting", "1")
    plan = await planned(force_restart_workers, systems)
    assert "No job is in flight." not in plan.notes
    connected, stalled = (await perform(plan, systems))[-2:]
    queues = "email, webhook, workflow, report"
    assert connected == f"not verified: {queues} (with plain lists no connection names its queue)"
    lost = f"{queues} unknown (in plain lists a job in work is in no list)"
    assert stalled == f"jobs that stalled and were put back: {lost}"
