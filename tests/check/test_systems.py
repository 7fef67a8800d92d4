import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from bot.check.systems import api_lines, cluster_lines, mongo_lines, redis_lines
from bot.check.tried import Lines
from bot.clients.api import NovaPulseApi
from bot.clients.cluster import Cluster
from bot.clients.mongo import Mongo
from bot.clients.queues import Queues
from bot.clients.redis import RedisServer
from bot.reply import Level
from bot.settings import ApiSettings, MongoSettings, PlatformSettings, RedisSettings
from sandbox.ports import free_port
from tests.clients.kubernetes_server import DEPLOYMENTS, REVIEWS, Asked, deployment, kubernetes_server, status
from tests.clients.pretend_api import EMAIL, PASSWORD, PretendApi, failure, pretend_api
from tests.clients.pretend_mongo import pretend_mongo
from tests.servers import node_queues, redis_server


def said(lines: Lines) -> list[str]:
    return [f"{line.level} {line.label}: {line.value}" for line in lines]


def levels(lines: Lines) -> list[Level]:
    return [line.level for line in lines]


# The API


@asynccontextmanager
async def api(url: str, **changes: Any) -> AsyncIterator[NovaPulseApi]:
    login: dict[str, Any] = {"novapulse_email": EMAIL, "novapulse_password": SecretStr(PASSWORD)}
    client = NovaPulseApi(ApiSettings(novapulse_api_url=url, **(login | changes)))
    yield client
    await client.close()


async def api_said(pretend: PretendApi, **changes: Any) -> list[str]:
    async with api(pretend.url, **changes) as client:
        return said(await api_lines(client))


async def test_an_api_that_works() -> None:
    async with pretend_api() as pretend:
        assert await api_said(pretend) == [
            "ok API: answers, and calls itself healthy",
            "ok API login: works; its token states no role",
            "ok API rights: may read the statistics of email, webhook, workflow, report",
        ]
        assert len(pretend.logins) == 1, "logins are limited to five a minute"


async def test_an_api_with_a_wrong_password_or_none() -> None:
    async with pretend_api() as pretend:
        wrong = await api_said(pretend, novapulse_password=SecretStr("hunter2"))
        assert wrong[1].startswith("critical API login: the login was refused")
        assert "Check NOVAPULSE_EMAIL" in wrong[1]
        assert "hunter2" not in "".join(wrong)
        none = await api_said(pretend, novapulse_email=None)
        assert none[1].startswith("info API login: The NovaPulse login is not configured: set NOVAPULSE_EMAIL")


async def test_an_api_that_is_ill_and_a_role_that_does_not_suffice() -> None:
    async with pretend_api() as pretend:
        pretend.answers["/health"] = failure(503, "Service Unavailable")
        pretend.answers["/queue/stats"] = failure(403, "Forbidden resource")
        found = await api_said(pretend)
    assert found[0].startswith("warning API: answers, but is not healthy")
    assert found[2].startswith("critical API rights: answered 403: Forbidden resource. The login needs a role")


async def test_an_api_that_is_not_there() -> None:
    async with api(f"http://127.0.0.1:{free_port()}/api/v1") as client:
        found = await api_lines(client)
    assert levels(found) == [Level.CRITICAL, Level.CRITICAL]
    assert all("Check NOVAPULSE_API_URL" in line.value for line in found)


# Redis and the queues


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


async def redis_said(url: str | None, queues: dict[str, str]) -> Lines:
    settings = RedisSettings(redis_url=SecretStr(url) if url else None, queues=queues)
    async with AsyncExitStack() as stack:
        redis, named = RedisServer(settings), Queues(settings)
        stack.push_async_callback(redis.close)
        stack.push_async_callback(named.close)
        return await redis_lines(redis, named)


async def test_queues_against_reality(redis_url: str) -> None:
    async with node_queues(redis_url) as node:
        for name in ("nova-email", "nova-report"):
            await node.ask("add", name, jobs=[{}])
    found = await redis_said(redis_url, {"email": "nova-email", "report": "reports"})
    assert levels(found) == [Level.OK, Level.OK, Level.OK, Level.CRITICAL]
    lines = said(found)
    assert lines[1] == "ok Redis settings: maxmemory-policy is noeviction"
    assert lines[2].startswith("ok Queue email: bull:nova-email is there (bullmq:5.65")
    assert lines[3].startswith("critical Queue report: no such keys in Redis (bull:reports:meta")
    assert "found instead: bull:nova-report" in lines[3]
    assert lines[3].endswith("Set QUEUE_PREFIX and QUEUES to what is in Redis.")


async def test_a_redis_that_may_throw_jobs_away_and_queues_it_does_not_know(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as raw:
        await raw.hset("bull:future:meta", "version", "bullmq:99.0.0")
        await raw.rpush("nova:old:waiting", "1")
        await raw.config_set("maxmemory-policy", "allkeys-lru")
        found = await redis_said(redis_url, {"future": "future", "old": "nova-old"})
        await raw.config_set("maxmemory-policy", "noeviction")
    assert levels(found) == [Level.OK, Level.WARNING, Level.WARNING, Level.OK]
    lines = said(found)
    assert "maxmemory-policy is allkeys-lru" in lines[1]
    assert "bullmq:99.0.0, which the bot does not know" in lines[2]
    assert "(plain lists)" in lines[3]


async def test_a_redis_that_lets_little_be_done(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as raw:
        await raw.hset("bull:nova-email:meta", "version", "bullmq:5.65.1")
        await raw.acl_setuser(
            "little",
            enabled=True,
            passwords=["+hunter2"],
            keys=["*"],
            categories=["+@all"],
            commands=["-info", "-client|list"],
        )
    address = redis_url.replace("redis://", "redis://little:hunter2@")
    found = await redis_said(address, {"email": "nova-email"})
    assert levels(found) == [Level.OK, Level.CRITICAL, Level.WARNING]
    lines = said(found)
    assert "Allow the bot's user to call INFO." in lines[1]
    assert "Allow the bot's user to call CLIENT LIST." in lines[2]
    wrong = await redis_said(address.replace("hunter2", "hunter3"), {"email": "nova-email"})
    assert levels(wrong) == [Level.CRITICAL]
    assert "the password in REDIS_URL" in wrong[0].value
    assert "hunter" not in "".join(lines + said(wrong))


async def test_a_redis_that_is_not_there_or_not_configured() -> None:
    (down,) = said(await redis_said(f"redis://127.0.0.1:{free_port()}", {"email": "nova-email"}))
    assert down == "critical Redis: connection refused. Check REDIS_URL, and that this machine may reach it."
    (none,) = said(await redis_said(None, {"email": "nova-email"}))
    assert none == "info Redis: Redis is not configured: set REDIS_URL."


# MongoDB


async def mongo_said(url: str | None) -> list[str]:
    client = Mongo(MongoSettings(mongo_url=SecretStr(url) if url else None))
    found = said(await mongo_lines(client))
    # The driver leaves the socket of a cancelled attempt to the collector.
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        await client.close()
        gc.collect()
    return found


async def test_mongo() -> None:
    async with pretend_mongo() as pretend:
        assert (await mongo_said(pretend.url))[0].startswith("ok MongoDB: answers in ")
    assert "connection refused. Check MONGO_URL" in (await mongo_said(f"mongodb://127.0.0.1:{free_port()}"))[0]
    assert await mongo_said(None) == ["info MongoDB: MongoDB is not configured: set MONGO_URL."]


# The cluster


def allowed(asked: Asked) -> dict[str, Any]:
    resource = asked.body["spec"]["resourceAttributes"]["resource"]
    return {"kind": "SelfSubjectAccessReview", "status": {"allowed": resource != "pods"}}


async def cluster_said(settings: PlatformSettings) -> list[str]:
    client = Cluster(settings)
    try:
        return said(await cluster_lines(client, settings))
    finally:
        await client.close()


async def test_a_cluster_with_rights_and_deployments_missing(tmp_path: Path) -> None:
    async with kubernetes_server() as server:
        server.answers["GET /version/"] = {"gitVersion": "v1.33.1"}
        server.answers[f"POST {REVIEWS}"] = allowed
        server.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = deployment()
        found = await cluster_said(PlatformSettings(kubeconfig=server.kubeconfig(tmp_path)))
    assert found[0] == "ok Cluster: answers, Kubernetes v1.33.1"
    assert found[1].startswith(
        "critical Cluster rights: missing in namespace novapulse: "
        "list pods, patch pods, delete pods, list pods.metrics.k8s.io, get pods/log."
    )
    assert found[1].endswith("Apply deploy/kubernetes/rbac.yaml, and let the bot use its account.")
    assert found[2].startswith("critical Deployment api: there is no deployment novapulse-api in namespace novapulse")
    assert found[3] == "ok Deployment worker: novapulse-worker exists, 2 of 2 pods ready"


async def test_a_cluster_that_grants_everything_or_refuses_the_account(tmp_path: Path) -> None:
    async with kubernetes_server() as server:
        settings = PlatformSettings(kubeconfig=server.kubeconfig(tmp_path))
        server.answers["GET /version/"] = {"gitVersion": "v1.33.1"}
        server.answers[f"POST {REVIEWS}"] = {"kind": "SelfSubjectAccessReview", "status": {"allowed": True}}
        server.answers[f"GET {DEPLOYMENTS}/novapulse-worker"] = status(403, "deployments is forbidden")
        found = await cluster_said(settings)
        assert found[1] == "ok Cluster rights: all 21 are granted in namespace novapulse"
        assert "deployments is forbidden. Apply deploy/kubernetes/rbac.yaml" in found[3]
        server.answers["GET /version/"] = status(401, "Unauthorized")
        (refused,) = await cluster_said(settings)
    assert refused.endswith("Check the account that KUBECONFIG names.")


async def test_a_cluster_that_is_not_there_or_not_configured(tmp_path: Path) -> None:
    (missing,) = await cluster_said(PlatformSettings(kubeconfig=tmp_path / "none"))
    assert missing.startswith("critical Cluster: the file that KUBECONFIG names does not exist")
    (none,) = await cluster_said(PlatformSettings())
    assert none.startswith("info Cluster: The cluster is not configured: set KUBECONFIG")


async def test_an_api_that_nobody_named_and_that_is_not_there() -> None:
    url = f"http://127.0.0.1:{free_port()}/api/v1"
    async with api(url, novapulse_email=None, novapulse_password=None) as client:
        found = await api_lines(client, is_named=False)
    assert levels(found) == [Level.INFO, Level.INFO]
    assert found[0].value == (
        "not reached: connection refused. Set NOVAPULSE_API_URL where it is elsewhere, and how to log in."
    )
