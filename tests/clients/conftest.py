from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_workloads import Workloads
from tests.clients.any_cluster import AnyCluster, any_cluster
from tests.servers import NodeQueues, node_queues, redis_server


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory: Path = tmp_path_factory.mktemp("redis")
    with redis_server(directory) as url:
        yield url


@pytest.fixture
async def raw(shared_redis: str) -> AsyncIterator[Redis]:
    """A client of the empty server, for what a test puts there itself."""
    async with Redis.from_url(shared_redis, decode_responses=True) as redis:
        await redis.flushall()
        yield redis


@pytest.fixture
def redis_url(shared_redis: str, raw: Redis) -> str:
    del raw  # it emptied the server
    return shared_redis


@pytest.fixture
async def node(redis_url: str) -> AsyncIterator[NodeQueues]:
    async with node_queues(redis_url) as queues:
        yield queues


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AnyCluster]:
    """The cluster the tests are to run against."""
    async with any_cluster(tmp_path) as running:
        yield running


@pytest.fixture
async def workloads(world: AnyCluster) -> AsyncIterator[Workloads]:
    connection = ClusterConnection(world.settings)
    yield Workloads(world.settings, connection)
    await connection.close()
