"""What is done to a project's containers beyond their number: restarted, stopped and started, listed and measured."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from docker import APIClient
from pydantic import AliasPath, BaseModel, Field, JsonValue, ValidationError

from bot.attempt import together
from bot.clients.cluster_objects import Metadata
from bot.clients.cluster_usage import ListedPod, PodUsage
from bot.clients.cluster_workloads import (
    EnvironmentEntry,
    PodTemplate,
    TemplateContainer,
    TemplateSpec,
    UpdateStrategy,
    WorkloadObject,
    WorkloadSpec,
    WorkloadStatus,
)
from bot.clients.compose_containers import SERVICE, Container
from bot.clients.compose_engine import SYSTEM
from bot.clients.compose_project import Project
from bot.clients.platform_words import COMPOSE
from bot.errors import BotError, PermanentError, TemporaryError, Unavailable
from bot.plan import Progress, condition, operation

_CORE: Final = 1_000_000_000
# The engine looks twice, a second apart, before it answers how much a container uses.
_STATS_SECONDS: Final = 8.0


class ComposeWorkloads:
    """Reads the services by role: ``api``, ``worker`` and ``redis``; raises as ``Project`` does."""

    words: Final = COMPOSE

    def __init__(self, project: Project) -> None:
        self._project = project

    def name(self, role: str) -> str:
        """Return what the service is called; raises UsageError where there is none of that role."""
        return self._project.service(role)

    def kind(self, role: str) -> str:
        """Return what it is in the words of a lock, whatever the role."""
        self._project.service(role)
        return self.words.workload

    async def read(self, role: str) -> WorkloadObject:
        """Return a service; all its containers are replaced at the same time, hence ``Recreate``."""
        found = await self._project.containers(role)
        service = self._project.service(role)
        ready = sum(container.is_ready for container in found)
        image = found[-1].config.image if found else ""
        # Of the variables the names, not the values: those are nobody's business here.
        names = [entry.partition("=")[0] for entry in found[-1].config.env] if found else []
        variables = [EnvironmentEntry(name=name) for name in names]
        container = TemplateContainer(name=service, image=image, env=variables)
        template = PodTemplate(spec=TemplateSpec(containers=[container]))
        spec = WorkloadSpec.model_construct(
            replicas=len(found),
            paused=False,
            template=template,
            whole_template={},
            update_strategy=UpdateStrategy(type="Recreate"),
        )
        status = WorkloadStatus(replicas=len(found), ready_replicas=ready, updated_replicas=len(found))
        return WorkloadObject(
            metadata=Metadata(name=service, uid=f"{self._project.name}/{service}"), spec=spec, status=status
        )


class ComposeRestarts:
    """Restarts a service's containers, all at the same time, as ``docker-compose restart`` does."""

    def __init__(self, project: Project) -> None:
        self._project = project

    @operation
    async def restart(self, role: str, stamp: str, at: str, expect_uid: str) -> dict[str, JsonValue]:
        """Restart every container of a service that was not started since ``at`` (ISO 8601, by the bot's clock).

        Each has its own time to stop, then it is killed. So repeating it restarts no container a second time.
        ``stamp`` is for platforms that can write it down. PermanentError for another project's service.
        """
        del stamp
        found = await self._project.containers(role)
        if expect_uid != f"{self._project.name}/{self._project.service(role)}":
            raise PermanentError(
                f"{self._project.service(role)} is another service than in the plan: nothing was done."
            )
        since = await self._project.engine_time(datetime.fromisoformat(at))
        old = [each for each in found if not each.is_running or each.started_at is None or each.started_at < since]
        await _all(self._restart(container) for container in old)
        return {"changed": bool(old), "message": f"{len(old)} of {len(found)} containers restarted"}

    @condition
    async def stateful_restarted(self, role: str, stamp: str) -> Progress:
        """Tell whether every container of a service is ready and stays so; ``restart`` has restarted them."""
        del stamp
        found = await self._project.containers(role)
        lasting, new = await self._project.lasting(found)
        ready = sum(container.is_ready for container in found)
        message = f"{self._project.service(role)}: {ready} of {len(found)} containers ready{new}"
        return Progress(done=bool(found) and lasting == len(found), message=message)

    async def _restart(self, container: Container) -> None:
        grace, engine = container.stop_seconds, self._project.engine
        await engine.ask(lambda client: client.restart(container.id, timeout=grace), grace + 2 * engine.seconds)


class ComposePods:
    """Lists the project's containers, measures them, and ends those of a service: stopped, then started."""

    words: Final = COMPOSE

    def __init__(self, project: Project) -> None:
        self._project = project

    async def pods(self) -> list[ListedPod]:
        """Return every container of the project, by name."""
        return sorted((_listed(found) for found in await self._project.all_containers()), key=lambda pod: pod.name)

    async def of(self, role: str) -> list[ListedPod]:
        """Return the containers of a service, those that are being removed left out."""
        return [_listed(found) for found in await self._project.containers(role) if found.state.status != "removing"]

    async def usage(self) -> list[PodUsage]:
        """Return what each running container uses; one that could not be measured is left out."""
        running = [found for found in await self._project.all_containers() if found.is_running]
        measured = await together(*(self._usage(container) for container in running))
        if running and not any(measured):
            raise Unavailable(SYSTEM, "what the containers use could not be read")
        return [found for found in measured if found]

    @operation
    async def delete(self, pods: dict[str, str]) -> dict[str, JsonValue]:
        """Stop and start these containers (name -> UID); one that was restarted since, or is gone, is left alone.

        Each has its own time to stop, then it is killed; what was interrupted between stop and start is finished.
        """
        told = await _all(self._stop_and_start(name, uid) for name, uid in sorted(pods.items()))
        gone = len(pods) - sum(told)
        message = f"{sum(told)} stopped and started" + (f", {gone} restarted or gone already" if gone else "")
        return {"deleted": sum(told), "message": message}

    @condition
    async def replaced(self, role: str, uids: list[str], replicas: int) -> Progress:
        """Tell whether every one of these was started anew, and ``replicas`` are ready and stay so."""
        found = await self._project.containers(role)
        left = sum(container.uid in uids for container in found)
        begun = [container for container in found if container.uid not in uids]
        lasting, new = await self._project.lasting(begun)
        ready = sum(container.is_ready for container in begun)
        message = f"{left} of {len(uids)} containers not yet started anew, {ready} of {replicas} ready{new}"
        return Progress(done=not left and lasting >= replicas, message=message)

    async def _stop_and_start(self, name: str, uid: str) -> bool:
        container, engine = await self._project.container(name), self._project.engine
        if container is None or container.uid != uid:
            return False
        grace = container.stop_seconds

        def stop_and_start(client: APIClient) -> None:
            client.stop(container.id, timeout=grace)
            client.start(container.id)

        await engine.ask(stop_and_start, grace + 2 * engine.seconds)
        return True

    async def _usage(self, container: Container) -> PodUsage | None:
        try:
            answer: Any = await self._project.engine.ask(
                lambda client: client.stats(container.id, stream=False), _STATS_SECONDS
            )
            found = _Stats.model_validate(answer)
        except (BotError, ValidationError):
            return None
        return PodUsage(pod=container.name, cpu=found.cores, memory=found.used, at=found.read)


class _Stats(BaseModel):
    """What a container uses: nanoseconds of all cores so far and the moment before, and bytes."""

    read: datetime
    total: int = Field(validation_alias=AliasPath("cpu_stats", "cpu_usage", "total_usage"))
    total_before: int = Field(validation_alias=AliasPath("precpu_stats", "cpu_usage", "total_usage"))
    system: int = Field(default=0, validation_alias=AliasPath("cpu_stats", "system_cpu_usage"))
    system_before: int = Field(default=0, validation_alias=AliasPath("precpu_stats", "system_cpu_usage"))
    cpus: int = Field(default=0, validation_alias=AliasPath("cpu_stats", "online_cpus"))
    usage: int | None = Field(default=None, validation_alias=AliasPath("memory_stats", "usage"))
    details: dict[str, int] = Field(default_factory=dict, validation_alias=AliasPath("memory_stats", "stats"))

    @property
    def cores(self) -> float | None:
        """How many cores' time it uses, as ``docker stats`` counts it; None without two looks."""
        passed = self.system - self.system_before
        return (self.total - self.total_before) / passed * self.cpus if passed > 0 and self.cpus else None

    @property
    def used(self) -> float | None:
        """The memory without the file cache that can be given back at once, as ``docker stats`` counts it."""
        if self.usage is None:
            return None
        cache = self.details.get("total_inactive_file", self.details.get("inactive_file", 0))
        return float(self.usage - cache if cache < self.usage else self.usage)


def _listed(container: Container) -> ListedPod:
    host, state = container.host, container.trouble or ("ready" if container.is_ready else container.state.status)
    limits = {"cpu": host.nano_cpus / _CORE if host.nano_cpus else None, "memory": float(host.memory) or None}
    return ListedPod(
        name=container.name,
        uid=container.uid,
        app=container.config.labels.get(SERVICE, ""),
        ready=int(container.is_ready),
        containers=1,
        state="stopping" if container.state.status == "removing" else state,
        restarts=container.restarts,
        reason="" if container.is_running or not container.restarts else container.ended,
        created_at=container.created_at,
        started_at=container.started_at,
        node="",
        image=container.config.image,
        restarted_at=container.restarted_at,
        requested=dict.fromkeys(limits),
        limits=limits,
    )


async def _all(changes: Iterable[Any]) -> list[Any]:
    """Make every change, each on its own, and raise the first failure after all have ended."""
    ended = await asyncio.gather(*changes, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, TemporaryError | Unavailable):
            raise failure
    for failure in ended:
        if isinstance(failure, BaseException):
            raise failure
    return ended
