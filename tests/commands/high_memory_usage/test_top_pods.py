from typing import Any

from bot.reply import Level, Reply
from commands.high_memory_usage.top_pods import top_pods
from tests.clients.any_cluster import AnyCluster
from tests.commands.performing import call
from tests.commands.said import said

Systems = dict[str, Any]


async def _top(systems: Systems) -> Reply:
    reply = await call(top_pods, systems)
    assert isinstance(reply, Reply)
    return reply


async def test_shows_usage_against_requests_and_limits(systems: Systems, world: AnyCluster) -> None:
    await world.sandbox.wait_ready("redis", 1)
    reply = await _top(systems)
    assert (reply.title, reply.level) == ("What 6 pods use", Level.OK)
    assert "redis-0 | 186 Mi (36%) | 256 Mi / 512 Mi | 87m (17%) | 250m / 500m | " in said(reply)
    assert "Measured at " in said(reply)


async def test_what_is_high_is_marked(systems: Systems, world: AnyCluster) -> None:
    def narrow(found: dict[str, Any]) -> None:
        limits = {"memory": "200Mi", "cpu": "100m"}
        found["spec"]["containers"][0]["resources"] = {"limits": limits}

    await world.sandbox.wait_ready("redis", 1)
    world.sandbox.store.change("pods", "novapulse", "redis-0", narrow)
    reply = await _top(systems)
    assert (reply.title, reply.level) == ("1 of 6 pods use much of what they may", Level.WARNING)
    assert "none / 200 Mi | 87m (87%) | none / 100m | memory high, cpu high" in said(reply)


async def test_without_a_metrics_server_it_is_unknown(systems: Systems, world: AnyCluster) -> None:
    world.sandbox.has_metrics(False)
    reply = await _top(systems)
    assert reply.level is Level.UNKNOWN
    assert "it has no metrics server" in said(reply)
    assert "6 pods are there" in said(reply)


async def test_a_cluster_that_forbids_it_is_unknown(systems: Systems, world: AnyCluster) -> None:
    world.sandbox.forbid(True)
    reply = await _top(systems)
    assert (reply.title, reply.level) == ("What the pods use is unknown", Level.UNKNOWN)
