from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from bot.clients.cluster import Cluster
from bot.clients.platform_words import COMPOSE
from bot.clients.queue_drain import QueueDrain
from bot.clients.queue_pause import QueuePause
from bot.clients.queues import Queues
from bot.errors import Refused, UsageError, UserError
from bot.plan import Plan
from bot.request import Actor, Request
from bot.settings import RedisSettings
from bot.stores.database import Database
from bot.stores.drains import Drains
from bot.stores.samples import Samples
from commands.planned_maintenance.drain_queues import drain_queues
from tests.clients.kubernetes_server import DEPLOYMENTS, KubernetesServer, deployment
from tests.foreign_words import speaks_of_containers


@pytest.fixture
def plan(queues: Queues, cluster: Cluster, samples: Samples, now: datetime, operator: Actor) -> Callable[..., Any]:
    request = Request(id="request-1", actor=operator, command="/drain-queues", received_at=now)

    async def planned(**arguments: Any) -> Plan:
        found = await drain_queues.handler(
            queues=queues, cluster=cluster, samples=samples, request=request, now=now, **arguments
        )
        assert isinstance(found, Plan)
        return found

    return planned


async def silent(_: str) -> None:
    """Tell nobody."""


async def test_paused_as_planned(
    plan: Callable[..., Any],
    queues: Queues,
    redis_settings: RedisSettings,
    raw: Redis,
    database: Database,
    now: datetime,
) -> None:
    await raw.hset("bull:nova-report:meta", "paused", "1")
    found = await plan(queue="email,report", within="10m")
    (step,) = found.steps
    drain = step.arguments["drain"]
    assert step.arguments == {"queues": ["email", "report"], "pause": ["email"], "within": 600.0, "drain": drain}
    assert (await plan(queue="email,report", within="10m")).digest("x", {}) == found.digest("x", {})
    assert step.timeout > 600
    assert found.undo.arguments == {"queue": "email"}
    assert found.notes[-1].startswith("To abort it: /resume-queue email.")
    pause = QueuePause(redis_settings, queues)
    drains = Drains(database, lambda: now)
    draining = QueueDrain(queues, pause, drains, lambda: datetime.now(UTC))
    assert (await draining.pause_and_finish(**step.arguments, progress=silent)).startswith("no job is in work")
    with pytest.raises(UserError, match="nothing to wait for"):
        await plan(queue="email,report")
    await pause.close()


async def test_worked_off_and_then_scaled_to_nothing(plan: Callable[..., Any]) -> None:
    found = await plan(how="scale", within="1h")
    (step,) = found.steps
    assert step.operation == "worker_drain.work_off_and_scale"
    assert (step.arguments["replicas"], step.arguments["queues"]) == (2, ["email", "webhook", "workflow", "report"])
    assert step.timeout > 3600
    assert found.notes[-1] == "To abort it: /resume-queue all. Then it is 2 pods again."
    assert found.target == "deployment/novapulse-worker"
    assert found.undo.command == "/scale-workers"
    assert found.undo.expects["replicas"] == 0
    assert any(note.startswith("email: ") for note in found.notes)


class InContainers:
    """The same numbers as Docker Compose's."""

    words = COMPOSE

    def __init__(self, cluster: Cluster) -> None:
        self.deployment = cluster.deployment
        self.autoscalers = cluster.autoscalers


@pytest.mark.parametrize("how", ["pause", "scale"])
async def test_on_docker_compose_it_speaks_of_containers(
    queues: Queues, cluster: Cluster, samples: Samples, now: datetime, operator: Actor, raw: Redis, how: str
) -> None:
    await raw.lpush("bull:nova-email:active", "1")
    request = Request(id="request-1", actor=operator, command="/drain-queues", received_at=now)
    found = await drain_queues.handler(
        queues=queues, cluster=InContainers(cluster), samples=samples, request=request, now=now, how=how
    )
    assert isinstance(found, Plan)
    assert found.undo is not None
    titles = (found.title, found.target, found.undo.title, *(step.title for step in found.steps))
    changes = (f"{each.what} {each.before} {each.after}" for each in found.changes)
    read = "\n".join((*titles, *changes, *found.facts, *found.blast_radius, *found.warnings, *found.notes))
    speaks_of_containers(read)
    assert ("2 containers" in read) is (how == "scale")


async def test_what_cannot_be_drained(plan: Callable[..., Any], raw: Redis, kubernetes: KubernetesServer) -> None:
    with pytest.raises(UsageError, match="every queue"):
        await plan(queue="email", how="scale")
    await raw.hset("bull:nova-email:meta", "paused", "1")
    with pytest.raises(Refused, match="never worked off"):
        await plan(how="scale")
    await raw.delete("bull:nova-email:meta")
    with pytest.raises(Refused, match=r"cannot all be paused.*no such keys"):
        await plan()
    with pytest.raises(Refused, match="could not be seen"):
        await plan(how="scale")
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = deployment("novapulse-worker", spec={"replicas": 0})
    await raw.hset("bull:nova-email:meta", "version", "bullmq:5.65.1")
    with pytest.raises(UserError, match="nobody would work"):
        await plan(how="scale")


async def test_plain_lists_are_worked_off_as_far_as_they_can_be_seen(plan: Callable[..., Any], raw: Redis) -> None:
    await raw.delete("bull:nova-email:meta")
    await raw.rpush("nova:email:waiting", "1")
    found = await plan(how="scale")
    assert found.warnings[0] == (
        "email is kept in plain lists: it is waited for until nothing waits there. Which of its jobs are in work then "
        "is unknown; one that takes longer than a worker is given to end is broken off."
    )
    assert len([warning for warning in found.warnings if "plain lists" in warning]) == 1
    with pytest.raises(Refused, match="email is kept in plain lists, which know no pause"):
        await plan(queue="email")
    await raw.delete("nova:email:waiting")
    await raw.set("nova:email:waiting", "no list")
    await raw.rpush("nova:email:failed", "1")
    with pytest.raises(Refused, match=r"could not be seen\. What is in nova:email:waiting is no list"):
        await plan(how="scale")


@pytest.mark.parametrize("within", ["soon", "13h", "0s"])
async def test_how_long_has_to_be_sensible(plan: Callable[..., Any], within: str) -> None:
    with pytest.raises(UsageError, match="no time to wait"):
        await plan(within=within)
