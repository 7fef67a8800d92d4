"""What ``deploy/Dockerfile`` installs is what the bot looks for, and both of the program's spellings do the work.

Where the plugin itself is there, all of this folder's tests use it; it was tried so with version 2.40.3.
"""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.clients.compose import Compose
from tests.docker.conftest import World, named
from tests.docker.test_compose import ids

ROOT = Path(__file__).parents[2]
PLUGIN = '#!/bin/sh\ntest "$1" = compose || exit 1\nshift\nexec {} "$@"\n'


def dockerfile() -> str:
    return (ROOT / "deploy" / "Dockerfile").read_text()


def test_the_image_installs_the_package_whose_program_is_looked_for() -> None:
    installed = re.search(r'"\$WITH_COMPOSE" = yes \].*?install [^&]*?([\w-]+) && rm', dockerfile(), re.DOTALL)
    assert installed
    listed = _files(installed[1])
    if not listed:
        pytest.skip(f"the package {installed[1]} is not installed here")
    assert "/usr/bin/docker-compose" in listed
    # The package is that of this release of Debian; in the next one it is another program under the same name.
    assert re.findall(r"^FROM (\S+)$", dockerfile(), re.MULTILINE) == ["python:3.11-slim-bookworm"]


def _files(package: str) -> list[str]:
    dpkg = shutil.which("dpkg")
    if dpkg is None:
        return []
    asked = subprocess.run([dpkg, "-L", package], check=False, capture_output=True, text=True)
    return [] if asked.returncode else asked.stdout.splitlines()


def test_the_image_leaves_the_program_on_the_path() -> None:
    assert "ENV PATH=/opt/bot/bin:$PATH" in dockerfile()


async def test_docker_compose_alone_is_found_and_used(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = tmp_path / "bin"
    only.mkdir()
    (only / "docker-compose").symlink_to(shutil.which("docker-compose") or "")
    monkeypatch.setenv("PATH", str(only))
    await _scales(world, r"docker-compose 1\.\d+")


async def test_the_plugin_is_found_and_used(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are ``docker compose``; here they are passed on to the program that is installed."""
    only = tmp_path / "bin"
    only.mkdir()
    (only / "docker").write_text(PLUGIN.format(shutil.which("docker-compose")))
    (only / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{only}:/bin")
    await _scales(world, r"docker compose \d")


async def _scales(world: World, called: str) -> None:
    compose = Compose(world.settings(), lambda: datetime.now(UTC), steady=0.0)
    assert re.match(called, await compose.project.program.version())
    assert await compose.scale("worker", 3) == {"changed": True, "before": 2, "after": 3}
    await compose.close()
    assert len(ids(world, "worker")) == 3


async def test_another_project_on_the_same_engine_is_left_alone(world: World, compose: Compose) -> None:
    def other(*arguments: str) -> None:
        command = ["docker-compose", "-p", "elsewhere", "-f", str(world.file), *arguments]
        subprocess.run(command, env={"PATH": "/usr/bin:/bin", "DOCKER_HOST": world.engine}, check=True)

    other("up", "-d", "--scale", "worker=2")
    client = world.client()

    def theirs() -> dict[str, str]:
        found = client.containers(all=True, filters={"label": "com.docker.compose.project=elsewhere"})
        return {one["Id"]: client.inspect_container(one["Id"])["State"]["StartedAt"] for one in found}

    before = theirs()
    assert len(before) == 3
    assert (await compose.deployment("worker")).replicas == 2
    await compose.scale("worker", 1)
    assert {pod.name for pod in await compose.pods("worker")} == {named("worker", 1)}
    assert theirs() == before
    client.close()
