"""What the Docker Engine says about a service's containers, in the bot's words."""

import re
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bot.clients.cluster_state import DeploymentState, PodState

PROJECT: Final = "com.docker.compose.project"
SERVICE: Final = "com.docker.compose.service"
ONE_OFF: Final = "com.docker.compose.oneoff"
CONFIG_HASH: Final = "com.docker.compose.config-hash"
# What Compose itself gives a container to stop where its file says nothing, in seconds.
STOP_SECONDS: Final = 10
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Listed(_Part):
    """A container as the engine lists it."""

    id: str = Field(alias="Id")
    labels: dict[str, str] = Field(alias="Labels")


class Health(_Part):
    """What a container's own check says: starting, healthy or unhealthy."""

    status: str = Field(default="none", alias="Status")


class State(_Part):
    """What a container does; the exit code and the memory kill are those of its last end."""

    status: str = Field(alias="Status")
    exit_code: int = Field(default=0, alias="ExitCode")
    oom_killed: bool = Field(default=False, alias="OOMKilled")
    started_at: datetime = Field(alias="StartedAt")
    finished_at: datetime = Field(default=_NEVER, alias="FinishedAt")
    health: Health | None = Field(default=None, alias="Health")


class Config(_Part):
    """What a container was made from; its environment holds secrets."""

    image: str = Field(alias="Image")
    labels: dict[str, str] = Field(alias="Labels")
    env: list[str] = Field(default_factory=list, alias="Env", repr=False)
    tty: bool = Field(default=False, alias="Tty")
    stop_timeout: int | None = Field(default=None, alias="StopTimeout")

    @field_validator("env", mode="before")
    @classmethod
    def _none_is_empty(cls, value: Any) -> Any:
        return value or []


class HostConfig(_Part):
    """What a container may have at most: bytes, and billionths of a core; 0 is no limit."""

    memory: int = Field(default=0, alias="Memory")
    nano_cpus: int = Field(default=0, alias="NanoCpus")


class Container(_Part):
    """A container as the engine inspects it."""

    id: str = Field(alias="Id")
    name: str = Field(alias="Name")
    created_at: datetime = Field(alias="Created")
    restarts: int = Field(default=0, alias="RestartCount")
    state: State = Field(alias="State")
    config: Config = Field(alias="Config")
    host: HostConfig = Field(default=HostConfig(), alias="HostConfig")

    @field_validator("name")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.removeprefix("/")

    @property
    def started_at(self) -> datetime | None:
        """When it was last started; None where it never was."""
        return None if self.state.started_at == _NEVER else self.state.started_at

    @property
    def restarted_at(self) -> datetime | None:
        """When it ended for the last time before the engine restarted it; None where it never did."""
        return self.state.finished_at if self.restarts and self.state.finished_at != _NEVER else None

    @property
    def uid(self) -> str:
        """Who it is since its last start: a container that was restarted counts as another one, as a pod would."""
        return f"{self.id[:12]}@{self.state.started_at:%Y%m%dT%H%M%S.%f}"

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        return self.state.status == "running"

    @property
    def is_ready(self) -> bool:
        """Whether it runs and its own check, where it has one, says that it is well."""
        return self.is_running and (self.state.health is None or self.state.health.status in ("none", "healthy"))

    @property
    def has_check(self) -> bool:
        """Whether it has a check of its own that says whether it is well."""
        return self.state.health is not None and self.state.health.status != "none"

    @property
    def stop_seconds(self) -> int:
        """How long it may take to stop before it is killed."""
        return STOP_SECONDS if self.config.stop_timeout is None else max(0, self.config.stop_timeout)

    @property
    def trouble(self) -> str:
        """Why it is not ready; empty where it is, or where it gives no reason."""
        if self.is_running:
            health = self.state.health.status if self.state.health else "none"
            return {"starting": "its check is starting", "unhealthy": "unhealthy"}.get(health, "")
        return f"{self.state.status}, {self.ended}" if self.state.status in ("exited", "dead") else self.state.status

    @property
    def ended(self) -> str:
        """How it last ended."""
        return "OOMKilled" if self.state.oom_killed else f"exit code {self.state.exit_code}"

    def has_fixed_name(self, project: str, service: str) -> bool:
        """Whether its name is one that Compose would not have given it: then there can be only one."""
        # While it replaces a container, Compose 1.29 puts the old one's id before its name.
        return not re.fullmatch(rf"(?:[0-9a-f]{{12}}_)?{re.escape(project)}[-_]{re.escape(service)}[-_]\d+", self.name)


def pod_state(container: Container) -> PodState:
    """Read a container as a pod; the engine keeps how it last ended only until it is started again."""
    runs = container.is_running
    return PodState(
        name=container.name,
        uid=container.uid,
        phase=container.state.status.capitalize(),
        ready=container.is_ready,
        terminating=container.state.status == "removing",
        restarts=container.restarts,
        last_restart_reason="" if runs or not container.restarts else container.ended,
        waiting=container.trouble,
        started_at=container.started_at,
        node="",
        deletion_cost=0,
        container=container.config.labels.get(SERVICE, ""),
        last_restart_at=container.restarted_at,
    )


def deployment_state(project: str, service: str, containers: list[Container]) -> DeploymentState:
    """Read a service as a deployment: what is wanted is what was made, as Compose keeps no wish of its own.

    ``updated`` counts the containers that were made from the same configuration as the newest one.
    """
    ready = sum(container.is_ready for container in containers)
    newest = max(containers, key=lambda container: container.created_at, default=None)
    return DeploymentState(
        name=service,
        uid=f"{project}/{service}",
        resource_version="",
        replicas=len(containers),
        total=len(containers),
        ready=ready,
        updated=sum(_hash(container) == _hash(newest) for container in containers if newest),
        available=ready,
        unavailable=len(containers) - ready,
        generation=0,
        observed_generation=0,
        revision=None,
        image=newest.config.image if newest else "",
        paused=False,
        conditions=(),
    )


def _hash(container: Container | None) -> str:
    return container.config.labels.get(CONFIG_HASH, "") if container else ""
