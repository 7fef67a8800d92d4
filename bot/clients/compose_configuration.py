"""Variables of a project's services, set in a compose file of the bot's own."""

import asyncio

from pydantic import JsonValue

from bot.clients.cluster_configuration import Vault
from bot.clients.compose_containers import Container
from bot.clients.compose_override import NAME
from bot.clients.compose_project import Project
from bot.errors import PermanentError, Refused
from bot.plan import operation


class ComposeConfiguration:
    """Sets variables and has the service's containers made anew; raises as ``Project`` does."""

    def __init__(self, project: Project, vault: Vault) -> None:
        self._project = project
        self._vault = vault

    async def exposure(self, role: str) -> tuple[str, ...]:
        """Say who will be able to read a value and what does not know it; Refused where none can be set."""
        file, service = await self._project.file(), self._project.service(role)
        if service not in file.services:
            raise Refused(f"The compose file has no service {service}: it has {', '.join(sorted(file.services))}.")
        if file.blanks:
            message = f"The compose file uses {', '.join(file.blanks)}, which nobody has set here: it would be blank."
            raise Refused(message, hint="Set it in the .env file beside the compose file.")
        return (
            f"The value is in {NAME} beside the compose file, readable by the bot's own user, and in the containers.",
            f"Whoever runs Docker Compose by hand has to name that file last (-f {NAME}), or the old value is back.",
            f"The containers of {service} are made anew from the compose file as it is now.",
        )

    @operation
    async def set_variable(self, role: str, name: str, reference: str, expect_uid: str) -> dict[str, JsonValue]:
        """Set a service's variable to the value that the vault keeps under ``reference``, on as many containers.

        It does nothing where the file and every container have it already. The value is in no error that this raises.
        """
        secret = (await self._vault.value(reference)).get_secret_value()
        found, service = await self._project.containers(role), self._project.service(role)
        if expect_uid != f"{self._project.name}/{service}":
            raise PermanentError(f"{service} is another service than in the plan: nothing was done.")
        override = self._project.program.override
        is_written = await asyncio.to_thread(override.variable, service, name) == secret
        if is_written and all(_has(container, name, secret) for container in found):
            return {"changed": False, "message": "was so already"}
        if not is_written:
            await asyncio.to_thread(override.set, service, name, secret)
        if problem := await self._project.program.recreate(service, len(found)):
            words = problem.replace(secret, "***")
            raise PermanentError(f"Docker Compose could not make the containers of {service} anew: {words}")
        return {"changed": True, "message": f"set, {len(found)} containers made anew"}


def _has(container: Container, name: str, value: str) -> bool:
    return container.is_running and f"{name}={value}" in container.config.env
