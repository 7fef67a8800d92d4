"""Docker Compose's own client against a real engine and the real program."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from bot.check.compose import compose_lines
from bot.clients.compose import Compose
from bot.clients.compose_changes import ComposePods, ComposeRestarts, ComposeWorkloads
from bot.clients.working_jobs import WorkingJobs
from bot.dispatch.operations import Operations, said
from bot.errors import Forbidden, NotConfigured, PermanentError, Refused, Unavailable, UsageError
from bot.plan import Plan, Progress
from bot.reply import Level
from bot.request import Actor, Request
from bot.settings import RedisSettings
from commands.restarting_queue.restart import restart
from tests.docker.conftest import IMAGE, STUBBORN, World, named

UID = "novapulse/worker"
_Seen = TypeVar("_Seen")


def ids(world: World, service: str) -> set[str]:
    client = world.client()
    found = client.containers(all=True, filters={"label": f"com.docker.compose.service={service}"})
    client.close()
    return {container["Id"] for container in found}


async def eventually(look: Callable[[], Awaitable[_Seen]], holds: Callable[[_Seen], object]) -> _Seen:
    """Look until it holds: the engine tells nobody when."""
    async with asyncio.timeout(30):
        while True:
            seen = await look()
            if holds(seen):
                return seen
            await asyncio.sleep(0.05)


async def until(compose: Compose, role: str, replicas: int) -> Progress:
    return await eventually(lambda: compose.pods_ready(role, replicas), lambda seen: seen.done)


def stop(world: World, name: str) -> None:
    client = world.client()
    client.stop(name)
    client.close()


async def test_a_service_is_read_as_a_deployment(compose: Compose) -> None:
    workers, api = await compose.deployment("worker"), await compose.deployment("api")
    assert (workers.name, workers.uid, workers.replicas, workers.ready, workers.updated) == ("worker", UID, 2, 2, 2)
    assert (workers.image, workers.revision) == (IMAGE, None)
    assert (api.name, api.replicas) == ("backend", 1)
    assert compose.name("api") == "backend"
    assert (await compose.reachable())[0].isdigit()
    assert await compose.autoscalers("worker") == []


async def test_its_containers_are_its_pods(compose: Compose) -> None:
    pods = await compose.pods("worker")
    assert sorted(pod.name for pod in pods) == [named("worker", 1), named("worker", 2)]
    assert all(pod.ready and pod.phase == "Running" and pod.restarts == 0 and not pod.waiting for pod in pods)
    ages = [datetime.now(UTC) - pod.started_at for pod in pods if pod.started_at]
    assert len(ages) == 2
    assert all(age < timedelta(minutes=5) for age in ages)


async def test_a_stopped_container_is_wanted_and_not_ready(world: World, compose: Compose) -> None:
    stop(world, named("worker", 2))
    found = await compose.deployment("worker")
    assert (found.replicas, found.ready, found.unavailable) == (2, 1, 1)
    rollout = await compose.rollout("worker")
    assert not rollout.done
    assert "1 of 2 containers ready" in rollout.message
    assert "keeps no history" in rollout.message
    waiting = {pod.name: pod.waiting for pod in await compose.pods("worker")}
    assert waiting == {named("worker", 1): "", named("worker", 2): "exited, exit code 0"}
    assert not (await compose.rollout_done("worker")).done


async def test_its_own_check_decides_whether_a_container_is_ready(world: World, compose: Compose) -> None:
    check = {"test": ["CMD", "test", "-e", "/well"], "interval": "1s", "retries": 1, "start_period": "0s"}
    world.write(worker={"healthcheck": check}, backend={})
    world.compose("up", "-d", "worker")
    assert (await compose.pods("worker"))[0].waiting in ("its check is starting", "unhealthy")
    await eventually(lambda: compose.pods("worker"), lambda pods: pods[0].waiting == "unhealthy")
    seen = await compose.pods_ready("worker", 1)
    assert (seen.done, seen.message) == (False, "0 of 1 containers ready (unhealthy)")


async def test_scales_up_and_down_and_leaves_all_others_alone(world: World, compose: Compose) -> None:
    workers, api = ids(world, "worker"), ids(world, "backend")
    assert await compose.scale("worker", 4, UID) == {"changed": True, "before": 2, "after": 4}
    await until(compose, "worker", 4)
    assert workers < ids(world, "worker")
    assert await compose.scale("worker", 4, UID) == {"changed": False, "before": 4, "after": 4}
    assert await compose.scale("worker", 1) == {"changed": True, "before": 4, "after": 1}
    await until(compose, "worker", 1)
    assert await compose.scale("worker", 0) == {"changed": True, "before": 1, "after": 0}
    found = await compose.deployment("worker")
    assert (found.name, found.replicas, found.ready) == ("worker", 0, 0)
    assert await compose.scale("worker", 2) == {"changed": True, "before": 0, "after": 2}
    await until(compose, "worker", 2)
    assert ids(world, "backend") == api


async def test_scaling_to_the_number_there_is_starts_the_stopped(world: World, compose: Compose) -> None:
    stop(world, named("worker", 1))
    assert (await compose.scale("worker", 2))["changed"] is True
    await until(compose, "worker", 2)


async def test_the_bots_own_variables_do_not_get_into_new_containers(
    world: World, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://of-the-bot")
    world.write(worker={"environment": {"NAME": "${REDIS_URL}"}}, backend={})
    (world.directory / ".env").write_text("REDIS_URL=redis://of-novapulse\n")
    await compose.scale("worker", 3)
    logs = await eventually(lambda: compose.logs("worker"), lambda logs: all(log.data for log in logs))
    assert min(log.data or b"" for log in logs) == b"started redis://of-novapulse\n"
    assert not any(b"of-the-bot" in (log.data or b"") for log in logs)


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"container_name": "the-one"}, "the fixed container_name the-one"),
        ({"ports": ["127.0.0.1:3000:3000"]}, "the host's port 3000"),
        ({"environment": {"NAME": "${NOBODY_SET_THIS}"}}, "NOBODY_SET_THIS, which nobody has set here"),
    ],
)
async def test_what_cannot_be_scaled_is_refused_before_anything_changes(
    world: World, compose: Compose, own: dict[str, object], reason: str
) -> None:
    before = ids(world, "worker")
    world.write(worker=own, backend={})
    with pytest.raises(Refused, match=reason):
        await compose.check_scale("worker", 3)
    with pytest.raises(Refused, match=reason):
        await compose.scale("worker", 3)
    assert ids(world, "worker") == before
    await compose.check_scale("worker", 1)


async def test_a_fixed_name_is_found_on_the_container_too(world: World, compose: Compose) -> None:
    world.write(worker={"container_name": "the-one"}, backend={})
    world.compose("up", "-d", "--force-recreate", "worker")
    world.write(worker={}, backend={})
    for name in (named("worker", 1), named("worker", 2)):
        assert name not in {pod.name for pod in await compose.pods("worker")}
    with pytest.raises(Refused, match="its container has the fixed name the-one"):
        await compose.check_scale("worker", 2)


async def test_what_compose_says_when_it_fails_is_passed_on(world: World, compose: Compose) -> None:
    world.write(worker={"mem_limit": "1m"}, backend={})
    with pytest.raises(PermanentError, match=r"could not scale worker to 3: .*Minimum memory limit"):
        await compose.scale("worker", 3)
    assert len(ids(world, "worker")) == 2


async def test_wrong_numbers_and_names_are_refused(compose: Compose) -> None:
    with pytest.raises(UsageError, match="whole number"):
        await compose.scale("worker", -1)
    with pytest.raises(UsageError, match="api and worker"):
        await compose.deployment("mongodb")
    with pytest.raises(PermanentError, match="another service"):
        await compose.scale("worker", 3, "elsewhere/worker")


async def test_logs_are_read_from_every_container_within_bounds(world: World, compose: Compose) -> None:
    logs = await eventually(lambda: compose.logs("worker"), lambda logs: all(log.data for log in logs))
    assert {log.pod: (log.data, log.cut) for log in logs} == {
        named("worker", 1): (b"started worker\n", False),
        named("worker", 2): (b"started worker\n", False),
    }
    world.write(worker={"command": ["sh", "-c", "yes error | head -n 20000; sleep 3600"]}, backend={})
    world.compose("up", "-d", "worker")
    (log,) = await eventually(lambda: compose.logs("worker", limit_bytes=1000), lambda logs: logs[0].cut)
    assert log.data == (b"error\n" * 200)[:1000]
    (newest,) = await compose.logs("worker", tail_lines=3, since_seconds=600)
    assert (newest.data, newest.cut) == (b"error\n" * 3, False)


async def test_a_terminals_log_has_no_frames(world: World, compose: Compose) -> None:
    world.write(worker={"tty": True}, backend={})
    world.compose("up", "-d", "worker")
    (log,) = await eventually(lambda: compose.logs("worker"), lambda logs: logs[0].data)
    assert log.data == b"started\r\n"


async def test_restarts_each_container_once(world: World, compose: Compose) -> None:
    await eventually(lambda: compose.logs("worker"), lambda logs: all(log.data for log in logs))
    restarts, workloads = ComposeRestarts(compose.project), ComposeWorkloads(compose.project)
    before, containers = {pod.uid for pod in await compose.pods("worker")}, ids(world, "worker")
    found, at = await workloads.read("worker"), datetime.now(UTC).isoformat()
    assert (found.spec.replicas, found.metadata.uid, found.spec.update_strategy.type) == (2, UID, "Recreate")
    done = await restarts.restart("worker", "r1", at, UID)
    assert done == {"changed": True, "message": "2 of 2 containers restarted"}
    after = {pod.uid for pod in await compose.pods("worker")}
    assert not before & after
    assert ids(world, "worker") == containers
    assert (await restarts.stateful_restarted("worker", "r1")).done
    assert (await restarts.restart("worker", "r1", at, UID))["changed"] is False
    assert {pod.uid for pod in await compose.pods("worker")} == after
    assert b"bye" in ((await compose.logs("worker"))[0].data or b"")
    with pytest.raises(PermanentError, match="another service"):
        await restarts.restart("worker", "r1", at, "elsewhere/worker")


async def test_force_stops_and_starts_exactly_the_containers_that_were_meant(world: World, compose: Compose) -> None:
    world.write(worker={"command": ["sh", "-c", STUBBORN]}, backend={})
    world.compose("up", "-d", "--scale", "worker=2", "worker")
    pods = ComposePods(compose.project)
    meant = {pod.name: pod.uid for pod in await pods.of("worker")}
    uids = list(meant.values())
    assert (await pods.replaced("worker", uids, 2)).message == "2 of 2 containers not yet started anew, 0 of 2 ready"
    # One was stopped and not started again before somebody pulled the plug.
    stop(world, named("worker", 1))
    done = await pods.delete({**meant, named("worker", 9): "gone"})
    assert done == {"deleted": 2, "message": "2 stopped and started, 1 restarted or gone already"}
    assert (await pods.replaced("worker", uids, 2)).done
    assert (await pods.delete(meant))["deleted"] == 0
    assert {pod.name for pod in await compose.pods("worker")} == meant.keys()


async def test_every_container_is_listed_and_measured(world: World, compose: Compose) -> None:
    world.write(worker={"mem_limit": "64m", "cpus": 0.5}, backend={})
    world.compose("up", "-d", "worker")
    pods = ComposePods(compose.project)
    listed = {pod.name: pod for pod in await pods.pods()}
    assert sorted(pod.app for pod in listed.values()) == ["backend", "worker"]
    (worker,) = [pod for pod in listed.values() if pod.app == "worker"]  # which of the two stays is Compose's choice
    assert (worker.state, worker.ready, worker.image) == ("ready", 1, IMAGE)
    assert worker.limits == {"memory": 64.0 * 1024 * 1024, "cpu": 0.5}
    assert listed[named("backend", 1)].limits == {"memory": None, "cpu": None}
    usage = {found.pod: found for found in await pods.usage()}
    assert usage.keys() == listed.keys()
    memory = usage[worker.name].memory
    assert memory
    assert 0 < memory < 64 * 1024 * 1024


async def test_a_service_that_is_not_there_is_not_none_of_it(world: World) -> None:
    def clock() -> datetime:
        return datetime.now(UTC)

    elsewhere = Compose(world.settings(compose_project="elsewhere", compose_file=None), clock)
    with pytest.raises(Unavailable, match="no service worker in the project elsewhere, only none; see COMPOSE_PROJECT"):
        await elsewhere.deployment("worker")
    await elsewhere.close()
    other = Compose(world.settings(worker_deployment="jobs"), clock)
    with pytest.raises(Unavailable, match="no service jobs in the project novapulse, only backend, worker"):
        await other.deployment("worker")
    await other.close()
    unnamed = Compose(world.settings(compose_project=None), clock)
    with pytest.raises(NotConfigured, match="COMPOSE_PROJECT"):
        await unnamed.deployment("worker")
    await unnamed.close()
    without = Compose(world.settings(compose_file=None), clock)
    with pytest.raises(NotConfigured, match="COMPOSE_FILE"):
        await without.scale("worker", 3)
    await without.close()


async def test_check_says_what_is_there_and_what_cannot_scale(world: World, compose: Compose) -> None:
    lines = await compose_lines(compose)
    assert [line.label for line in lines] == [
        "Docker", "Docker Compose", "Compose file", "Service api", "Service worker"
    ]  # fmt: skip
    assert {line.level for line in lines} == {Level.OK}
    world.write(worker={"container_name": "the-one", "environment": {"NAME": "${NOBODY_SET_THIS}"}}, backend={})
    said = {(line.label, line.level): line.value for line in await compose_lines(compose)}
    assert "NOBODY_SET_THIS" in said["Compose file", Level.WARNING]
    assert "cannot be scaled: the compose file gives it" in said["Service worker", Level.WARNING]


async def test_an_engine_that_is_not_there_is_unavailable(tmp_path: Path, world: World) -> None:
    away = Compose(world.settings(docker_host=f"unix://{tmp_path}/nothing"), lambda: datetime.now(UTC))
    with pytest.raises(Unavailable, match="Docker: ") as caught:
        await away.deployment("worker")
    assert not isinstance(caught.value, Forbidden)
    await away.close()


async def test_a_restart_is_planned_and_run_as_on_kubernetes(compose: Compose) -> None:
    workloads, jobs = ComposeWorkloads(compose.project), WorkingJobs(RedisSettings())
    actor = Actor(id="U0OPERATOR", name="operator")
    request = Request(id="r1", actor=actor, command="/restart", received_at=datetime.now(UTC))
    plan = await restart.handler("worker", workloads=workloads, working_jobs=jobs, request=request)
    assert isinstance(plan, Plan)
    assert plan.target == "service/worker"
    assert "All of it stops and starts at the same time: for that long nothing of it runs." in plan.warnings
    assert not [warning for warning in plan.warnings if "ready now" in warning]
    systems = {"cluster": compose, "restarts": ComposeRestarts(compose.project)}
    first, second, *_ = plan.steps
    assert said(await Operations(systems).find(first)(**first.arguments)) == "2 of 2 containers restarted"
    await eventually(lambda: Operations(systems).find(second)(**second.arguments), lambda seen: seen.done)
    await jobs.close()
