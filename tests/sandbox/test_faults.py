"""The faults that make a system slow: its answers are late, nothing else is, and switched off they are so no more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pymongo import AsyncMongoClient

from sandbox import faults
from sandbox.cluster.server import TOKEN
from sandbox.site import Sandbox, running

WORKER = "/apis/apps/v1/namespaces/novapulse/deployments/novapulse-worker"
MERGE = "application/merge-patch+json"


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with running(tmp_path, parts=["mongo", "cluster"], speed=20) as started:
        yield started


@pytest.fixture
async def cluster(sandbox: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    assert sandbox.cluster is not None
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(sandbox.cluster.url, headers=headers) as session:
        yield session


@pytest.fixture
async def mongo(sandbox: Sandbox) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    async with AsyncMongoClient[dict[str, Any]](sandbox.endpoints["mongo"]) as client:
        await client.aconnect()
        yield client


async def replicas(session: aiohttp.ClientSession) -> int:
    async with session.get(WORKER) as answer:
        return int((await answer.json())["spec"]["replicas"])


async def is_late(call: Awaitable[object], quick: Awaitable[object]) -> bool:
    """Whether one call still waits when another has its answer; it is given up."""
    waiting = asyncio.ensure_future(call)
    await quick
    late = not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    return late


async def test_a_slow_cluster_holds_only_itself_up(
    sandbox: Sandbox, cluster: aiohttp.ClientSession, mongo: AsyncMongoClient[dict[str, Any]]
) -> None:
    await sandbox.fault("cluster-slow", on=True)
    assert await is_late(replicas(cluster), mongo.admin.command("ping"))
    await sandbox.fault("cluster-slow", on=False)
    assert await replicas(cluster) == 2


async def test_a_slow_mongodb_holds_only_itself_up(
    sandbox: Sandbox, cluster: aiohttp.ClientSession, mongo: AsyncMongoClient[dict[str, Any]]
) -> None:
    await sandbox.fault("mongo-slow", on=True)
    assert await is_late(mongo.admin.command("ping"), replicas(cluster))
    await sandbox.fault("mongo-slow", on=False)
    async with AsyncMongoClient[dict[str, Any]](sandbox.endpoints["mongo"]) as new:  # the old one waits for its answer
        assert (await new.admin.command("ping"))["ok"] == 1.0


async def test_what_a_slow_cluster_was_told_is_done_before_it_answers(
    sandbox: Sandbox, cluster: aiohttp.ClientSession
) -> None:
    assert sandbox.cluster is not None
    events = sandbox.cluster.store.listen()
    await sandbox.fault("cluster-slow", on=True)
    body = {"spec": {"replicas": 3}}
    answer = asyncio.ensure_future(cluster.patch(WORKER, json=body, headers={"Content-Type": MERGE}))
    while sandbox.cluster.store.get("deployments", "novapulse", "novapulse-worker")["spec"]["replicas"] != 3:
        await events.get()
    assert not answer.done()
    answer.cancel()
    await asyncio.wait([answer])
    await sandbox.fault("cluster-slow", on=False)
    assert await replicas(cluster) == 3


def test_what_is_slow_is_slower_than_the_bot_waits() -> None:
    assert faults.SLOW_SECONDS > 5
