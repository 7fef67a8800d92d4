"""Variables of a project's services, set in a compose file of the bot's own."""

import asyncio
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from bot.attempt import together
from bot.clients.cluster_configuration import ConfigMap, Vault
from bot.clients.cluster_objects import Metadata
from bot.clients.cluster_workloads import WorkloadObject
from bot.clients.compose_containers import Container
from bot.clients.compose_override import NAME
from bot.clients.compose_project import Project
from bot.clients.platform_words import COMPOSE
from bot.errors import PermanentError, Refused
from bot.plan import operation

# NovaPulse's settings that are no secrets, and the services that start with them.
SETTINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "QUEUE_CONCURRENCY": ("worker",),
    "MONGO_MAX_POOL_SIZE": ("api", "worker"),
    "MONGO_MIN_POOL_SIZE": ("api", "worker"),
}


class ComposeConfiguration:
    """Sets variables and has the service's containers made anew; raises as ``Project`` does."""

    words: Final = COMPOSE

    def __init__(self, project: Project, vault: Vault) -> None:
        self._project = project
        self._vault = vault

    async def exposure(self, role: str) -> tuple[str, ...]:
        """Say who will be able to read a value and what does not know it; Refused where none can be set."""
        await self._check(role)
        readers = (
            f"The value is in {NAME} beside the compose file, readable by the bot's own user, and in the containers."
        )
        return (readers, *self.caveats(role))

    def caveats(self, role: str) -> tuple[str, ...]:
        """Say what else making a service's containers anew brings with it."""
        return (
            f"Whoever runs Docker Compose by hand has to name {NAME} last (-f {NAME}), or the old value is back.",
            f"The containers of {self._project.service(role)} are made anew from the compose file as it is now.",
        )

    def why_ineffective(self, found: WorkloadObject, role: str, name: str) -> str:
        """Return nothing: the bot's own file comes last, so that what it says wins."""
        del found, role, name
        return ""

    def doubts(self, found: WorkloadObject, role: str, name: str) -> tuple[str, ...]:
        """Return nothing, for the same reason."""
        del found, role, name
        return ()

    async def config_map(self) -> ConfigMap:
        """Return what the containers were started with, under the name of the file in which it is changed.

        Where the containers differ, the value says how. Refused where none can be set.
        """
        roles = ("api", "worker")
        await together(*(self._check(role) for role in roles))
        lists = await together(*(self._project.containers(role) for role in roles))
        found = dict(zip(roles, lists, strict=True))
        data = {name: value for name in SETTINGS if (value := await self._setting(name, found))}
        return ConfigMap(metadata=Metadata(name=NAME, uid=self._project.name), data=data)

    @operation
    async def set_keys(self, values: dict[str, str], expect_uid: str) -> dict[str, JsonValue]:
        """Set these for every service that starts with them, and have its containers made anew where they differ.

        PermanentError for another project, or where one of them is no setting of NovaPulse's.
        """
        if expect_uid != self._project.name:
            raise PermanentError("It is another project than in the plan: nothing was done.")
        if unknown := sorted(values.keys() - SETTINGS.keys()):
            raise PermanentError(f"{', '.join(unknown)} is no setting that is known: nothing was done.")
        said = {}
        for role in dict.fromkeys(role for name in values for role in SETTINGS[name]):
            own = {name: value for name, value in values.items() if role in SETTINGS[name]}
            if made := await self._set(role, own):
                said[self._project.service(role)] = made
        return {"changed": bool(said), "message": "; ".join(f"{name}: {made}" for name, made in said.items())}

    @operation
    async def set_variable(self, role: str, name: str, reference: str, expect_uid: str) -> dict[str, JsonValue]:
        """Set a service's variable to the value that the vault keeps under ``reference``, on as many containers.

        It does nothing where the file and every container have it already. The value is in no error that this raises.
        """
        secret = (await self._vault.value(reference)).get_secret_value()
        await self._project.containers(role)  # which service it is
        service = self._project.service(role)
        if expect_uid != f"{self._project.name}/{service}":
            raise PermanentError(f"{service} is another service than in the plan: nothing was done.")
        made = await self._set(role, {name: secret})
        return {"changed": bool(made), "message": f"set, {made}" if made else "was so already"}

    async def _set(self, role: str, values: Mapping[str, str]) -> str:
        """Write the values and make the containers anew; return what was made, nothing where all was so already."""
        found, service = await self._project.containers(role), self._project.service(role)
        override = self._project.program.override
        written = [await asyncio.to_thread(override.variable, service, name) for name in values]
        if written == list(values.values()) and all(_has(container, values) for container in found):
            return ""
        await asyncio.to_thread(override.set, service, values)
        if problem := await self._project.program.recreate(service, len(found)):
            raise PermanentError(
                f"Docker Compose could not make the containers of {service} anew: {_hidden(problem, values)}"
            )
        made = await self._project.containers(role)
        if without := [container.name for container in made if not _has(container, values)]:
            names = ", ".join(values)
            raise PermanentError(f"Docker Compose ended well, but {', '.join(without)} runs without the new {names}.")
        return f"{COMPOSE.pods(len(made))} made anew"

    async def _check(self, role: str) -> None:
        """Raise Refused where nothing can be set for a service, PermanentError where the bot's file cannot be used."""
        file, _ = await together(self._project.file(), self._project.containers(role))
        service = self._project.service(role)
        if service not in file.services:
            raise Refused(f"The compose file has no service {service}: it has {', '.join(sorted(file.services))}.")
        if file.blanks:
            message = f"The compose file uses {', '.join(file.blanks)}, which nobody has set here: it would be blank."
            raise Refused(message, hint="Set it in the .env file beside the compose file.")
        await asyncio.to_thread(self._project.program.override.variable, service, "")

    async def _setting(self, name: str, found: Mapping[str, list[Container]]) -> str:
        """Return what the containers have for a setting, each value once; empty where none sets it."""
        values: dict[str, list[str]] = {}
        for role in SETTINGS[name]:
            service = self._project.service(role)
            kept = await asyncio.to_thread(self._project.program.override.variable, service, name)
            for value in [_value(one, name) for one in found[role]] or [kept or ""]:
                values.setdefault(value, []).append(service)
        if len(values) == 1:
            return next(iter(values))
        each = ((value or "not set", ", ".join(dict.fromkeys(whose))) for value, whose in values.items())
        return "; ".join(f"{value} ({whose})" for value, whose in each)


def _value(container: Container, name: str) -> str:
    entries = dict(entry.partition("=")[::2] for entry in container.config.env)
    return entries.get(name, "")


def _has(container: Container, values: Mapping[str, str]) -> bool:
    return container.is_running and all(f"{name}={value}" in container.config.env for name, value in values.items())


def _hidden(problem: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        # A setting is a number and no secret, and would be in half of all sentences.
        problem = problem if name in SETTINGS or not value else problem.replace(value, "***")
    return problem
