"""The systems the commands speak to: real Redis, real HTTP, a real database of the bot's own."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.catalog import Catalog, load
from bot.clients.api import NovaPulseApi
from bot.clients.cluster import Cluster
from bot.clients.cluster_parts import cluster_parts
from bot.clients.effects import effects
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.clients.replica_metrics import MetricsReader
from bot.plan import Change, Plan, Step
from bot.policy_file import PolicyFile
from bot.request import Actor
from bot.settings import ApiSettings, PlatformSettings, RedisSettings
from bot.stores.baselines import Baselines
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan
from bot.stores.requests import Requests
from bot.stores.runs import Runs
from bot.stores.samples import Samples
from bot.stores.vault import Vault
from sandbox.ports import free_port
from tests.clients.any_cluster import AnyCluster, any_cluster
from tests.clients.kubernetes_server import (
    DEPLOYMENTS,
    HPAS,
    PODS,
    KubernetesServer,
    deployment,
    kubernetes_server,
    pod,
)
from tests.clients.pretend_api import EMAIL, PASSWORD, PretendApi, pretend_api
from tests.commands.novapulse_data import Data, novapulse_data
from tests.own_database import with_tables
from tests.servers import ROOT, NodeQueues, node_queues, redis_server

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load()


@pytest.fixture
def policy(catalog: Catalog) -> PolicyFile:
    return PolicyFile(ROOT / "policy.toml", catalog)


@pytest.fixture
def operator() -> Actor:
    return Actor(id="U0OPERATOR", name="operator")


@pytest.fixture
def approver() -> Actor:
    return Actor(id="U0APPROVER", name="approver")


@pytest.fixture
def viewer() -> Actor:
    return Actor(id="U0VIEWER", name="viewer")


# The bot's own state


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def samples(database: Database) -> Samples:
    return Samples(database)


@pytest.fixture
def plans(database: Database) -> Plans:
    return Plans(database)


@pytest.fixture
def runs(database: Database) -> Runs:
    return Runs(database)


@pytest.fixture
def requests(database: Database) -> Requests:
    return Requests(database)


@pytest.fixture
def stored_plan(operator: Actor) -> StoredPlan:
    plan = Plan(
        title="Scale novapulse-worker from 2 to 5",
        target="deployment/novapulse-worker",
        changes=(Change(what="novapulse-worker pods", before="2", after="5"),),
        steps=(Step(title="Scale novapulse-worker to 5", operation="cluster.scale"),),
        warnings=("HPA reverts it.",),
    )
    return StoredPlan(
        id="k3v9x2mq7a",
        request_id="request-1",
        command="/scale-workers",
        arguments={"replicas": 5},
        plan=plan,
        digest="d",
        requester=operator,
        channel="C1",
        source="slash",
        undo_of=None,
        needed=1,
        status="waiting",
        reason="",
        created_at=NOW - timedelta(minutes=2),
        approve_by=NOW + timedelta(minutes=28),
        execute_by=None,
        asked_next_at=None,
        break_glass=False,
        closed_at=None,
    )


# NovaPulse's Redis


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
async def raw(shared_redis: str) -> AsyncIterator[Redis]:
    """A client of the server, with the four queues in it as BullMQ leaves them when they are empty."""
    async with Redis.from_url(shared_redis, decode_responses=True) as redis:
        await redis.flushall()
        for name in ("email", "webhook", "workflow", "report"):
            await redis.hset(f"bull:nova-{name}:meta", mapping={"version": "bullmq:5.65.1"})
        yield redis


@pytest.fixture
def redis_settings(shared_redis: str, raw: Redis) -> RedisSettings:
    del raw  # it filled the server
    return RedisSettings(redis_url=SecretStr(shared_redis))


@pytest.fixture
def dead_redis_settings() -> RedisSettings:
    return RedisSettings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0"))


@pytest.fixture
async def queues(redis_settings: RedisSettings) -> AsyncIterator[Queues]:
    client = Queues(redis_settings)
    yield client
    await client.close()


@pytest.fixture
async def dead_queues(dead_redis_settings: RedisSettings) -> AsyncIterator[Queues]:
    client = Queues(dead_redis_settings)
    yield client
    await client.close()


@pytest.fixture
async def redis(redis_settings: RedisSettings) -> AsyncIterator[RedisServer]:
    # A round trip of 1 ms, however busy the machine is: a slow one is a warning.
    client = RedisServer(redis_settings, clock=itertools.count(0, 0.001).__next__)
    yield client
    await client.close()


@pytest.fixture
async def node(shared_redis: str, raw: Redis) -> AsyncIterator[NodeQueues]:
    del raw
    async with node_queues(shared_redis) as running:
        yield running


# NovaPulse's API


@pytest.fixture
async def api_server() -> AsyncIterator[PretendApi]:
    async with pretend_api() as running:
        yield running


@pytest.fixture
async def api(api_server: PretendApi) -> AsyncIterator[NovaPulseApi]:
    settings = ApiSettings(
        novapulse_api_url=api_server.url, novapulse_email=EMAIL, novapulse_password=SecretStr(PASSWORD)
    )
    client = NovaPulseApi(settings)
    yield client
    await client.close()


@pytest.fixture
async def dead_api() -> AsyncIterator[NovaPulseApi]:
    url = f"http://127.0.0.1:{free_port()}/api/v1"
    client = NovaPulseApi(ApiSettings(novapulse_api_url=url, novapulse_token=SecretStr("a-token")))
    yield client
    await client.close()


# The cluster


@pytest.fixture
async def kubernetes() -> AsyncIterator[KubernetesServer]:
    async with kubernetes_server() as running:
        for name in ("novapulse-worker", "novapulse-api"):
            running.answers[f"GET {DEPLOYMENTS}/{name}"] = deployment(name)
        running.answers[f"GET {HPAS}"] = {"items": []}
        running.answers[f"GET {PODS}"] = {"kind": "PodList", "items": [pod("worker-a"), pod("worker-b")]}
        yield running


@pytest.fixture
async def cluster(kubernetes: KubernetesServer, tmp_path: Path) -> AsyncIterator[Cluster]:
    client = Cluster(PlatformSettings(kubeconfig=kubernetes.kubeconfig(tmp_path)))
    yield client
    await client.close()


# NovaPulse's webhooks and MongoDB


@pytest.fixture
async def data() -> AsyncIterator[Data]:
    async with novapulse_data() as running:
        yield running


# The sandbox's cluster, for what changes more than a scale


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AnyCluster]:
    async with any_cluster(tmp_path) as running:
        yield running


@pytest.fixture
async def systems(
    world: AnyCluster,
    redis_settings: RedisSettings,
    queues: Queues,
    database: Database,
    api: NovaPulseApi,
    api_server: PretendApi,
) -> AsyncIterator[dict[str, Any]]:
    """Every system that steps may name, under its name."""

    def clock() -> datetime:
        return datetime.now(UTC) + timedelta(minutes=10)

    vault, samples = Vault(database, SecretStr("a-key")), Samples(database)
    async with AsyncExitStack() as stack:
        parts = cluster_parts(stack, (world.settings, redis_settings), vault, clock=clock)
        cluster = Cluster(world.settings)
        stack.push_async_callback(cluster.close)
        found = {**parts, "cluster": cluster, "queues": queues, "vault": vault, "api": api}
        found["metrics"] = MetricsReader(api, cluster, ApiSettings(novapulse_api_url=api_server.url))
        found["effects"] = effects(found, queues, Baselines(database), samples, clock)
        yield found
