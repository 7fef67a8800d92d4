"""``/error-logs``: every pod, entries put together, grouped; what was not read is said."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.clients.cluster import Cluster
from bot.clients.cluster_state import Feed, PodLog
from bot.errors import Unavailable, UsageError
from bot.reply import Level, Log, Reply, Table
from bot.settings import PlatformSettings
from bot.stores.samples import Sample, Samples
from commands.daily_operations.error_logs import error_logs
from tests.clients.kubernetes_server import DEPLOYMENTS, PODS, KubernetesServer, status
from tests.commands.said import line, said

LOG = f"GET {PODS}/worker-{{}}/log"


def entry(status_code: int, message: str, at: str = "2026-07-01T08:00:00.000Z") -> str:
    return (
        f'\x1b[31merror\x1b[39m: HTTP Exception: {{\n  "statusCode": {status_code},\n'
        f'  "message": "{message}"\n}} {{"timestamp":"{at}"}}\n'
    )


FIRST = (
    entry(500, "cannot reach 10.0.0.1 as user 17")
    + '\x1b[32minfo\x1b[39m: served {"timestamp":"2026-07-01T08:00:01.000Z"}\n'
    + entry(404, "no such user")
)
SECOND = (
    entry(500, "cannot reach 10.0.0.2 as user 99", "2026-07-01T08:30:00.000Z")
    + "[Nest] 1  - 07/01/2026, 8:10:00 AM     WARN [Memory] heap is at 240 MiB\n"
    + "Redis connection error: ECONNREFUSED\n"
)
Ask = Callable[..., Awaitable[Reply]]


@pytest.fixture
def ask(kubernetes: KubernetesServer, cluster: Cluster, samples: Samples, now: datetime) -> Ask:
    kubernetes.answers[LOG.format("a")] = web.Response(text=FIRST)
    kubernetes.answers[LOG.format("b")] = web.Response(text=SECOND)
    usual: dict[str, Any] = {"since": "1h", "pattern": "", "lines": 50_000, "level": "error"}

    async def asked(deployment: str = "api", **given: Any) -> Reply:
        values = usual | given
        reply = await error_logs.handler(deployment, **values, cluster=cluster, samples=samples, now=now)
        assert isinstance(reply, Reply)
        return reply

    return asked


async def test_errors_of_all_pods_grouped(ask: Ask, kubernetes: KubernetesServer) -> None:
    reply = await ask()
    assert (reply.title, reply.level) == ("novapulse-api: 3 errors of 2 kinds in the last 1 h", Level.WARNING)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert table.rows[0][:4] == ("2", "500", "07-01 08:00:00", "07-01 08:30:00")
    assert "cannot reach <address> as user <n>" in table.rows[0][4]
    (log,) = [part for part in reply.parts if isinstance(part, Log)]
    assert log.name == "error-logs-api.txt"
    assert "cannot reach 10.0.0.1 as user 17" in log.text or "cannot reach 10.0.0.2 as user 99" in log.text
    text = said(reply)
    assert "\x1b" not in text
    assert "1 answers of 4xx, which are logged as errors too (1 of 404)" in text
    assert "Read: 15 lines of 2 of 2 pods" in text
    asked = [one for one in kubernetes.asked if one.path.endswith("/log")]
    assert {(one.query["tailLines"], one.query["sinceSeconds"]) for one in asked} == {("50000", "3600")}


async def test_a_pattern_and_a_level(ask: Ask) -> None:
    reply = await ask("worker", pattern="HEAP|nothing", level="all", since="30m")
    assert reply.title == "novapulse-worker: 1 entry in the last 30 min"
    assert "heap is at <n> MiB" in said(reply)
    assert "Only what has “HEAP|nothing” in it" in said(reply)
    assert (await ask(level="warn")).title == "novapulse-api: 4 errors and warnings of 3 kinds in the last 1 h"


async def test_nothing_there(ask: Ask) -> None:
    reply = await ask(pattern="unheard-of")
    assert (reply.title, reply.level) == ("novapulse-api: no error in the last 1 h", Level.OK)


async def test_a_pod_that_cannot_be_read_leaves_it_unknown(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[LOG.format("b")] = status(403, "not this one")
    reply = await ask(pattern="unheard-of")
    assert reply.level is Level.UNKNOWN
    assert "not this one" in line(reply, "worker-b").value
    assert "Read: 9 lines of 1 of 2 pods" in said(reply)
    kubernetes.answers[LOG.format("a")] = status(403, "nor this")
    assert (await ask()).title == "The logs of novapulse-api could not be read"


async def test_no_pods_is_no_all_clear(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {PODS}"] = {"kind": "PodList", "items": []}
    reply = await ask()
    assert (reply.title, reply.level) == ("The logs of novapulse-api could not be read", Level.UNKNOWN)


async def test_a_log_that_has_more_says_so(ask: Ask) -> None:
    assert "there may be more in worker-a" in said(await ask(lines=9))


class BreaksOff(Cluster):
    """Hands over some of a log before it is cut off."""

    async def hand_over_logs(self, role: str, feed_of: Callable[[str], Feed], **query: Any) -> list[PodLog]:
        del role, query
        await feed_of("worker-a")(FIRST.encode())
        return [PodLog(pod="worker-a", data=None, problem="not read to its end within 15 s")]


async def test_a_log_that_breaks_off_is_counted_as_far_as_it_came(samples: Samples, now: datetime) -> None:
    platform = BreaksOff(PlatformSettings())
    reply = await error_logs.handler("api", cluster=platform, samples=samples, now=now)
    assert isinstance(reply, Reply)
    assert (reply.title, reply.level) == ("novapulse-api: 1 error in the last 1 h", Level.WARNING)
    assert line(reply, "worker-a").value == "not read to its end within 15 s; 9 lines of it are counted above"


async def test_the_cluster_is_down(ask: Ask, kubernetes: KubernetesServer, samples: Samples, now: datetime) -> None:
    down = now - timedelta(minutes=3)
    await samples.add([Sample("system/cluster/up", down, 0.0), Sample("system/cluster/up", now, 0.0)])
    kubernetes.answers[f"GET {DEPLOYMENTS}/novapulse-api"] = status(503, "etcd is away")
    with pytest.raises(Unavailable, match="etcd is away"):
        await ask()


@pytest.mark.parametrize("since", ["yesterday", "8d", "0m"])
async def test_bad_input(ask: Ask, since: str) -> None:
    with pytest.raises(UsageError, match="such as 15m, 4h or 2d"):
        await ask(since=since)
