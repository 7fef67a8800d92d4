"""``/scale-workers``: what the plan binds, what it warns about, and what is refused before there is one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.clients.cluster import Cluster
from bot.clients.queues import Queues
from bot.clients.working_jobs import WorkingJobs
from bot.dispatch.parse import parse
from bot.errors import Refused, Unavailable, UsageError, UserError
from bot.plan import Change, Plan, kind_of
from bot.policy_file import PolicyFile
from bot.request import Actor, Request
from bot.settings import RedisSettings
from bot.stores.samples import Sample, Samples
from commands.adding_a_new_worker.scale_workers import scale_workers
from tests.clients.kubernetes_server import DEPLOYMENTS, HPAS, KubernetesServer, deployment, status

Ask = Callable[..., Awaitable[Plan]]

HPA = {
    "metadata": {"name": "novapulse-api-hpa"},
    "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "novapulse-api"},
        "minReplicas": 3,
        "maxReplicas": 10,
    },
}


@pytest.fixture
async def working_jobs(redis_settings: RedisSettings) -> AsyncIterator[WorkingJobs]:
    client = WorkingJobs(redis_settings)
    yield client
    await client.close()


@pytest.fixture
def ask(
    cluster: Cluster,
    queues: Queues,
    working_jobs: WorkingJobs,
    samples: Samples,
    policy: PolicyFile,
    operator: Actor,
    now: datetime,
) -> Ask:
    async def asked(replicas: int | str, *, source: str = "slash", queues: Queues = queues, **arguments: Any) -> Plan:
        request = Request.model_validate(
            {"id": "r", "actor": operator, "command": "/scale-workers", "source": source, "received_at": now}
        )
        plan = await scale_workers.handler(
            replicas,
            **arguments,
            cluster=cluster,
            queues=queues,
            working_jobs=working_jobs,
            samples=samples,
            policy=policy,
            request=request,
            now=now,
        )
        assert isinstance(plan, Plan)
        return plan

    return asked


async def test_the_plan_says_what_changes_and_binds_what_it_relies_on(ask: Ask) -> None:
    plan = await ask(4)
    assert plan.title == "Scale novapulse-worker from 2 to 4"
    assert plan.target == "deployment/novapulse-worker"
    assert plan.changes == (Change(what="novapulse-worker pods", before="2", after="4"),)
    assert plan.facts == {
        "deployment": "novapulse-worker",
        "uid": "uid-1",
        "replicas": 2,
        "other scalers": "none",
    }
    assert plan.warnings == ()
    assert plan.blast_radius[0].startswith("2 pods more of novapulse-worker")


async def test_the_steps_are_operations_that_exist(ask: Ask, cluster: Cluster, queues: Queues) -> None:
    plan = await ask(4)
    clients: dict[str, object] = {"cluster": cluster, "queues": queues}
    kinds = []
    for step in plan.steps:
        room, _, name = step.operation.partition(".")
        kinds.append(kind_of(getattr(clients[room], name)))
    assert kinds == [step.kind for step in plan.steps]
    assert plan.steps[0].arguments == {"role": "worker", "replicas": 4, "expect_uid": "uid-1"}


async def test_undo_goes_back_while_the_world_is_as_the_run_left_it(ask: Ask) -> None:
    undo = (await ask(4)).undo
    assert undo
    assert undo.command == scale_workers.name
    assert undo.arguments == {"replicas": 2, "deployment": "worker", "yes_zero": False}
    assert undo.expects == {"replicas": 4, "uid": "uid-1"}


async def test_undo_to_nothing_says_that_nothing_is_meant(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = deployment(spec=_replicas(0))
    undo = (await ask(2)).undo
    assert undo
    assert undo.arguments == {"replicas": 0, "deployment": "worker", "yes_zero": True}


def _replicas(number: int) -> dict[str, Any]:
    return {**deployment()["spec"], "replicas": number}


async def test_live_numbers_do_not_move_the_digest(ask: Ask, raw: Redis) -> None:
    before = await ask(4)
    await raw.rpush("bull:nova-email:wait", "1", "2", "3")
    after = await ask(4)
    assert before.notes != after.notes
    assert before.digest("/scale-workers", {}) == after.digest("/scale-workers", {})


@pytest.mark.parametrize("changed", ["uid", "replicas"])
async def test_a_world_that_moved_moves_the_digest(ask: Ask, kubernetes: KubernetesServer, changed: str) -> None:
    before = await ask(4)
    metadata = {**deployment()["metadata"], "uid": "uid-2"} if changed == "uid" else deployment()["metadata"]
    spec = _replicas(3 if changed == "replicas" else 2)
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = deployment(spec=spec, metadata=metadata)
    assert (await ask(4)).digest("/scale-workers", {}) != before.digest("/scale-workers", {})


async def test_the_same_number_is_nothing_to_change(ask: Ask) -> None:
    with pytest.raises(UserError, match="novapulse-worker is already set to 2 pods: there is nothing to change") as no:
        await ask(2)
    assert no.value.hint == "2 of them are ready: /rollout-status worker shows more."


async def test_beyond_the_maximum_is_refused(ask: Ask) -> None:
    with pytest.raises(Refused, match="11 is more than the 10 pods that the policy allows for worker") as refused:
        await ask(11)
    assert "[limits.worker]" in refused.value.hint


async def test_a_number_with_a_plus_is_so_many_more_than_run_now(ask: Ask, kubernetes: KubernetesServer) -> None:
    plan = await ask("+2")
    assert plan.title == "Scale novapulse-worker from 2 to 4"
    assert plan.steps == (await ask(4)).steps
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = deployment(spec=_replicas(9))
    with pytest.raises(Refused, match="11 is more than the 10 pods"):
        await ask("+2")


@pytest.mark.parametrize(
    ("typed", "replicas"), [("5", 5), ("+2", "+2"), ("replicas=+2", "+2"), ("--replicas +2", "+2"), ("0", 0)]
)
def test_how_many_is_typed_as_a_number_or_as_so_many_more(typed: str, replicas: int | str) -> None:
    assert parse(scale_workers, typed)["replicas"] == replicas


@pytest.mark.parametrize("typed", ["many", "+", "+many", "+0", "+00000", "'  +0'", "+0.0", "+2.0", "++2", "+2_0", "-1"])
def test_what_is_neither_is_said_beside_the_field(typed: str) -> None:
    with pytest.raises(UsageError, match="replicas has to be ") as wrong:
        parse(scale_workers, typed)
    assert wrong.value.argument == "replicas"


async def test_a_deployment_without_a_limit_is_refused(ask: Ask, policy: PolicyFile) -> None:
    policy.current = policy.current.model_copy(update={"limits": {}})
    with pytest.raises(Refused, match="sets no limit for scaling the worker deployment"):
        await ask(3)


async def test_more_than_the_step_is_a_warning(ask: Ask) -> None:
    assert (await ask(6)).warnings == ("That is 4 at once; the policy calls more than 3 unusual.",)


async def test_zero_has_to_be_meant(ask: Ask) -> None:
    with pytest.raises(UsageError, match="0 stops every pod") as caught:
        await ask(0, deployment="api")
    assert caught.value.usage == "/scale-workers 0 --yes-zero --deployment api"
    for plan in (await ask(0, yes_zero=True), await ask(0, source="form")):
        assert plan.blast_radius == ("No job of any queue is worked on until workers are scaled up again.",)
        assert [step.operation for step in plan.steps] == [
            "cluster.scale",
            "cluster.rollout_done",
            "cluster.pods_ready",
        ]


async def test_who_would_revert_it_is_said_and_bound(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {HPAS}"] = {"items": [HPA]}
    plan = await ask(4, deployment="api")
    assert plan.warnings == ("HPA novapulse-api-hpa keeps it between 3 and 10 and reverts a manual scale.",)
    assert plan.facts["other scalers"] == "HPA novapulse-api-hpa 3 to 10"
    assert plan.notes == ()
    assert "queues.workers_connected" not in [step.operation for step in plan.steps]


async def test_who_would_revert_it_may_be_unknown(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {HPAS}"] = status(403, "no right to list autoscalers")
    plan = await ask(4)
    assert "Whether HPA owns the replicas is unknown" in plan.warnings[0]
    assert plan.facts["other scalers"] == "HPA unknown"


async def test_pods_that_are_not_ready_are_a_warning(ask: Ask, kubernetes: KubernetesServer) -> None:
    found = deployment(status={"readyReplicas": 1})
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = found
    assert (await ask(4)).warnings == ("Only 1 of 2 pods is ready now.",)


async def test_what_it_does_to_the_forecast(ask: Ask, raw: Redis, samples: Samples, now: datetime) -> None:
    await raw.rpush("bull:nova-email:wait", *map(str, range(600)))
    await raw.set("bull:nova-email:id", 1000)
    await raw.client_setname("bull:bm92YS1lbWFpbA==")
    await remember(samples, now, net=1, into=3)
    notes = (await ask(4)).notes
    assert notes[0] == (
        "email: 600 waiting; now never at this rate (grows by 60 a minute); with 4 expected: empty in about 10 min"
    )
    assert notes[1] == "webhook: 0 waiting; now no workers connected"
    assert (await ask(0, yes_zero=True)).notes[0].endswith("; afterwards nobody works on it")


@pytest.fixture
async def backlog(raw: Redis, samples: Samples, now: datetime) -> None:
    """600 emails wait, one worker takes two a second, and one a second comes in."""
    await raw.rpush("bull:nova-email:wait", *map(str, range(600)))
    await raw.set("bull:nova-email:id", 1000)
    await raw.client_setname("bull:bm92YS1lbWFpbA==")
    await remember(samples, now, net=-1, into=1)


async def remember(samples: Samples, now: datetime, *, net: int, into: int) -> None:
    """Keep the last minute of a queue that grows by ``net`` jobs a second while ``into`` a second come in."""
    for ago in range(60, 0, -10):
        waiting = 600 - net * ago
        values = {"waiting": waiting, "unfinished": waiting, "added": 1000 - into * ago, "workers": 1, "paused": 0}
        moment = now - timedelta(seconds=ago)
        await samples.add([Sample(f"queue/email/{name}", moment, float(value)) for name, value in values.items()])


@pytest.mark.usefixtures("backlog")
async def test_fewer_workers_under_a_backlog_are_a_warning(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = deployment(
        spec=_replicas(4), status={"readyReplicas": 4}
    )
    assert (await ask(3)).warnings == (
        "600 jobs wait; fewer workers make this longer: email empty in about 20 min instead of in about 10 min.",
    )
    assert "email never at this rate (grows by 30 a minute) instead of in about 10 min." in (await ask(1)).warnings[-1]
    assert (await ask(0, yes_zero=True)).warnings[-1] == "600 jobs wait; without workers they stay where they are."
    assert (await ask(6)).warnings == ()
    assert (await ask(3, deployment="api")).warnings == ()


async def test_fewer_workers_are_a_warning_also_without_a_forecast(ask: Ask, raw: Redis) -> None:
    await raw.rpush("bull:nova-email:wait", "1")
    assert (await ask(1)).warnings == ("1 job waits; fewer workers make this longer.",)


async def test_since_when_what_it_needs_is_down(
    ask: Ask, kubernetes: KubernetesServer, samples: Samples, dead_queues: Queues, now: datetime
) -> None:
    for system in ("redis", "cluster"):
        moments = ((50, 1.0), (44, 0.0))
        await samples.add([Sample(f"system/{system}/up", now - timedelta(minutes=ago), up) for ago, up in moments])
    assert (await ask(4, queues=dead_queues)).warnings[0].endswith("connection refused since 08:16 UTC.")
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = status(503, "the server is starting")
    with pytest.raises(Unavailable) as caught:
        await ask(4)
    assert caught.value.reason.endswith("the server is starting since 08:16 UTC")


async def test_without_redis_the_effect_is_unknown_and_still_verified(ask: Ask, dead_queues: Queues) -> None:
    plan = await ask(4, queues=dead_queues)
    assert plan.warnings == ("What this does to the queues is unknown. Redis could not be read: connection refused.",)
    assert plan.steps[-1].operation == "queues.workers_connected"


async def test_without_a_redis_to_look_at_nothing_is_verified_there(ask: Ask) -> None:
    plan = await ask(4, queues=Queues(RedisSettings(redis_url=None)))
    assert "REDIS_URL" in plan.warnings[0]
    assert plan.steps[-1].operation == "cluster.pods_ready"


async def test_keys_that_do_not_exist_are_said(ask: Ask, raw: Redis) -> None:
    await raw.delete("bull:nova-email:meta")
    assert (await ask(4)).notes[0].startswith("email: no such keys in Redis")


async def test_a_cluster_that_cannot_be_read_gives_no_plan(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = status(503, "the server is starting")
    with pytest.raises(Unavailable, match="the server is starting"):
        await ask(4)


async def test_fewer_pods(ask: Ask) -> None:
    plan = await ask(1)
    assert plan.notes[-1] == "No job is in flight."
    assert plan.steps[0].operation == "pods.spare_the_busy"
    assert (plan.steps[-1].operation, plan.steps[-1].always) == ("pods.unmark", True)
    assert plan.blast_radius == (
        "1 pod of novapulse-worker is stopped; jobs it works on are finished or tried again by the others.",
    )
    assert plan.steps[3].title == "Wait until 1 pod is ready"


async def test_fewer_pods_where_nobody_knows_what_they_work_on(ask: Ask, raw: Redis) -> None:
    await raw.flushall()
    await raw.rpush("nova:email:waiting", "1")
    notes = (await ask(1)).notes
    assert [note for note in notes if "in flight" in note] == [
        "email: which jobs are in flight is unknown (in plain lists a job in work is in no list)",
        *(
            f"{short}: which jobs are in flight is unknown (no such keys in Redis)"
            for short in ("webhook", "workflow", "report")
        ),
    ]
