"""``/health``: well, down, and unknown are three different things."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.clients.api import NovaPulseApi
from bot.clients.cluster import Cluster
from bot.clients.mongo import Member, Mongo
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.errors import Forbidden, Unavailable
from bot.reply import Level, Reply
from bot.settings import ApiSettings, MongoSettings, PlatformSettings, RedisSettings
from bot.stores.samples import Sample, Samples
from commands.daily_operations.health import health
from sandbox.ports import free_port
from tests.clients.kubernetes_server import DEPLOYMENTS, PODS, KubernetesServer, deployment, pod, status
from tests.clients.pretend_api import PretendApi, failure, wrapped
from tests.commands.said import line
from tests.servers import NodeQueues


class PretendMongo(Mongo):
    """Answers a ping, and for the replica set what a test wants."""

    def __init__(self, found: list[Member] | Exception, took: float = 1.0) -> None:
        super().__init__(MongoSettings())
        self._found = found
        self._took = took

    async def ping(self, *, seconds: float = 3.0) -> float:
        del seconds
        return self._took

    async def members(self, *, seconds: float = 3.0) -> list[Member]:
        del seconds
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def member(state: str, *, well: bool = True) -> Member:
    return Member(name=f"mongo-{state.lower()}", state=state, health=well, lag_seconds=0.0)


SET = [member("PRIMARY"), member("SECONDARY")]


@pytest.fixture
def systems(
    api: NovaPulseApi,
    redis: RedisServer,
    cluster: Cluster,
    queues: Queues,
    kubernetes: KubernetesServer,
    samples: Samples,
    now: datetime,
) -> dict[str, Any]:
    kubernetes.answers["GET /version/"] = {"gitVersion": "v1.33.1", "major": "1", "minor": "33"}
    others = {"cluster": cluster, "queues": queues, "samples": samples, "now": now}
    return {"api": api, "redis": redis, "mongo": PretendMongo(SET), **others}


async def ask(systems: dict[str, Any], **other: Any) -> Reply:
    reply = await health.handler(**systems | other)
    assert isinstance(reply, Reply)
    return reply


@asynccontextmanager
async def nothing_configured(directory: Path, samples: Samples, now: datetime) -> AsyncIterator[dict[str, Any]]:
    api = NovaPulseApi(ApiSettings(novapulse_api_url=f"http://127.0.0.1:{free_port()}"))
    bare = RedisSettings(redis_url=None)
    yield {
        "api": api,
        "redis": RedisServer(bare),
        "mongo": Mongo(MongoSettings()),
        "cluster": Cluster(PlatformSettings(kubeconfig=directory / "none")),
        "queues": Queues(bare),
        "samples": samples,
        "now": now,
    }
    await api.close()


async def test_everything_is_well(systems: dict[str, Any], node: NodeQueues) -> None:
    for short in ("email", "webhook", "workflow", "report"):
        await node.ask("worker", f"nova-{short}", worker="pod-a")
    reply = await ask(systems)
    assert (reply.title, reply.level) == ("NovaPulse is well", Level.OK)
    assert line(reply, "API health").value == "mongodb up, redis up"
    assert line(reply, "API login").value == "accepted"
    assert line(reply, "MongoDB").value == "answers in 1 ms, 2 members"
    assert line(reply, "Cluster").value == "answers, Kubernetes v1.33.1"
    assert line(reply, "Worker pods").value == "2 of 2 ready, restarted 2 times"
    assert line(reply, "Workers").value == "connected to Redis: email 1, webhook 1, workflow 1, report 1"


async def test_the_api_fails_without_naming_components(systems: dict[str, Any], api_server: PretendApi) -> None:
    api_server.answers["/health"] = failure(503, "Service Unavailable Exception")
    api_server.answers["/health/ready"] = wrapped({"status": "error", "details": {"redis": {"status": "down"}}})
    reply = await ask(systems)
    assert reply.level is Level.CRITICAL
    assert line(reply, "API health").value == "answered 503: Service Unavailable Exception"
    assert line(reply, "API ready").level is Level.CRITICAL
    assert line(reply, "API live").level is Level.OK


async def test_a_component_that_is_down_is_named(systems: dict[str, Any], api_server: PretendApi) -> None:
    details = {"mongodb": {"status": "down"}, "redis": {"status": "up"}}
    api_server.answers["/health"] = wrapped({"status": "ok", "details": details})
    found = line(await ask(systems), "API health")
    assert (found.level, found.value) == (Level.CRITICAL, "mongodb down, redis up")


async def test_no_worker_at_all_is_critical(systems: dict[str, Any]) -> None:
    found = line(await ask(systems), "Workers")
    assert (found.level, found.value) == (Level.CRITICAL, "no worker is connected to any queue")


async def test_a_queue_without_workers_is_a_warning(systems: dict[str, Any], node: NodeQueues) -> None:
    await node.ask("worker", "nova-email", worker="pod-a")
    found = line(await ask(systems), "Workers")
    assert found.level is Level.WARNING
    assert "webhook 0" in found.value


async def test_what_does_not_answer_is_down(
    systems: dict[str, Any], dead_queues: Queues, dead_api: NovaPulseApi
) -> None:
    dead = RedisServer(RedisSettings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0")))
    reply = await ask(systems, redis=dead, queues=dead_queues, api=dead_api)
    for label in ("Redis", "API health", "API live", "API ready"):
        found = line(reply, label)
        assert (found.level, found.value) == (Level.CRITICAL, "connection refused")
    await dead.close()
    # Whether anybody works is not known without Redis.
    found = line(reply, "Workers")
    assert (found.level, found.value) == (Level.UNKNOWN, "connection refused")


async def test_a_login_that_cannot_be_tried_is_unknown(systems: dict[str, Any], dead_api: NovaPulseApi) -> None:
    assert line(await ask(systems, api=dead_api), "API login").level is Level.UNKNOWN


async def test_a_cluster_that_fails_is_down_and_its_pods_unknown(
    systems: dict[str, Any], kubernetes: KubernetesServer
) -> None:
    for path in ("/version/", PODS, f"{DEPLOYMENTS}/novapulse-worker", f"{DEPLOYMENTS}/novapulse-api"):
        kubernetes.answers[f"GET {path}"] = status(500, "etcd is gone")
    reply = await ask(systems)
    levels = {label: line(reply, label).level for label in ("Cluster", "API pods", "Worker pods")}
    assert levels == {"Cluster": Level.CRITICAL, "API pods": Level.UNKNOWN, "Worker pods": Level.UNKNOWN}
    assert "etcd is gone" in line(reply, "Worker pods").value


async def test_since_when_a_system_is_down(systems: dict[str, Any], now: datetime) -> None:
    ups = {45: 1.0, 44: 0.0, 43: 0.0}
    await systems["samples"].add(
        [Sample("system/redis/up", now - timedelta(minutes=ago), up) for ago, up in ups.items()]
    )
    dead = RedisServer(RedisSettings(redis_url=SecretStr(f"redis://127.0.0.1:{free_port()}/0")))
    assert line(await ask(systems, redis=dead), "Redis").value == "connection refused since 08:16 UTC"
    await dead.close()
    assert " since " not in line(await ask(systems), "Redis").value


async def test_what_is_not_configured_is_unknown(tmp_path: Path, samples: Samples, now: datetime) -> None:
    async with nothing_configured(tmp_path, samples, now) as systems:
        reply = await ask(systems)
    for label, variable in {"Redis": "REDIS_URL", "MongoDB": "MONGO_URL", "API login": "NOVAPULSE_EMAIL"}.items():
        found = line(reply, label)
        assert found.level is Level.UNKNOWN
        assert found.value.startswith("not looked at. ")
        assert variable in found.value


@pytest.mark.parametrize(
    ("members", "level", "said"),
    [
        ([], Level.OK, "answers in 1 ms, a single server"),
        ([member("SECONDARY")], Level.CRITICAL, "answers in 1 ms, but has no primary"),
        ([member("PRIMARY"), member("ROLLBACK")], Level.WARNING, "answers in 1 ms; mongo-rollback is ROLLBACK"),
        ([member("PRIMARY"), member("ARBITER"), member("SECONDARY")], Level.OK, "answers in 1 ms, 3 members"),
        ([member("PRIMARY"), member("DOWN", well=False)], Level.WARNING, "answers in 1 ms; mongo-down is DOWN"),
        (
            Forbidden("MongoDB", "not authorized"),
            Level.UNKNOWN,
            "its replica set is unknown. MongoDB could not be read",
        ),
        (Unavailable("MongoDB", "gone"), Level.UNKNOWN, "its replica set is unknown"),
    ],
)
async def test_mongodb(systems: dict[str, Any], members: list[Member] | Exception, level: Level, said: str) -> None:
    found = line(await ask(systems, mongo=PretendMongo(members)), "MongoDB")
    assert found.level is level
    assert said in found.value


async def test_a_slow_mongodb_is_a_warning(systems: dict[str, Any]) -> None:
    assert line(await ask(systems, mongo=PretendMongo(SET, took=400)), "MongoDB").level is Level.WARNING


async def test_a_redis_that_may_drop_jobs_is_a_warning(systems: dict[str, Any], raw: Redis) -> None:
    await raw.config_set("maxmemory", "100mb")
    await raw.config_set("maxmemory-policy", "allkeys-lru")
    found = line(await ask(systems), "Redis")
    await raw.config_set("maxmemory", "0")
    await raw.config_set("maxmemory-policy", "noeviction")
    assert (found.level, found.value) == (Level.WARNING, "maxmemory-policy is allkeys-lru: it may drop jobs")


@pytest.mark.parametrize(
    ("wanted", "pods", "level", "said"),
    [
        (2, [pod("a"), pod("b", ready=False)], Level.WARNING, "1 of 2 ready"),
        (2, [pod("a", ready=False)], Level.CRITICAL, "0 of 2 ready"),
        (2, [], Level.CRITICAL, "0 of 2 ready"),
        (0, [], Level.CRITICAL, "novapulse-worker is scaled to 0"),
    ],
)
async def test_pods(
    systems: dict[str, Any],
    kubernetes: KubernetesServer,
    wanted: int,
    pods: list[dict[str, Any]],
    level: Level,
    said: str,
) -> None:
    spec = {**deployment()["spec"], "replicas": wanted}
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = deployment(spec=spec)
    kubernetes.answers[f"GET {PODS}"] = {"kind": "PodList", "items": pods}
    found = line(await ask(systems), "Worker pods")
    assert found.level is level
    assert found.value.startswith(said)


async def test_a_cluster_that_forbids_is_unknown(systems: dict[str, Any], kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {PODS}"] = status(403, "pods is forbidden")
    found = line(await ask(systems), "Worker pods")
    assert (found.level, found.value) == (Level.UNKNOWN, "pods is forbidden")
