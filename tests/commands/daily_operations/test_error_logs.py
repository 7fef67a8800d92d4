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
from tests.clients.kubernetes_server import DEPLOYMENTS, PODS, Asked, KubernetesServer, pod, status
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


def steady(name: str, start: str = "2026-07-01T08:00:00Z") -> dict[str, Any]:
    """Return a pod that was never restarted."""
    containers = [{"name": "proxy"}, {"name": "worker"}]
    return pod(name, status={**pod(name)["status"], "containerStatuses": containers, "startTime": start})


Ask = Callable[..., Awaitable[Reply]]


@pytest.fixture
def ask(kubernetes: KubernetesServer, cluster: Cluster, samples: Samples, now: datetime) -> Ask:
    kubernetes.answers[f"GET {PODS}"] = {"items": [steady("worker-a"), steady("worker-b")]}
    kubernetes.answers[LOG.format("a")] = web.Response(text=FIRST)
    kubernetes.answers[LOG.format("b")] = web.Response(text=SECOND)
    usual: dict[str, Any] = {"since": "1h", "pattern": "", "lines": 50_000, "level": "auto"}

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
    assert table.rows[0][4] == "2 pods"
    assert "cannot reach <address> as user <n>" in table.rows[0][5]
    (log,) = [part for part in reply.parts if isinstance(part, Log)]
    assert log.name == "error-logs-api.txt"
    assert "cannot reach 10.0.0.1 as user 17" in log.text or "cannot reach 10.0.0.2 as user 99" in log.text
    text = said(reply)
    assert "\x1b" not in text
    assert "1 answers of 4xx, which are logged as errors too (1 of 404)" in text
    assert "Read: 15 lines of 2 of 2 pods, the oldest entry of 07-01 08:00:00" in text
    assert "Looked at: errors; --level all looks at every entry" in text
    assert "2 times, HTTP 500, error, first" in text
    assert "in worker-a (1), worker-b (1)" in text
    asked = [one for one in kubernetes.asked if one.path.endswith("/log")]
    assert {(one.query["tailLines"], one.query["sinceSeconds"]) for one in asked} == {("50000", "3600")}


async def test_a_pattern_is_looked_for_in_entries_of_every_level(ask: Ask) -> None:
    reply = await ask("worker", pattern="HEAP|nothing", since="30m")
    assert reply.title == "novapulse-worker: 1 entry in the last 30 min"
    assert "heap is at <n> MiB" in said(reply)
    assert "Looked at: entries of every level that have “HEAP” or “nothing” in them" in said(reply)
    reply = await ask(pattern="heap", level="error")
    assert reply.title == "novapulse-api: no error in the last 1 h"
    assert "Looked at: errors that have “heap” in them; --level all looks at every entry" in said(reply)


async def test_warnings_are_asked_for_by_level(ask: Ask) -> None:
    assert (await ask(level="warn")).title == "novapulse-api: 4 errors and warnings of 3 kinds in the last 1 h"


async def test_a_pattern_that_only_4xx_answers_have_finds_them(ask: Ask) -> None:
    reply = await ask(pattern="no such user")
    assert (reply.title, reply.level) == ("novapulse-api: 1 entry in the last 1 h", Level.INFO)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert table.rows[0][1] == "404"


@pytest.mark.parametrize("pattern", ["(heap|econnrefused)", r"heap\|econnrefused", "heap | econnrefused|"])
async def test_a_pattern_as_grep_takes_it(ask: Ask, pattern: str) -> None:
    assert (await ask(pattern=pattern)).title == "novapulse-api: 2 entries of 2 kinds in the last 1 h"


async def test_a_regular_expression_is_looked_for_as_it_stands_and_that_is_said(ask: Ask) -> None:
    reply = await ask(pattern="heap.*MiB")
    assert reply.title == "novapulse-api: no entry in the last 1 h"
    assert "it is no regular expression" in said(reply)
    assert "regular expression" not in said(await ask(pattern="heap is at 240 MiB (all)"))


@pytest.mark.parametrize("pattern", ["|", " ", "(|)"])
async def test_a_pattern_with_nothing_in_it(ask: Ask, pattern: str) -> None:
    with pytest.raises(UsageError, match="such as memory or timeout"):
        await ask(pattern=pattern)


async def test_errors_stand_before_what_is_more_frequent(ask: Ask, kubernetes: KubernetesServer) -> None:
    chatter = "".join(f"info: {chr(97 + number % 26) * (number + 1)} done\n" for number in range(300))
    kubernetes.answers[LOG.format("a")] = web.Response(text=chatter * 2 + FIRST)
    reply = await ask(level="all")
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert "cannot reach <address>" in table.rows[0][5]
    assert reply.level is Level.WARNING
    assert "The first 10 of 204 kinds" in said(reply)
    assert "201 more were of still other kinds" in said(reply)


async def test_nothing_there(ask: Ask) -> None:
    reply = await ask(pattern="unheard-of")
    assert (reply.title, reply.level) == ("novapulse-api: no entry in the last 1 h", Level.OK)


async def test_a_pod_that_cannot_be_read_leaves_it_unknown(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[LOG.format("b")] = status(403, "not this one")
    reply = await ask(pattern="unheard-of")
    assert (reply.title, reply.level) == ("novapulse-api: no entry in 1 of 2 pods in the last 1 h", Level.UNKNOWN)
    assert "not this one" in line(reply, "worker-b").value
    assert "Read: 9 lines of 1 of 2 pods" in said(reply)
    kubernetes.answers[LOG.format("a")] = status(403, "nor this")
    reply = await ask()
    assert (reply.title, reply.level) == ("novapulse-api: the logs could not be read", Level.UNKNOWN)


async def test_a_node_that_lost_a_log_answers_with_a_sentence_which_is_no_log(
    ask: Ask, kubernetes: KubernetesServer
) -> None:
    gone = web.Response(text="unable to retrieve container logs for containerd://5a6f")
    kubernetes.answers |= {LOG.format("a"): gone, LOG.format("b"): web.Response(text="")}
    reply = await ask()
    assert (reply.title, reply.level) == ("novapulse-api: no error in 1 of 2 pods in the last 1 h", Level.UNKNOWN)
    assert line(reply, "worker-a").value == "its node does not have the log any more"


async def test_no_pods_is_said_as_what_it_is(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {PODS}"] = {"kind": "PodList", "items": []}
    reply = await ask()
    assert (reply.title, reply.level) == ("novapulse-api: 0 pods run, so there is no log", Level.UNKNOWN)
    assert "Whether anything went wrong before is unknown" in said(reply)


def restarted(name: str, at: str, *, count: int = 1, reason: str = "OOMKilled", **state: Any) -> dict[str, Any]:
    ended = {"terminated": {"reason": reason, "exitCode": 137, "finishedAt": at}}
    own = {"name": "proxy", "restartCount": count, "lastState": ended, "state": state}
    return pod(name, status={**pod(name)["status"], "containerStatuses": [{"name": "worker"}, own]})


def logs(now: str, before: str | web.Response) -> Callable[[Asked], web.Response]:
    """Answer with the one log or the other, as the API does."""
    earlier = web.Response(text=before) if isinstance(before, str) else before
    return lambda asked: earlier if asked.query.get("previous", "").lower() == "true" else web.Response(text=now)


NOT_FOUND = status(400, 'previous terminated container "proxy" in pod "worker-a" not found')
FINE = 'info: started {"timestamp":"2026-07-01T08:56:00.000Z"}\n'


@pytest.fixture
def ask_after(ask: Ask, kubernetes: KubernetesServer) -> Ask:
    """Ask after worker-a was restarted, with a log ``before`` that."""

    async def asked(
        before: str | web.Response,
        at: str = "2026-07-01T08:55:00Z",
        now: str = FINE,
        pods: list[dict[str, Any]] | None = None,
        **more: Any,
    ) -> Reply:
        given = {"items": pods or [restarted("worker-a", at, **more), steady("worker-b")]}
        kubernetes.answers |= {f"GET {PODS}": given, LOG.format("a"): logs(now, before)}
        kubernetes.answers[LOG.format("b")] = web.Response(text=FINE)
        return await ask()

    return asked


async def test_what_a_container_wrote_before_its_restart_is_read_and_marked(ask_after: Ask) -> None:
    reply = await ask_after(FIRST)
    assert (reply.title, reply.level) == ("novapulse-api: 1 error in the last 1 h", Level.WARNING)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert table.rows[0][4] == "before a restart"
    assert "in worker-a before its restart (1)" in said(reply)
    assert line(reply, "worker-a restarted").value == (
        "ended at 07-01 08:55:00 UTC (OOMKilled); what it wrote before is looked at too"
    )
    assert "Read: 11 lines of 2 of 2 pods" in said(reply)
    reply = await ask_after(FIRST, now=FIRST)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert table.rows[0][4] == "1 pod; 1 before a restart"


async def test_a_log_from_before_a_restart_that_is_gone_is_no_all_clear(ask_after: Ask) -> None:
    reply = await ask_after(NOT_FOUND)
    assert (reply.title, reply.level) == ("novapulse-api: no error in the last 1 h", Level.WARNING)
    assert line(reply, "worker-a before its restart").value == "its node does not have the log any more"
    reply = await ask_after(status(403, "not that"))
    assert "not that" in line(reply, "worker-a before its restart").value


async def test_of_several_restarts_only_the_last_ones_log_is_kept(ask_after: Ask) -> None:
    reply = await ask_after(FINE, count=3)
    assert "restart 3 of it, and only the log before the last is kept" in line(reply, "worker-a restarted").value
    assert reply.level is Level.WARNING


async def test_a_restart_before_the_time_asked_for_is_not_spoken_of(ask_after: Ask) -> None:
    reply = await ask_after(NOT_FOUND, at="2026-07-01T07:00:00Z")
    assert (reply.title, reply.level) == ("novapulse-api: no error in the last 1 h", Level.OK)
    assert "restart" not in said(reply)


async def test_a_container_that_waits_for_its_restart_is_not_read_twice(
    ask_after: Ask, kubernetes: KubernetesServer
) -> None:
    reply = await ask_after(FIRST, now=FIRST, waiting={"reason": "CrashLoopBackOff"})
    assert reply.title == "novapulse-api: 1 error in the last 1 h"
    assert "it waits to be started again" in line(reply, "worker-a restarted").value
    assert not [one for one in kubernetes.asked if "previous" in one.query]


async def test_pods_that_are_younger_than_the_time_asked_for_are_well_since_then(
    ask: Ask, kubernetes: KubernetesServer
) -> None:
    young = steady("worker-a", "2026-07-01T08:50:00Z")
    kubernetes.answers |= {f"GET {PODS}": {"items": [young]}, LOG.format("a"): web.Response(text=FINE)}
    reply = await ask()
    assert (reply.title, reply.level) == (
        "novapulse-api: no error since the pods started at 07-01 08:50:00 UTC",
        Level.OK,
    )
    assert "Started since: worker-a (07-01 08:50:00 UTC); what pods wrote that are gone is not known" in said(reply)


async def test_young_pods_that_crashed_are_not_well(ask_after: Ask) -> None:
    crashed = restarted("worker-a", "2026-07-01T08:55:00Z", reason="Error")
    crashed["status"]["startTime"] = "2026-07-01T08:50:00Z"
    reply = await ask_after(NOT_FOUND, pods=[crashed])
    assert reply.title == "novapulse-api: no error since the pods started at 07-01 08:50:00 UTC"
    assert reply.level is Level.WARNING
    del crashed["status"]["containerStatuses"][1]["lastState"]
    reply = await ask_after(NOT_FOUND, pods=[crashed])
    assert reply.level is Level.UNKNOWN


def ended(name: str, at: str = "", reason: str = "Evicted", start: str = "2026-06-12T07:00:00Z") -> dict[str, Any]:
    """Return a pod that has ended and whose object stays; an older Kubernetes does not say when."""
    conditions = [{"type": "Ready", "status": "False", "lastTransitionTime": at}] if at else []
    how: dict[str, Any] = {"phase": "Failed", "reason": reason, "conditions": conditions, "startTime": start}
    return pod(name, status={**pod(name)["status"], **how, "containerStatuses": []})


@pytest.fixture
def ask_beside(ask: Ask, kubernetes: KubernetesServer) -> Ask:
    """Ask where these pods have ended, beside one that runs and is well."""

    async def asked(*gone: dict[str, Any]) -> Reply:
        kubernetes.answers[f"GET {PODS}"] = {"items": [*gone, steady("worker-a")]}
        kubernetes.answers[LOG.format("a")] = web.Response(text=FINE)
        return await ask()

    return asked


async def test_pods_that_were_evicted_long_ago_are_named_and_leave_nothing_unknown(
    ask_beside: Ask, kubernetes: KubernetesServer
) -> None:
    kubernetes.answers[LOG.format("b")] = status(500, "no such container")
    reply = await ask_beside(ended("worker-b", "2026-06-12T08:00:00Z"))
    assert (reply.title, reply.level) == ("novapulse-api: no error in the last 1 h", Level.OK)
    assert "Read: 1 lines of 1 of 1 pod" in said(reply)
    assert "1 pod that ended at 06-12 08:00:00 UTC (Evicted) has no log any more: worker-b" in said(reply)
    assert not [one for one in kubernetes.asked if one.path.endswith("worker-b/log")]
    others = [ended(f"worker-{number}", f"2026-06-1{number}T08:00:00Z") for number in range(1, 6)]
    reply = await ask_beside(ended("worker-b"), *others)
    assert reply.level is Level.OK
    assert "6 pods that have ended (Evicted), the last known at 06-15 08:00:00 UTC, have no log any more" in said(reply)
    assert "worker-b, worker-1, worker-2 and 3 more" in said(reply)


@pytest.mark.parametrize("when", [{"at": "2026-07-01T08:30:00Z"}, {"start": "2026-07-01T08:20:00Z"}])
async def test_a_pod_that_was_evicted_lately_is_a_warning(ask_beside: Ask, when: dict[str, str]) -> None:
    reply = await ask_beside(ended("worker-b", **when))
    assert (reply.title, reply.level) == ("novapulse-api: no error in the last 1 h", Level.WARNING)
    at = "at 07-01 08:30:00 UTC" if "at" in when else "at a time that the cluster does not tell"
    assert line(reply, "worker-b").value == f"ended {at} (Evicted); it has no log any more"


async def test_the_log_of_a_pod_that_ended_is_read_while_its_node_has_it(
    ask_beside: Ask, kubernetes: KubernetesServer
) -> None:
    kubernetes.answers[LOG.format("b")] = web.Response(text=FIRST)
    gone = ended("worker-b", "2026-07-01T08:30:00Z", reason="NodeShutdown")
    reply = await ask_beside(gone)
    assert (reply.title, reply.level) == ("novapulse-api: 1 error in the last 1 h", Level.WARNING)
    assert line(reply, "worker-b").value == "ended at 07-01 08:30:00 UTC (NodeShutdown)"
    assert "of 2 of 2 pods" in said(reply)
    kubernetes.answers[LOG.format("b")] = status(404, "its node is gone")
    reply = await ask_beside(gone)
    assert line(reply, "worker-b").value == "ended at 07-01 08:30:00 UTC (NodeShutdown); it has no log any more"


async def test_where_every_pod_has_ended_nothing_is_known(ask: Ask, kubernetes: KubernetesServer) -> None:
    kubernetes.answers[f"GET {PODS}"] = {"items": [ended("worker-b", "2026-06-12T08:00:00Z")]}
    reply = await ask()
    assert (reply.title, reply.level) == ("novapulse-api: 0 pods run, so there is no log", Level.UNKNOWN)
    assert "1 pod that ended at 06-12 08:00:00 UTC (Evicted) has no log any more: worker-b" in said(reply)


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
