from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kubernetes.aio import client, config

from sandbox.cluster.cluster import API, WORKER, Cluster

PACE = 20.0


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A cluster whose pods run in name only, twenty times as fast as usual."""
    cluster = Cluster(tmp_path, lambda: datetime.now(UTC), pace=PACE)
    await cluster.start({"REDIS_URL": "redis://redis"})
    await cluster.wait_ready(API, 3)
    await cluster.wait_ready(WORKER, 2)
    yield cluster
    await cluster.stop()


@pytest.fixture
async def kubernetes(cluster: Cluster) -> AsyncIterator[client.ApiClient]:
    configuration = client.Configuration()
    await config.load_kube_config(config_file=str(cluster.kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    async with client.ApiClient(configuration) as opened:
        yield opened
