"""What a real Docker Engine does not do on demand: it fails, it is busy, it hangs, it is something else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses

from bot.clients.compose import Compose
from bot.clients.compose_changes import ComposePods, ComposeRestarts
from bot.errors import Forbidden, NotConfigured, PermanentError, TemporaryError, TimedOut, Unavailable
from bot.settings import PlatformSettings

ENGINE = "http://127.0.0.1:2375"
API = f"{ENGINE}/v1.41"
NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
LABELS = {
    "com.docker.compose.project": "novapulse",
    "com.docker.compose.service": "worker",
    "com.docker.compose.oneoff": "False",
}


def container(**state: Any) -> dict[str, Any]:
    return {
        "Id": "a" * 64,
        "Name": "/novapulse_worker_1",
        "Created": "2026-07-01T08:00:00.123456789Z",
        "RestartCount": 3,
        "State": {"Status": "running", "StartedAt": "2026-07-01T08:00:01.123456789Z", "ExitCode": 0, **state},
        "Config": {"Image": "novapulse:1", "Labels": LABELS, "Env": None, "StopTimeout": None},
        "HostConfig": {"Memory": 0, "NanoCpus": 0},
    }


@pytest.fixture
def engine() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        mocked.get(f"{ENGINE}/version", json={"ApiVersion": "1.41", "Version": "20.10.24"})
        mocked.get(f"{API}/containers/json", json=[{"Id": "a" * 64, "Labels": LABELS}])
        mocked.get(f"{API}/containers/{'a' * 64}/json", json=container())
        mocked.get(f"{API}/info", json={"SystemTime": "2026-07-01T09:00:00Z"})
        yield mocked


def made(seconds: float = 5.0, host: str = "tcp://127.0.0.1:2375") -> Compose:
    settings = PlatformSettings(platform="compose", compose_project="novapulse", docker_host=host)
    return Compose(settings, lambda: NOW, seconds=seconds)


@pytest.fixture
async def compose(engine: responses.RequestsMock) -> AsyncIterator[Compose]:
    del engine
    opened = made()
    yield opened
    await opened.close()


async def test_a_container_that_crashes_again_and_again_says_how(
    engine: responses.RequestsMock, compose: Compose
) -> None:
    state = {"Status": "restarting", "ExitCode": 137, "OOMKilled": True}
    engine.replace(responses.GET, f"{API}/containers/{'a' * 64}/json", json=container(**state))
    (pod,) = await compose.pods("worker")
    assert (pod.ready, pod.waiting, pod.restarts, pod.last_restart_reason) == (False, "restarting", 3, "OOMKilled")
    assert (await compose.pods_ready("worker", 1)).message == "0 of 1 containers ready (restarting)"


async def test_when_it_was_restarted_last_is_said(engine: responses.RequestsMock, compose: Compose) -> None:
    (pod,) = await compose.pods("worker")
    assert pod.last_restart_at is None
    engine.replace(
        responses.GET,
        f"{API}/containers/{'a' * 64}/json",
        json=container(FinishedAt="2026-06-15T08:00:00.5Z"),
    )
    (pod,) = await compose.pods("worker")
    assert pod.last_restart_at == datetime(2026, 6, 15, 8, 0, 0, 500_000, tzinfo=UTC)
    (listed,) = await ComposePods(compose.project).pods()
    assert (listed.restarts, listed.restarted_at) == (3, pod.last_restart_at)


async def test_one_that_was_never_started_has_no_age(engine: responses.RequestsMock, compose: Compose) -> None:
    state = {"Status": "created", "StartedAt": "0001-01-01T00:00:00Z"}
    engine.replace(responses.GET, f"{API}/containers/{'a' * 64}/json", json=container(**state))
    (pod,) = await compose.pods("worker")
    assert (pod.started_at, pod.phase, pod.ready) == (None, "Created", False)


async def test_one_that_goes_between_two_looks_is_not_there(engine: responses.RequestsMock, compose: Compose) -> None:
    engine.replace(
        responses.GET, f"{API}/containers/{'a' * 64}/json", status=404, json={"message": "No such container"}
    )
    assert await compose.pods("worker") == []
    found = await compose.deployment("worker")
    assert (found.replicas, found.image) == (0, "")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (500, Unavailable, "Docker: out of memory, token=\\*\\*\\*"),
        (409, TemporaryError, "Docker is busy with it: out of memory"),
        (403, Forbidden, "Docker: out of memory"),
        (400, PermanentError, "Docker refused: out of memory"),
    ],
)
async def test_its_errors_are_the_bots_own(
    engine: responses.RequestsMock, compose: Compose, status: int, kind: type[Exception], words: str
) -> None:
    engine.replace(
        responses.GET, f"{API}/containers/json", status=status, json={"message": "out of memory, token=hunter2"}
    )
    with pytest.raises(kind, match=words) as caught:
        await compose.deployment("worker")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("body", ["<html>a proxy</html>", '{"message": "no list"}', '[{"Id": 1}]', "[1]", "null"])
async def test_what_is_no_list_of_containers_is_not_no_containers(
    engine: responses.RequestsMock, compose: Compose, body: str
) -> None:
    engine.replace(responses.GET, f"{API}/containers/json", body=body, content_type="application/json")
    with pytest.raises(Unavailable, match="it answered something else than"):
        await compose.deployment("worker")


async def test_what_is_no_engine_at_all_is_said(engine: responses.RequestsMock, compose: Compose) -> None:
    engine.replace(responses.GET, f"{ENGINE}/version", body="<html>welcome</html>")
    with pytest.raises(Unavailable, match="Docker: it answered something else"):
        await compose.reachable()


async def test_a_container_that_cannot_be_read_shows_nothing_of_its_environment(
    engine: responses.RequestsMock, compose: Compose
) -> None:
    strange = container() | {"State": "running", "Config": {"Env": ["MONGO_URI=mongodb://hunter2"]}}
    engine.replace(responses.GET, f"{API}/containers/{'a' * 64}/json", json=strange)
    with pytest.raises(Unavailable, match="something else than a container") as caught:
        await compose.deployment("worker")
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None


async def test_an_engine_that_stalls_has_timed_out(engine: responses.RequestsMock, compose: Compose) -> None:
    engine.replace(responses.GET, f"{API}/containers/json", body=requests.ReadTimeout("timed out"))
    with pytest.raises(TimedOut):
        await compose.deployment("worker")


async def test_an_engine_that_hangs_while_the_client_connects_has_timed_out() -> None:
    taken = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await taken.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        compose = made(seconds=0.2, host=f"tcp://127.0.0.1:{port}")
        with pytest.raises(TimedOut, match=r"Docker: no answer within 0.2 s"):
            await compose.reachable()
        taken.set()
        await compose.close()


async def test_comes_back_after_the_engine_was_away(engine: responses.RequestsMock, compose: Compose) -> None:
    engine.replace(responses.GET, f"{ENGINE}/version", body=requests.ConnectionError("refused"))
    with pytest.raises(Unavailable):
        await compose.reachable()
    engine.replace(responses.GET, f"{ENGINE}/version", json={"ApiVersion": "1.41", "Version": "20.10.24"})
    engine.get(f"{API}/version", json={"Version": "20.10.24"})
    assert await compose.reachable() == "20.10.24"


async def test_a_log_that_cannot_be_read_is_unknown(engine: responses.RequestsMock, compose: Compose) -> None:
    engine.get(f"{API}/containers/{'a' * 64}/logs", status=500, json={"message": "disk error"})
    (log,) = await compose.logs("worker")
    assert (log.pod, log.data, log.problem) == ("novapulse_worker_1", None, "Docker: disk error")


async def test_a_log_is_as_old_as_its_container(engine: responses.RequestsMock, compose: Compose) -> None:
    engine.get(f"{API}/containers/{'a' * 64}/logs", body=b"")
    (container,) = await compose.project.containers("worker")
    (log,) = await compose.logs("worker")
    assert log.data == b""
    assert log.started_at == container.created_at


async def test_the_last_seconds_are_those_of_the_engines_clock(
    engine: responses.RequestsMock, compose: Compose
) -> None:
    logs = engine.get(f"{API}/containers/{'a' * 64}/logs", body=b"")
    await compose.logs("worker", since_seconds=60, tail_lines=5)
    since = (NOW - timedelta(seconds=60)).timestamp()
    url = str(logs.calls[0].request.url)
    assert f"since={since:.3f}" in url
    assert "tail=5" in url


async def test_a_restart_allows_for_clocks_that_differ(engine: responses.RequestsMock, compose: Compose) -> None:
    # The engine is an hour behind: what it started at 08:00:01 of its clock was started after 09:00 of ours.
    engine.replace(responses.GET, f"{API}/info", json={"SystemTime": "2026-07-01T08:00:00Z"})
    done = await ComposeRestarts(compose.project).restart("worker", "r1", NOW.isoformat(), "novapulse/worker")
    assert done == {"changed": False, "message": "0 of 1 containers restarted"}


async def test_a_restart_that_meets_a_busy_engine_may_be_tried_again(
    engine: responses.RequestsMock, compose: Compose
) -> None:
    url = f"{API}/containers/{'a' * 64}/restart"
    engine.post(url, status=409, json={"message": "removal in progress"})
    restarts = ComposeRestarts(compose.project)
    with pytest.raises(TemporaryError, match="removal in progress"):
        await restarts.restart("worker", "r1", NOW.isoformat(), "novapulse/worker")
    engine.replace(responses.POST, url, status=204)
    assert (await restarts.restart("worker", "r1", NOW.isoformat(), "novapulse/worker"))["changed"] is True
    assert "t=10" in str(engine.calls[-1].request.url)


async def test_usage_that_cannot_be_measured_is_unknown(engine: responses.RequestsMock, compose: Compose) -> None:
    url = f"{API}/containers/{'a' * 64}/stats"
    engine.get(url, json={"read": "2026-07-01T09:00:00Z", "cpu_stats": {}})
    pods = ComposePods(compose.project)
    with pytest.raises(Unavailable, match="what the containers use could not be read"):
        await pods.usage()
    stats = {
        "read": "2026-07-01T09:00:00Z",
        "cpu_stats": {"cpu_usage": {"total_usage": 3}, "system_cpu_usage": 12, "online_cpus": 2},
        "precpu_stats": {"cpu_usage": {"total_usage": 1}, "system_cpu_usage": 4},
        "memory_stats": {"usage": 1000, "stats": {"inactive_file": 300}},
    }
    engine.replace(responses.GET, url, json=stats)
    (used,) = await pods.usage()
    assert (used.cpu, used.memory) == (0.5, 700.0)


async def test_without_a_project_nothing_is_asked(engine: responses.RequestsMock) -> None:
    compose = Compose(PlatformSettings(platform="compose", docker_host="tcp://127.0.0.1:2375"), lambda: NOW)
    with pytest.raises(NotConfigured, match="COMPOSE_PROJECT"):
        await compose.deployment("worker")
    assert len(engine.calls) == 0
    await compose.close()
