import asyncio
from typing import Any

import pytest

from bot.errors import Unavailable, UsageError
from bot.reply import Level, Reply
from commands.emergency_procedures.pods import pods
from tests.clients.any_cluster import AnyCluster
from tests.commands.performing import call
from tests.commands.said import said

Systems = dict[str, Any]


async def _pods(systems: Systems, app: str | None = None) -> Reply:
    reply = await call(pods, systems, app=app)
    assert isinstance(reply, Reply)
    return reply


async def test_shows_every_pod(systems: Systems, world: AnyCluster) -> None:
    await world.sandbox.wait_ready("redis", 1)
    reply = await _pods(systems)
    assert (reply.title, reply.level) == ("6 pods, all ready", Level.OK)
    assert "novapulse-worker: registry.novapulse.example/worker:2.14.0" in said(reply)
    assert "redis-0 | ready | 1/1 | 0 | " in said(reply)


@pytest.mark.parametrize("app", ["worker", "novapulse-worker", "Worker"])
async def test_one_app_by_role_or_name(systems: Systems, app: str) -> None:
    assert (await _pods(systems, app)).title == "2 pods, all ready"


async def test_an_app_without_pods_is_said_to_have_none(systems: Systems) -> None:
    await systems["cluster"].scale("worker", 0)
    async with asyncio.timeout(30):
        while any(pod.app == "novapulse-worker" for pod in await systems["pod_metrics"].pods()):  # noqa: ASYNC110 - no watch
            await asyncio.sleep(0.05)
    reply = await _pods(systems, "worker")
    assert (reply.title, reply.level) == (
        "There are no pods of worker; /rollout-status says how many are wanted",
        Level.WARNING,
    )


async def test_an_unknown_app_names_those_that_exist(systems: Systems) -> None:
    with pytest.raises(UsageError, match="some of novapulse-api, novapulse-worker, redis") as caught:
        await _pods(systems, "wroker")
    assert caught.value.nearest == "worker"


async def test_why_a_pod_restarted_is_said(systems: Systems, world: AnyCluster) -> None:
    (name, *_) = world.sandbox.ready_pods("novapulse-worker")

    def killed(found: dict[str, Any]) -> None:
        status = found["status"]["containerStatuses"][0]
        status |= {"restartCount": 3, "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
        status["ready"] = False
        status["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
        found["status"]["conditions"] = [{"type": "Ready", "status": "False"}]

    world.sandbox.store.change("pods", "novapulse", name, killed)
    reply = await _pods(systems, "worker")
    assert (reply.title, reply.level) == ("2 pods, 1 not ready", Level.WARNING)
    assert f"{name} | CrashLoopBackOff | 0/1 | 3 (OOMKilled) | " in said(reply)


async def test_a_cluster_that_is_down_is_said(systems: Systems, world: AnyCluster) -> None:
    await world.sandbox.down(True)
    with pytest.raises(Unavailable):
        await _pods(systems)
    await world.sandbox.down(False)
