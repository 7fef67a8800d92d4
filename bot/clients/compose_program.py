"""Docker Compose itself, as the program it is: the one who knows how to make another container of a service."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from bot.attempt import together
from bot.clients.compose_override import SYSTEM, Override
from bot.errors import NotConfigured, TimedOut, Unavailable
from bot.masking import cut, mask, text

CHANGE_SECONDS: Final = 240.0
# What is longer than this is cut: a compose file that long is none.
_OUTPUT_LIMIT: Final = 4 * 1024 * 1024
_MESSAGE_LIMIT: Final = 300
# The program gets these of the bot's own environment and no more: it would put the bot's REDIS_URL into the containers.
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "DOCKER_CONFIG")
_NOT_SET: Final = re.compile(r'\\?"?(\w+)\\?"? variable is not set')
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def _host_port(port: Any) -> str:
    """Return the port of the host that a service takes for itself; empty where the engine chooses one."""
    if isinstance(port, dict):
        published = str(port.get("published") or "")
    else:
        # [address:][host:]container[/protocol]; an address of version 6 stands in brackets
        parts = re.sub(r"\[[^\]]*\]", "", str(port)).split("/")[0].split(":")
        published = parts[-2] if len(parts) > 1 else ""
    return published if published.isdecimal() and published != "0" else ""


class Service(BaseModel):
    """What limits a service's number of containers, in the compose file."""

    container_name: str = ""
    ports: list[Annotated[str, BeforeValidator(_host_port)]] = Field(default_factory=list)

    @property
    def problem(self) -> str:
        """Why there can be only one container of it; empty where there can be more."""
        if self.container_name:
            return f"the compose file gives it the fixed container_name {self.container_name}"
        port = next(filter(None, self.ports), "")
        return f"the compose file gives it the host's port {port}, which only one container can have" if port else ""


class _File(BaseModel):
    services: dict[str, Service]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile:
    """The services of the compose file; ``blanks`` are variables it uses that nobody has set."""

    services: dict[str, Service]
    blanks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Ended:
    code: int
    output: str
    errors: str


class Program:
    """``docker compose`` where the plugin is there, else ``docker-compose``, for one project.

    What only reads ends within ``seconds``.
    """

    def __init__(
        self, files: Path | None, project: str | None, environment: Mapping[str, str], *, seconds: float = 10.0
    ) -> None:
        self._files = [Path(part) for part in str(files).split(os.pathsep)] if files else []
        self._project = project or ""
        self._seconds = seconds
        own = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # Compose 1.29 asks in the version of its file, which a new engine no longer speaks; the plugin asks by itself.
        self._environment = own | {"COMPOSE_API_VERSION": "auto"} | dict(environment)
        self._found: tuple[str, ...] = ()

    @property
    def is_configured(self) -> bool:
        """Whether it is known which file it would read."""
        return bool(self._files)

    async def version(self) -> str:
        """Return which program it is and its version, such as ``docker-compose 1.29.2``."""
        command = await self._command()
        ended = await self._run((*command, "version", "--short"), self._seconds)
        return f"{' '.join((Path(command[0]).name, *command[1:]))} {ended.output.strip()}"

    async def file(self) -> ComposeFile:
        """Return what the compose file says, as the program reads it; Unavailable where it cannot be read."""
        ended = await self._compose("config", seconds=self._seconds)
        if ended.code:
            raise Unavailable(SYSTEM, f"the compose file cannot be used: {_last_words(ended)}")
        try:
            found = _File.model_validate(yaml.safe_load(ended.output))
        except (yaml.YAMLError, ValidationError):
            # The error quotes the file, which holds secrets.
            raise Unavailable(SYSTEM, "the compose file names no services") from None
        return ComposeFile(services=found.services, blanks=tuple(dict.fromkeys(_NOT_SET.findall(ended.errors))))

    async def scale(self, service: str, replicas: int) -> str:
        """Make a service have that many containers and leave all others alone; return why it failed, else nothing.

        Raises TimedOut after ``CHANGE_SECONDS``: then the program is ended. It is safe to repeat.
        """
        options = ("-d", "--no-recreate", "--no-deps", "--scale", f"{service}={replicas}", service)
        ended = await self._compose("up", *options, seconds=CHANGE_SECONDS)
        return _last_words(ended) if ended.code else ""

    @property
    def override(self) -> Override:
        """The file of the bot's own; raises NotConfigured where there is no compose file to stand beside."""
        if not self._files:
            raise NotConfigured(SYSTEM, "COMPOSE_FILE")
        return Override(self._files[0])

    async def recreate(self, service: str, replicas: int) -> str:
        """Make a service's containers anew where they differ from what the files say; as ``scale`` otherwise."""
        options = ("-d", "--no-deps", "--scale", f"{service}={replicas}", service)
        ended = await self._compose("up", *options, seconds=CHANGE_SECONDS)
        return _last_words(ended) if ended.code else ""

    async def _compose(self, *arguments: str, seconds: float) -> _Ended:
        if not self._files:
            raise NotConfigured(SYSTEM, "COMPOSE_FILE")
        if not self._project:  # the program would make one up
            raise NotConfigured(SYSTEM, "COMPOSE_PROJECT")
        if missing := next((file for file in self._files if not file.exists()), None):
            raise Unavailable(SYSTEM, f"the file that COMPOSE_FILE names does not exist ({missing.name})")
        command = await self._command()
        own = [self.override.path] if self.override.path.exists() else []
        files = [part for file in (*self._files, *own) for part in ("-f", str(file.absolute()))]
        return await self._run((*command, *files, "-p", self._project, *arguments), seconds)

    async def _command(self) -> tuple[str, ...]:
        if not self._found:
            self._found = await self._looked_for()
        return self._found

    async def _looked_for(self) -> tuple[str, ...]:
        path = self._environment.get("PATH")
        docker, alone = shutil.which("docker", path=path), shutil.which("docker-compose", path=path)
        if docker and not (await self._run((docker, "compose", "version"), self._seconds)).code:
            return (docker, "compose")
        if alone:
            return (alone,)
        raise Unavailable(SYSTEM, "neither the plugin `docker compose` nor docker-compose is where the bot runs")

    async def _run(self, command: tuple[str, ...], seconds: float) -> _Ended:
        """Run a program in a process group of its own, which is killed when the time is over or nobody waits."""
        process = await self._started(command)
        try:
            async with asyncio.timeout(seconds):
                output, errors = await together(_read(process.stdout), _read(process.stderr))
                return _Ended(await process.wait(), output, errors)
        except TimeoutError:
            await _kill(process)
            raise TimedOut(SYSTEM, seconds) from None
        except asyncio.CancelledError:
            await _kill(process)
            raise

    async def _started(self, command: tuple[str, ...]) -> asyncio.subprocess.Process:
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec(
                *command,
                env=self._environment,
                cwd=self._files[0].parent if self._files and self._files[0].parent.exists() else None,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        )
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Left to itself it would kill the program alone and wait for ever for the children that hold its output.
            await _kill(await starting)
            raise


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _read(stream: asyncio.StreamReader | None) -> str:
    """Read to the end and keep the beginning, so that a program never waits for its reader."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(64 * 1024)):
        kept += chunk[: _OUTPUT_LIMIT - len(kept)]
    return text(bytes(kept))


def _last_words(ended: _Ended) -> str:
    """Return the line that says why it failed, masked; Compose repeats it, and ends with a general one."""
    lines = [line.strip() for line in _COLOURS.sub("", mask(ended.errors)).splitlines() if line.strip()]
    said = [
        line for line in lines if line.lower().startswith(("error", "cannot", "no such")) and len(line) > len("ERROR: ")
    ]
    return cut((said or lines or [f"exit code {ended.code}"])[-1], _MESSAGE_LIMIT)
