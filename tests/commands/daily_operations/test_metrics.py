"""``/metrics``: no sample is unknown, counters add up, gauges do not, and rates are per process."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.clients.api import NovaPulseApi
from bot.clients.cluster import Cluster
from bot.clients.replica_metrics import MetricsReader
from bot.errors import NotFound, Unavailable, UsageError
from bot.reply import Level, Reply, Table
from bot.schedule import Observation
from bot.settings import ApiSettings
from bot.stores.samples import Samples
from commands.daily_operations.metrics import metrics
from schedules.metric_samples import MOST_LABELLED, metric_samples
from tests.clients.kubernetes_server import PODS, KubernetesServer, status
from tests.clients.pretend_api import PretendApi, wrapped
from tests.commands.said import line, said

PAGE = f"GET {PODS}/worker-{{}}/proxy/api/v1/metrics"
Ask = Callable[..., Awaitable[Reply]]


def text(requests: int, memory: int, start: int = 1000) -> str:
    return "\n".join(
        (
            "# TYPE http_requests_total counter",
            f'http_requests_total{{method="GET",status_code="200"}} {requests}',
            "# TYPE http_request_errors_total counter",
            "# TYPE queue_size gauge",
            'queue_size{queue="email"} 7',
            "# TYPE redis_connection_status gauge",
            "redis_connection_status 0",
            "# TYPE process_resident_memory_bytes gauge",
            f"process_resident_memory_bytes {memory * 1024 * 1024}",
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {start}",
            "",
        )
    )


@pytest.fixture
def reader(api: NovaPulseApi, api_server: PretendApi, cluster: Cluster) -> MetricsReader:
    api_server.answers["/metrics"] = wrapped(text(10, 100))
    return MetricsReader(api, cluster, ApiSettings(novapulse_api_url=api_server.url))


@pytest.fixture
def ask(reader: MetricsReader, samples: Samples, now: datetime) -> Ask:
    async def asked(pattern: str = "", label: str = "", **more: Any) -> Reply:
        per_replica = more.get("per_replica", False)
        reply = await metrics.handler(pattern, label, per_replica, reader=reader, samples=samples, now=now)
        assert isinstance(reply, Reply)
        return reply

    return asked


@pytest.fixture
def two(kubernetes: KubernetesServer) -> None:
    kubernetes.answers[PAGE.format("a")] = web.json_response({"success": True, "data": text(10, 100)})
    kubernetes.answers[PAGE.format("b")] = web.Response(text=text(32, 150))


async def sampled(reader: MetricsReader, samples: Samples, at: datetime) -> list[Observation]:
    found = await metric_samples.handler(metrics=reader, samples=samples, now=at)
    assert isinstance(found, list)
    return found


def rows(reply: Reply) -> list[tuple[str, ...]]:
    return list(next(part for part in reply.parts if isinstance(part, Table)).rows)


async def test_one_replica_is_said_to_be_one(ask: Ask) -> None:
    reply = await ask()
    assert ("http_requests_total", "method=GET, status_code=200", "10") in rows(reply)
    assert "Read: one replica, the one that the load balancer chose" in said(reply)
    assert "The replicas cannot be asked one by one: " in said(reply)


async def test_a_role_without_the_right_to_ask_each_is_said_plainly(ask: Ask, kubernetes: KubernetesServer) -> None:
    for name in ("a", "b"):
        refused = {"kind": "Status", "message": f'pods "{name}" is forbidden: User "bot" cannot get "pods/proxy"'}
        kubernetes.answers[PAGE.format(name)] = web.json_response(refused, status=403)
    reply = await ask()
    assert "one by one: worker-a: the bot's role in the cluster has no get on pods/proxy" in said(reply)


async def test_no_sample_is_unknown_and_never_zero(ask: Ask) -> None:
    reply = await ask("http_request_errors")
    assert (reply.title, reply.level) == ("No sample: unknown", Level.UNKNOWN)
    assert "nothing is known of http_request_errors_total" in line(reply, "Declared only").value
    assert line(await ask("redis"), "redis_connection_status").level is Level.UNKNOWN


@pytest.mark.usefixtures("two")
async def test_counters_add_up_and_gauges_do_not(ask: Ask) -> None:
    reply = await ask()
    assert ("http_requests_total", "method=GET, status_code=200", "42") in rows(reply)
    assert ("queue_size", "queue=email", "7") in rows(reply)
    assert ("process_resident_memory_bytes", "", "100.0 MiB to 150.0 MiB") in rows(reply)
    assert "Read: 2 replicas, by worker-a, worker-b" in said(reply)


@pytest.mark.usefixtures("two")
async def test_each_replica_by_itself(ask: Ask, kubernetes: KubernetesServer) -> None:
    reply = await ask("memory", per_replica=True)
    assert rows(reply) == [
        ("process_resident_memory_bytes", "", "worker-a", "100.0 MiB"),
        ("process_resident_memory_bytes", "", "worker-b", "150.0 MiB"),
    ]
    kubernetes.answers[PAGE.format("b")] = status(403, "not that one")
    reply = await ask("memory", per_replica=True)
    assert len(rows(reply)) == 1
    assert "worker-b: the bot's role in the cluster has no get on pods/proxy" in said(reply)


@pytest.mark.parametrize("pattern", ["(queue_size|http_request_errors)", "QUEUE_*", "queue"])
async def test_a_pattern_as_the_runbook_types_it(ask: Ask, pattern: str) -> None:
    assert [row[0] for row in rows(await ask(pattern))] == ["queue_size"]


async def test_a_label(ask: Ask) -> None:
    assert [row[0] for row in rows(await ask(label='queue="email"'))] == ["queue_size"]
    assert (await ask(label="queue=webhook")).level is Level.UNKNOWN
    with pytest.raises(UsageError, match="such as queue=email"):
        await ask(label="queue=email,")
    with pytest.raises(UsageError, match="such as queue=email"):
        await ask(label="email")


async def test_a_name_that_is_none(ask: Ask) -> None:
    with pytest.raises(UsageError, match="No metric has “queue_sise”") as raised:
        await ask("queue_sise")
    assert raised.value.nearest == "queue_size"


@pytest.mark.usefixtures("two")
async def test_rates_are_of_the_bots_own_samples(
    ask: Ask, reader: MetricsReader, samples: Samples, kubernetes: KubernetesServer, now: datetime
) -> None:
    assert "is unknown: the bot has not seen a process twice yet" in said(await ask("http_requests"))
    (seen,) = await sampled(reader, samples, now - timedelta(minutes=2))
    assert (seen.metric, seen.value) == ("metrics_replicas", 2)
    kubernetes.answers[PAGE.format("a")] = web.Response(text=text(30, 100))
    kubernetes.answers[PAGE.format("b")] = web.Response(text=text(3, 100, start=2000))
    await sampled(reader, samples, now)
    reply = await ask("http_requests")
    tables = [part for part in reply.parts if isinstance(part, Table)]
    assert tables[1].rows == (("http_requests_total", "10.00", "1"),)


def by_status(**counts: int) -> str:
    lines = [
        f'http_requests_total{{method="GET",route="/a/[id]",status_code="{code[1:]}"}} {n}'
        for code, n in counts.items()
    ]
    return "\n".join(("# TYPE http_requests_total counter", *lines, "process_start_time_seconds 1000", ""))


async def test_rates_with_a_label_are_of_that_label_only(
    ask: Ask, reader: MetricsReader, samples: Samples, kubernetes: KubernetesServer, now: datetime
) -> None:
    for name, before in (("a", by_status(s200=100, s500=1)), ("b", by_status(s200=100, s500=0))):
        kubernetes.answers[PAGE.format(name)] = web.Response(text=before)
    await sampled(reader, samples, now - timedelta(minutes=2))
    for name, after in (("a", by_status(s200=9000, s500=5)), ("b", by_status(s200=9000, s500=6, s503=1))):
        kubernetes.answers[PAGE.format(name)] = web.Response(text=after)
    await sampled(reader, samples, now)
    reply = await ask(label="status_code=5*")
    values, changes = (part for part in reply.parts if isinstance(part, Table))
    assert [row[2] for row in values.rows] == ["11", "1"]
    assert changes.rows == (
        ("http_requests_total", "method=GET, route=/a/[id], status_code=500", "5.00", "2"),
        ("http_requests_total", "method=GET, route=/a/[id], status_code=503", "unknown", "none twice yet"),
    )
    assert "A rate is between two samples that the bot took" in said(reply)
    reply = await ask(label='{route="/a/[id]",status_code="200"}')
    assert [part for part in reply.parts if isinstance(part, Table)][1].rows[0][2] == "8,900.00"
    assert (await ask(label="route=/a/i")).level is Level.UNKNOWN


async def test_what_is_kept_of_the_counters_is_bounded(
    reader: MetricsReader, samples: Samples, kubernetes: KubernetesServer, now: datetime
) -> None:
    many = by_status(**{f"s{number}": number for number in range(1000)})
    kubernetes.answers[PAGE.format("a")] = web.Response(text=many)
    await sampled(reader, samples, now - timedelta(minutes=16))
    await sampled(reader, samples, now)
    kept = await samples.beginning("metrics/", now - timedelta(hours=25))
    assert len(kept) == 1 + MOST_LABELLED
    assert {len(series) for series in kept.values()} == {1}
    assert min(series[0].value or 0 for series in kept.values()) == 1000 - MOST_LABELLED


async def test_an_api_that_is_down(dead_api: NovaPulseApi, cluster: Cluster, samples: Samples, now: datetime) -> None:
    reader = MetricsReader(dead_api, cluster, ApiSettings())
    with pytest.raises(Unavailable, match="NovaPulse API"):
        await metrics.handler("", "", False, reader=reader, samples=samples, now=now)
    (seen,) = await sampled(reader, samples, now)
    assert seen.value is None
    assert seen.reason


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("label", "instead"),
    [
        ("status_code=9*", "status_code=200"),
        ("colour=red", "no label colour, but method, status_code, queue"),
    ],
)
async def test_a_label_that_no_sample_has_is_said_with_what_there_is(ask: Ask, label: str, instead: str) -> None:
    reply = await ask(label=label)
    assert (reply.title, reply.level) == (f"No sample has {label}", Level.UNKNOWN)
    assert line(reply, "There is instead").value == instead


@pytest.mark.parametrize("pattern", ["(((", " | ", "()"])
async def test_a_pattern_that_names_nothing_is_not_taken_for_none(ask: Ask, pattern: str) -> None:
    with pytest.raises(UsageError, match="pattern is a part of a metric's name") as caught:
        await ask(pattern)
    assert caught.value.headline == "That was not understood"


async def test_a_metric_that_is_not_there_is_not_found(ask: Ask) -> None:
    with pytest.raises(NotFound, match="No metric has “nova” in its name"):
        await ask("nova")
