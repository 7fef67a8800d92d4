"""One Compose project: which of its services plays which role, and the containers of each."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from docker import APIClient
from docker.errors import NotFound
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from bot.attempt import together
from bot.clients.compose_containers import ONE_OFF, PROJECT, SERVICE, Container, Listed
from bot.clients.compose_engine import SYSTEM, Engine
from bot.clients.compose_program import ComposeFile, Program
from bot.errors import NotConfigured, Refused, Unavailable, UsageError
from bot.settings import PlatformSettings

CONTAINER_LIMIT: Final = 500
STEADY: Final = 10.0  # seconds; Docker itself takes a container that was up for longer for one that stays up
_LISTED: Final = TypeAdapter(list[Listed])
_CANDIDATES: Final = {"api": ("backend", "api"), "worker": ("worker",), "redis": ("redis",)}


class _Info(BaseModel):
    system_time: datetime = Field(alias="SystemTime")


class Project:
    """The project that COMPOSE_PROJECT names, read through the engine.

    ``steady`` says how many seconds a container without a check of its own has to be up to count as one that stays up.
    Raises NotConfigured without the project's name, else Unavailable, TimedOut or Forbidden where it cannot be read.
    """

    def __init__(
        self,
        settings: PlatformSettings,
        clock: Callable[[], datetime],
        *,
        seconds: float = 5.0,
        steady: float = STEADY,
    ) -> None:
        environment = settings.docker_environment
        self.engine = Engine(environment, seconds)
        self.program = Program(settings.compose_file, settings.compose_project, environment)
        self._project = settings.compose_project
        self._clock = clock
        self._steady = timedelta(seconds=steady)
        self._candidates: dict[str, tuple[str, ...]] = dict(_CANDIDATES)
        self._found: dict[str, str] = {}
        for role in ("api", "worker"):
            field = f"{role}_deployment"
            if (own := getattr(settings, field)) != PlatformSettings.model_fields[field].default:
                self._candidates[role] = (own,)

    @property
    def name(self) -> str:
        """The project's name."""
        if not self._project:
            raise NotConfigured("Docker Compose", "COMPOSE_PROJECT")
        return self._project

    def service(self, role: str) -> str:
        """Return what the service of a role is called, as far as is known: an API that was not seen is ``backend``."""
        if role not in self._candidates:
            known = ", ".join(self._candidates)
            raise UsageError(f"There is no workload {role!r}: those that exist are {known}.", argument="deployment")
        return self._found.get(role, self._candidates[role][0])

    async def containers(self, role: str) -> list[Container]:
        """Return every container of a role's service, stopped ones included, oldest first.

        None at all is an empty list where the compose file has the service, else Unavailable.
        """
        self.service(role)
        listed = await self._listed()
        names = {each.labels.get(SERVICE, "") for each in listed}
        service = await self._called(role, names)
        return await self._inspected([each for each in listed if each.labels.get(SERVICE) == service])

    async def all_containers(self) -> list[Container]:
        """Return every container of the project, oldest first."""
        return await self._inspected(await self._listed())

    async def container(self, name: str) -> Container | None:
        """Return a container by its id or name; None where there is none."""

        def inspect(client: APIClient) -> Any:
            try:
                return client.inspect_container(name)
            except NotFound:
                return None

        answer = await self.engine.ask(inspect)
        try:
            return None if answer is None else Container.model_validate(answer)
        except ValidationError:
            # The error quotes the answer, which holds the container's environment.
            raise Unavailable(SYSTEM, "it answered something else than a container") from None

    async def file(self) -> ComposeFile:
        """Return what the compose file says; raises as ``Program.file`` does."""
        return await self.program.file()

    async def check_scale(self, role: str, replicas: int) -> None:
        """Raise Refused, and say why, where the service cannot have that many containers."""
        found, file = await together(self.containers(role), self.file())
        service = self.service(role)
        if service not in file.services:
            raise Refused(f"The compose file has no service {service}: it has {', '.join(sorted(file.services))}.")
        fixed = self._fixed(service, found, file)
        if fixed and replicas > 1:
            hint = "Take it out of the compose file and make the container anew, then scale."
            raise Refused(f"The service {service} cannot have {replicas} containers: {fixed}.", hint=hint)
        if file.blanks and replicas > len(found):
            names = ", ".join(file.blanks)
            message = f"The compose file uses {names}, which nobody has set here: new containers would get a blank."
            raise Refused(message, hint="Set it in the .env file beside the compose file.")

    async def fixed(self, role: str) -> str:
        """Return why a service can have only one container; empty where it can have more. Without a file, by names."""
        found = await self.containers(role)
        file = await self.file() if self.program.is_configured else ComposeFile(services={}, blanks=())
        return self._fixed(self.service(role), found, file)

    def _fixed(self, service: str, found: list[Container], file: ComposeFile) -> str:
        problem = file.services[service].problem if service in file.services else ""
        names = [each.name for each in found if each.has_fixed_name(self.name, service)]
        return problem or (f"its container has the fixed name {names[0]}" if names else "")

    async def engine_time(self, at: datetime | None = None) -> datetime:
        """Return what the engine's clock says now, or said at a moment of the bot's clock."""
        answer = await self.engine.ask(lambda client: client.info())
        try:
            now = _Info.model_validate(answer).system_time
        except ValidationError:
            raise Unavailable(SYSTEM, "it does not say what time it is") from None
        return now if at is None else at + (now - self._clock())

    async def unsteady(self, containers: list[Container]) -> list[Container]:
        """Return those that run and have no check of their own, and have not been up for long: they may yet fall over.

        A container that ends a second after its start is running whenever it is looked at in between.
        """
        unchecked = [each for each in containers if each.is_ready and not each.has_check and each.started_at]
        if not unchecked or not self._steady:
            return []
        since = await self.engine_time() - self._steady
        return [each for each in unchecked if each.started_at and each.started_at > since]

    async def lasting(self, containers: list[Container]) -> tuple[int, str]:
        """Count the containers that are ready and stay so, and say how many were only just started, if any."""
        ready, new = sum(each.is_ready for each in containers), len(await self.unsteady(containers))
        return ready - new, f", {new} only just started" if new else ""

    async def _inspected(self, listed: list[Listed]) -> list[Container]:
        """Look at each; one that is gone by then is left out."""
        found = await together(*(self.container(each.id) for each in listed))
        return sorted(filter(None, found), key=lambda container: container.created_at)

    async def _listed(self) -> list[Listed]:
        labels = [f"{PROJECT}={self.name}", f"{ONE_OFF}=False"]
        answer = await self.engine.ask(
            lambda client: client.containers(all=True, filters={"label": labels}, limit=CONTAINER_LIMIT + 1)
        )
        try:
            listed = _LISTED.validate_python(answer)
        except ValidationError:
            raise Unavailable(SYSTEM, "it answered something else than a list of containers") from None
        if len(listed) > CONTAINER_LIMIT:
            raise Unavailable(SYSTEM, f"there are more than {CONTAINER_LIMIT} containers")
        return listed

    async def _called(self, role: str, names: set[str]) -> str:
        """Return the service of a role among those that have containers, else as the compose file has it."""
        wanted = self._candidates[role]
        present = [name for name in wanted if name in names]
        if not present and self.program.is_configured:
            declared = (await self.file()).services
            present = [name for name in wanted if name in declared]
        if not present:
            there = ", ".join(sorted(filter(None, names))) or "none"
            words = f"no service {' or '.join(wanted)} in the project {self.name}, only {there}; see COMPOSE_PROJECT"
            raise Unavailable(SYSTEM, words)
        if len(present) > 1:
            raise Unavailable(SYSTEM, f"{' and '.join(present)} are both there; name one in {role.upper()}_DEPLOYMENT")
        self._found[role] = present[0]
        return present[0]
