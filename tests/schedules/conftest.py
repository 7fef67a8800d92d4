"""The systems the schedules look at: real Redis, real HTTP, MongoDB's own protocol, a real database of the bot's."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.api import NovaPulseApi
from bot.clients.cluster import Cluster
from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_cronjobs import CronJobs
from bot.clients.cluster_workloads import Workloads
from bot.clients.mongo import Mongo
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.schedule import Observation, Schedule
from bot.settings import ApiSettings, MongoSettings, PlatformSettings, RedisSettings
from bot.stores.database import Database
from sandbox.ports import free_port
from tests.clients.kubernetes_server import (
    CRONJOBS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    Asked,
    KubernetesServer,
    cronjob,
    deployment,
    kubernetes_server,
    pod,
)
from tests.clients.pretend_api import EMAIL, PASSWORD, PretendApi, pretend_api
from tests.clients.pretend_mongo import PretendMongo, pretend_mongo
from tests.own_database import with_tables
from tests.servers import redis_server

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)


@dataclass
class Systems:
    """Every client, and the servers behind them where a test changes what they answer."""

    api: NovaPulseApi
    queues: Queues
    redis: RedisServer
    mongo: Mongo
    cluster: Cluster
    cronjobs: CronJobs
    raw: Redis
    api_server: PretendApi
    mongo_server: PretendMongo
    kubernetes: KubernetesServer
    database: Database

    async def fill(self, short: str, **lists: int) -> None:
        """Put that many job ids into a queue's lists (``wait``, ``paused``) and sets (``failed``)."""
        key = f"bull:nova-{short}"
        for state, number in lists.items():
            ids = [str(job) for job in range(number)]
            if state == "failed":
                await self.raw.zadd(f"{key}:{state}", dict.fromkeys(ids, 0))
            else:
                await self.raw.rpush(f"{key}:{state}", *ids)


def as_declared(declared: Schedule, found: object) -> list[Observation]:
    """Return what was observed, whose metrics, labels and values are those that the schedule declares."""
    assert isinstance(found, list)
    for one in found:
        labels = declared.metrics[one.metric]
        assert one.labels.keys() <= labels.keys()
        assert all(not labels[name] or value in labels[name] for name, value in one.labels.items())
    return found


def dead_url() -> str:
    return f"redis://127.0.0.1:{free_port()}/0"


def api_pod(name: str, *, ready: bool = True, restarts: int = 0, since: str = "2026-06-20T08:00:00Z") -> dict[str, Any]:
    parts: dict[str, Any] = pod(name, ready=ready)
    parts["spec"] = {"containers": [{"name": "api"}], "nodeName": "node-a"}
    parts["status"] = parts["status"] | {
        "containerStatuses": [{"name": "api", "restartCount": restarts}],
        "startTime": since,
    }
    return parts


def _never_restarted(name: str) -> dict[str, Any]:
    parts: dict[str, Any] = pod(name)
    parts["status"] = parts["status"] | {"containerStatuses": [{"name": "worker", "restartCount": 0}]}
    return parts


def pods(asked: Asked) -> dict[str, Any]:
    workers = [_never_restarted("worker-a"), _never_restarted("worker-b")]
    mine = [api_pod("api-a"), api_pod("api-b")] if "novapulse-api" in asked.query["labelSelector"] else workers
    return {"kind": "PodList", "items": mine}


def log(server: KubernetesServer, name: str, text: str) -> None:
    server.answers[f"GET {PODS}/{name}/log"] = web.Response(body=text.encode())


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
async def raw(shared_redis: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(shared_redis, decode_responses=True) as client:
        await client.flushall()
        for name in ("email", "webhook", "workflow", "report"):
            await client.hset(f"bull:nova-{name}:meta", mapping={"version": "bullmq:5.65.1"})
        yield client


@pytest.fixture
async def systems(tmp_path: Path, shared_redis: str, raw: Redis) -> AsyncIterator[Systems]:
    async with AsyncExitStack() as stack:
        api_server = await stack.enter_async_context(pretend_api())
        mongo_server = await stack.enter_async_context(pretend_mongo())
        kubernetes = await stack.enter_async_context(kubernetes_server())
        for name in ("novapulse-api", "novapulse-worker"):
            kubernetes.answers[f"GET {DEPLOYMENTS}/{name}"] = deployment(name)
        kubernetes.answers[f"GET {PODS}"] = pods
        kubernetes.answers["GET /version/"] = {"gitVersion": "v1.33.1", "major": "1", "minor": "33"}
        backup = {"lastScheduleTime": "2026-07-01T02:00:00Z", "lastSuccessfulTime": "2026-07-01T02:04:00Z"}
        kubernetes.answers[f"GET {CRONJOBS}/mongo-backup"] = cronjob("mongo-backup", status=backup)
        kubernetes.answers[f"GET {JOBS}"] = {"kind": "JobList", "items": []}
        for name in ("api-a", "api-b"):
            log(kubernetes, name, "")
        redis_settings = RedisSettings(redis_url=SecretStr(shared_redis))
        database = Database(f"sqlite:///{tmp_path / 'state.db'}")
        await with_tables(database)
        platform = PlatformSettings(kubeconfig=kubernetes.kubeconfig(tmp_path))
        connection = ClusterConnection(platform)
        login: dict[str, Any] = {"novapulse_email": EMAIL, "novapulse_password": SecretStr(PASSWORD)}
        found = Systems(
            api=NovaPulseApi(ApiSettings(novapulse_api_url=api_server.url, **login)),
            queues=Queues(redis_settings),
            redis=RedisServer(redis_settings),
            mongo=Mongo(MongoSettings(mongo_url=SecretStr(mongo_server.url))),
            cluster=Cluster(platform),
            cronjobs=CronJobs(Workloads(platform, connection)),
            raw=raw,
            api_server=api_server,
            mongo_server=mongo_server,
            kubernetes=kubernetes,
            database=database,
        )
        for client in (found.api, found.queues, found.redis, found.mongo, found.cluster, connection, database):
            stack.push_async_callback(client.close)
        yield found


async def cut_off_redis(systems: Systems) -> None:
    """Replace the clients of Redis by ones that nobody answers."""
    await systems.queues.close()
    await systems.redis.close()
    settings = RedisSettings(redis_url=SecretStr(dead_url()))
    systems.queues, systems.redis = Queues(settings), RedisServer(settings)
