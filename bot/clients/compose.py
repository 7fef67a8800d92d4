"""NovaPulse's Docker Compose project: what ``bot.clients.cluster`` is for Kubernetes, as far as Compose can do it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.clients.cluster_state import Autoscaler, DeploymentState, Feed, PodLog, PodState, Rollout, Workload, workload
from bot.clients.compose_containers import Container, deployment_state, pod_state
from bot.clients.compose_logs import LogQuery, hand_over_logs, read_logs
from bot.clients.compose_project import STEADY, Project
from bot.clients.platform_words import COMPOSE
from bot.errors import PermanentError, Unavailable, UsageError
from bot.plan import Progress, condition, operation
from bot.settings import PlatformSettings

LOG_LIMIT: Final = 4 * 1024 * 1024
STREAM_LIMIT: Final = 64 * 1024 * 1024  # of a log that is not kept
NO_ROLLOUTS: Final = "Docker Compose has no rollouts and keeps no history of them"


class Compose:
    """A Compose project on one Docker Engine; ``clock`` is only compared with the engine's own.

    Workloads are named by role (``api``, ``worker``); their pods are the service's containers. Reading ends within
    ``seconds``. Every method raises Unavailable, TimedOut, Forbidden or NotConfigured where it could not be read.
    """

    product: Final = "Docker"

    words: Final = COMPOSE

    def __init__(
        self, settings: PlatformSettings, clock: Callable[[], datetime], *, seconds: float = 5.0, steady: float = STEADY
    ) -> None:
        self.project = Project(settings, clock, seconds=seconds, steady=steady)

    async def close(self) -> None:
        """Close every connection."""
        await self.project.engine.close()

    def name(self, role: str) -> str:
        """Return what the service is called, such as ``worker``."""
        return self.project.service(workload(role))

    async def reachable(self) -> str:
        """Return the engine's version, such as ``28.2.2``."""
        return str(await self.project.engine.ask(lambda client: client.version()["Version"]))

    async def deployment(self, role: str) -> DeploymentState:
        """Return a service as a deployment; what is wanted is what exists, as Compose keeps no wish of its own."""
        found = await self._containers(role)
        return deployment_state(self.project.name, self.project.service(role), found)

    async def rollout(self, role: str) -> Rollout:
        """Say how many containers are ready, which is all there is to say: Compose has no rollouts."""
        containers = await self._containers(role)
        found = deployment_state(self.project.name, self.project.service(role), containers)
        new = {each.id for each in await self.project.unsteady(containers)}
        falling = [each for each in containers if each.restarts and (not each.is_running or each.id in new)]
        differ = found.total - found.updated
        message = f"{found.name}: {found.ready} of {found.replicas} containers ready; {NO_ROLLOUTS}"
        message += f"; {differ} made from another configuration than the newest" if differ else ""
        message += "".join(f"; {each.name} was restarted {each.restarts} times" for each in falling)
        return Rollout(
            done=found.ready == found.replicas and not falling,
            stalled=bool(falling),
            message=message,
            ready=found.ready,
            updated=found.updated,
            total=found.replicas,
        )

    async def pods(self, role: str) -> list[PodState]:
        """Return the service's containers, stopped ones included."""
        return [pod_state(container) for container in await self._containers(role)]

    async def autoscalers(self, role: str) -> list[Autoscaler]:
        """Return nobody: nothing but a person scales a Compose service."""
        workload(role)
        return []

    async def logs(
        self,
        role: str,
        *,
        tail_lines: int | None = None,
        since_seconds: int | None = None,
        seconds: float = 10.0,
        limit_bytes: int = LOG_LIMIT,
    ) -> list[PodLog]:
        """Return the log of every container, at most ``limit_bytes`` of all together; one that was not read says why.

        ``tail_lines`` asks for the newest lines, ``since_seconds`` for the last seconds. It takes at most
        ``seconds`` after the containers were listed.
        """
        containers, query = await self._log_query(role, tail_lines, since_seconds, limit_bytes)
        return await read_logs(self.project.engine, containers, query, seconds)

    async def hand_over_logs(
        self,
        role: str,
        feed_of: Callable[[str], Feed],
        *,
        tail_lines: int,
        since_seconds: int,
        seconds: float = 15.0,
    ) -> list[PodLog]:
        """Give the log of every container to the feed of its name; what is returned says how that went."""
        containers, query = await self._log_query(role, tail_lines, since_seconds, STREAM_LIMIT)
        return await hand_over_logs(self.project.engine, containers, query, seconds, feed_of)

    async def pages(self, role: str, path: str) -> list[PodLog]:
        """Raise Unavailable: the engine asks no container for a page."""
        raise Unavailable(self.product, f"the engine hands no request to {self.name(role)} ({path})")

    async def check_scale(self, role: str, replicas: int) -> None:
        """Raise Refused where the service cannot have that many containers: a fixed name, a fixed port of the host."""
        await self.project.check_scale(workload(role), replicas)

    @operation
    async def scale(self, role: str, replicas: int, expect_uid: str = "") -> dict[str, JsonValue]:
        """Make a service have ``replicas`` running containers; does nothing where it has.

        Returns ``changed`` and how many there were ``before`` and ``after``. With ``expect_uid`` another project's
        service is left alone: PermanentError, as for whatever Compose refuses. Refused as ``check_scale`` says.
        """
        if type(replicas) is not int or replicas < 0:
            raise UsageError("The number of replicas is a whole number from 0 on.", argument="replicas")
        containers = await self._containers(role)
        found = deployment_state(self.project.name, self.project.service(role), containers)
        if expect_uid and found.uid != expect_uid:
            raise PermanentError(f"{found.name} is another service than in the plan: nothing was done.")
        if found.replicas == replicas and all(container.is_running for container in containers):
            return {"changed": False, "before": replicas, "after": replicas}
        await self.check_scale(role, replicas)
        if problem := await self.project.program.scale(found.name, replicas):
            await self.reachable()  # an engine that is down is another failure, and one that may pass
            raise PermanentError(f"Docker Compose could not scale {found.name} to {replicas}: {problem}")
        return {"changed": True, "before": found.replicas, "after": replicas}

    @condition
    async def rollout_done(self, role: str) -> Progress:
        """Tell whether every container is ready and stays so: Compose has no rollout that could end."""
        found = await self._containers(role)
        lasting, new = await self.project.lasting(found)
        ready = sum(container.is_ready for container in found)
        return Progress(done=lasting == len(found), message=f"{ready} of {len(found)} ready{new}")

    @condition
    async def pods_ready(self, role: str, replicas: int) -> Progress:
        """Tell whether exactly ``replicas`` containers are there, all of them are ready, and they stay so."""
        containers = await self._containers(role)
        lasting, new = await self.project.lasting(containers)
        pods = [pod for pod in map(pod_state, containers) if not pod.terminating]
        ready = sum(pod.ready for pod in pods)
        reasons = sorted({pod.waiting for pod in pods if pod.waiting})
        message = f"{ready} of {replicas} containers ready" + (f" ({', '.join(reasons)})" if reasons else "")
        if len(pods) > replicas:
            message += f", {len(pods) - replicas} more than wanted"
        return Progress(done=lasting == replicas == len(pods), message=message + new)

    async def _containers(self, role: Workload | str) -> list[Container]:
        return await self.project.containers(workload(role))

    async def _log_query(
        self, role: str, tail_lines: int | None, since_seconds: int | None, limit_bytes: int
    ) -> tuple[list[Container], LogQuery]:
        containers, since = await self._containers(role), None
        if since_seconds is not None:
            since = (await self.project.engine_time() - timedelta(seconds=since_seconds)).timestamp()
        return containers, LogQuery(tail=tail_lines, since=since, limit_bytes=limit_bytes)
