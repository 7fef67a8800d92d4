"""A Docker Engine of the tests' own, without a network, and a Compose project on it."""

import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import docker
import pytest
import yaml
from docker import APIClient

from bot.clients.compose import Compose
from bot.settings import PlatformSettings

PROJECT = "novapulse"
IMAGE = "novapulse:test"
NEEDED = ("dockerd", "docker-compose", "busybox")
# Where the plugin is there it is what the bot uses and what makes the project, as on a machine that has it.
HAS_PLUGIN = not subprocess.run(
    [shutil.which("docker") or "false", "compose", "version"], check=False, capture_output=True
).returncode
BY_HAND = ("docker", "compose") if HAS_PLUGIN else ("docker-compose",)
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
# It ends at once when it is told to stop, as a worker without a job does.
RUN = "trap 'echo bye; exit 0' TERM; echo started $$NAME; while :; do sleep 3600 & wait $$!; done"
STUBBORN = "trap '' TERM; echo started; while :; do sleep 3600 & wait $$!; done"


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running engine that has the image; skips where none can be started."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"no Docker Engine: {', '.join(missing) or 'only root can start one'}")
    directory = tmp_path_factory.mktemp("docker")
    with _running(directory) as client:
        _make_image(client, directory)
        yield client.base_url.replace("http+docker://localhost", f"unix://{directory}/sock")


@contextmanager
def _running(directory: Path) -> Iterator[APIClient]:
    options = ("--storage-driver=vfs", "--iptables=false", "--ip6tables=false", "--bridge=none")
    places = {name: directory / name for name in ("data-root", "exec-root", "pidfile")}
    given = [f"--{option}={place}" for option, place in places.items()]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            # Whatever becomes of the tests, the engine ends with them.
            [
                "/usr/bin/setpriv",
                "--pdeathsig=TERM",
                shutil.which("dockerd") or "",
                *options,
                *given,
                "-H",
                f"unix://{directory}/sock",
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        client = _answering(process, directory)
        yield client
        for container in client.containers(all=True):
            client.remove_container(container["Id"], force=True)
        client.close()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # containerd is in its group
            process.wait()


def _answering(process: subprocess.Popen[bytes], directory: Path) -> APIClient:
    until = monotonic() + 30
    while process.poll() is None and monotonic() < until:
        if (directory / "sock").exists():
            return docker.APIClient(f"unix://{directory}/sock", version="auto", timeout=30)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    last = (directory / "log").read_text(errors="replace").strip().splitlines()[-1:]
    pytest.skip(f"no Docker Engine: dockerd did not start here: {''.join(last)[:300]}")


def _make_image(client: APIClient, directory: Path) -> None:
    archive = directory / "image.tar"
    with tarfile.open(archive, "w") as image:
        image.add(shutil.which("busybox") or "", "bin/busybox")
        for applet in ("sh", "sleep", "true", "false", "test", "touch", "yes", "head"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            image.addfile(link)
    repository, _, tag = IMAGE.partition(":")
    client.import_image_from_file(str(archive), repository=repository, tag=tag)


def named(service: str, number: int) -> str:
    """Return what Compose calls a container: 1.29 joins with underscores, the plugin with hyphens."""
    return ("-" if HAS_PLUGIN else "_").join((PROJECT, service, str(number)))


@dataclass(frozen=True)
class World:
    """A project's directory and its engine; ``compose`` is what a person would use on it."""

    engine: str
    directory: Path

    @property
    def file(self) -> Path:
        return self.directory / "compose.yaml"

    def settings(self, **more: object) -> PlatformSettings:
        known = {"compose_file": self.file, "compose_project": PROJECT, "docker_host": self.engine}
        return PlatformSettings.model_validate({"platform": "compose", **known, **more})

    def write(self, **services: dict[str, object]) -> None:
        # One that is told to stop before it listens for that is killed after the second.
        common = {"image": IMAGE, "network_mode": "none", "stop_grace_period": "1s"}
        whole = {name: {**common, "command": ["sh", "-c", RUN], **own} for name, own in services.items()}
        self.file.write_text(yaml.safe_dump({"version": "2.4", "services": whole}))

    def compose(self, *arguments: str) -> None:
        command = [*BY_HAND, "-p", PROJECT, "-f", str(self.file), *arguments]
        subprocess.run(command, env={**ENVIRONMENT, "DOCKER_HOST": self.engine}, check=True, capture_output=True)

    def client(self) -> APIClient:
        return docker.APIClient(self.engine, version="auto", timeout=30)

    def containers(self) -> dict[str, tuple[object, ...]]:
        """Return every container there is, with all that becomes another when somebody touches it."""
        client = self.client()
        there = [client.inspect_container(one["Id"]) for one in client.containers(all=True)]
        client.close()
        return {one["Id"]: (one["Name"], one["RestartCount"], *one["State"].values()) for one in there}

    def clear(self) -> None:
        """Remove every container, whoever made it."""
        client = self.client()
        for container in client.containers(all=True):
            client.remove_container(container["Id"], force=True)
        client.close()


@pytest.fixture(scope="session")
def as_made() -> dict[str, tuple[object, ...]]:
    """The containers of ``world`` as they were made, for the next test to see whether they still are."""
    return {}


@pytest.fixture
def world(engine: str, as_made: dict[str, tuple[object, ...]], tmp_path: Path) -> World:
    """A project of two workers and one API, as the runbook has it: made anew unless the last test touched nothing."""
    made = World(engine, tmp_path)
    made.write(worker={"environment": {"NAME": "worker"}}, backend={"environment": {"NAME": "api"}})
    if not as_made or made.containers() != as_made:
        made.clear()
        made.compose("up", "-d", "--scale", "worker=2")
        as_made.clear()
        as_made.update(made.containers())
    return made


@pytest.fixture
async def compose(world: World) -> AsyncIterator[Compose]:
    # Whether they stay up is waited for where it is what is asked.
    opened = Compose(world.settings(), lambda: datetime.now(UTC), steady=0.0)
    yield opened
    await opened.close()
