"""The program Docker Compose as one that does what a real one will not on demand."""

import asyncio
import os
from pathlib import Path

import pytest

from bot.clients.compose_program import Program, Service
from bot.errors import NotConfigured, TimedOut, Unavailable

ENGINE = {"DOCKER_HOST": "unix:///nowhere"}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    install(tmp_path, "docker", "exit 1")
    return Program(tmp_path / "compose.yaml", "novapulse", ENGINE)


def install(directory: Path, name: str, script: str) -> None:
    (directory / name).write_text(f"#!/bin/sh\n{script}\n")
    (directory / name).chmod(0o755)


async def test_the_plugin_comes_first(tmp_path: Path, program: Program) -> None:
    install(tmp_path, "docker-compose", "echo 1.29.2")
    assert await program.version() == "docker-compose 1.29.2"
    install(tmp_path, "docker", 'test "$1" = compose && echo 2.32.4')
    again = Program(tmp_path / "compose.yaml", "novapulse", ENGINE)
    assert await again.version() == "docker compose 2.32.4"


@pytest.mark.usefixtures("program")
async def test_it_is_given_no_variable_of_the_bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-hunter2")
    install(tmp_path, "docker-compose", f"env > {tmp_path}/seen; echo 'services: {{}}'")
    await Program(tmp_path / "compose.yaml", "novapulse", ENGINE).file()
    seen = (tmp_path / "seen").read_text()
    assert "DOCKER_HOST=unix:///nowhere" in seen
    assert "SLACK" not in seen
    # Compose 1.29 would ask in the version of its file, 1.25 to 1.38, which an engine from 29 on refuses.
    assert "COMPOSE_API_VERSION=auto" in seen


async def test_what_scaling_leaves_alone_is_said_to_it(tmp_path: Path, program: Program) -> None:
    install(tmp_path, "docker-compose", f'echo "$@" > {tmp_path}/seen')
    assert await program.scale("worker", 3) == ""
    seen = (tmp_path / "seen").read_text().strip()
    assert seen == f"-f {tmp_path}/compose.yaml -p novapulse up -d --no-recreate --no-deps --scale worker=3 worker"


# What Docker Compose 2.40.3 wrote, of a file whose variables nobody had set and whose version it no longer reads.
CONFIG = """\
name: "novapulse"
services:
  fixed:
    container_name: me
    image: x
    networks:
      default: null
  worker:
    image: 'busybox:'
    ports:
      - mode: ingress
        host_ip: 127.0.0.1
        target: 80
        published: "8080"
        protocol: tcp
      - mode: ingress
        target: 90
        protocol: tcp
networks:
  default:
    name: novapulse_default
"""
WARNINGS = """\
time="2026-11-28T18:54:28Z" level=warning msg="The \\"TAG\\" variable is not set. Defaulting to a blank string."
time="2026-11-28T18:54:28Z" level=warning msg="compose.yaml: the attribute `version` is obsolete, it will be ignored"
"""
NO_ENGINE = "unable to get image 'busybox:': Cannot connect to the Docker daemon. Is the docker daemon running?"


async def test_what_the_plugin_writes_is_understood(tmp_path: Path, program: Program) -> None:
    (tmp_path / "config").write_text(CONFIG)
    (tmp_path / "warnings").write_text(WARNINGS)
    (tmp_path / "failure").write_text(f"{WARNINGS}{NO_ENGINE}\n")
    script = (
        f'echo "$@" >> {tmp_path}/seen; case "$*" in\n*version) ;;\n*config) cat {tmp_path}/config; '
        f"cat {tmp_path}/warnings >&2;;\n*) cat {tmp_path}/failure >&2; exit 1;;\nesac"
    )
    install(tmp_path, "docker", script)
    found = await program.file()
    assert found.blanks == ("TAG",)
    assert "container_name me" in found.services["fixed"].problem
    assert "host's port 8080" in found.services["worker"].problem
    assert await program.scale("worker", 3) == NO_ENGINE
    asked = f"compose -f {tmp_path}/compose.yaml -p novapulse"
    assert (tmp_path / "seen").read_text().splitlines() == [
        "compose version",
        f"{asked} config",
        f"{asked} up -d --no-recreate --no-deps --scale worker=3 worker",
    ]


async def test_its_last_words_are_masked(tmp_path: Path, program: Program) -> None:
    script = (
        "printf '\\033[31mERROR: for worker  password=hunter2 is wrong\\033[0m\\nEncountered errors.\\n' >&2; exit 1"
    )
    install(tmp_path, "docker-compose", script)
    assert await program.scale("worker", 3) == "ERROR: for worker  password=*** is wrong"
    install(tmp_path, "docker-compose", "exit 7")
    assert await program.scale("worker", 3) == "exit code 7"


async def test_both_programs_name_variables_that_nobody_has_set(tmp_path: Path, program: Program) -> None:
    old = "WARNING: The ONE variable is not set. Defaulting to a blank string."
    new = 'level=warning msg="The \\"TWO\\" variable is not set. Defaulting to a blank string."'
    install(tmp_path, "docker-compose", f"cat >&2 <<'E'\n{old}\n{new}\nE\necho 'services: {{worker: {{}}}}'")
    found = await program.file()
    assert (found.blanks, list(found.services)) == (("ONE", "TWO"), ["worker"])


@pytest.mark.parametrize("output", ["", "[1]", "{", "services: [1]"])
async def test_a_file_that_names_no_services_is_said(tmp_path: Path, program: Program, output: str) -> None:
    install(tmp_path, "docker-compose", f"echo '{output}'")
    with pytest.raises(Unavailable, match="names no services"):
        await program.file()


async def test_more_than_anybody_reads_is_dropped_and_waits_for_nobody(tmp_path: Path, program: Program) -> None:
    install(tmp_path, "docker-compose", "head -c 9000000 /dev/zero >&2; echo 'services: {worker: {}}'")
    assert list((await program.file()).services) == ["worker"]


async def test_it_is_ended_with_its_children_when_nobody_waits_any_more(tmp_path: Path, program: Program) -> None:
    pipe = tmp_path / "pids"
    os.mkfifo(pipe)
    install(tmp_path, "docker-compose", f'sleep 600 & echo "$$ $!" > {pipe}; wait')
    scaling = asyncio.create_task(program.scale("worker", 3))
    pids = (await asyncio.to_thread(pipe.read_text)).split()
    scaling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scaling
    assert pids
    await nothing_left(tmp_path)


@pytest.mark.parametrize("turns", range(0, 40, 2))
async def test_it_is_ended_wherever_its_start_is_interrupted(tmp_path: Path, program: Program, turns: int) -> None:
    install(tmp_path, "docker-compose", "sleep 600 & wait")
    scaling = asyncio.create_task(program.scale("worker", 3))
    for _ in range(turns):
        await asyncio.sleep(0)
    scaling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scaling
    await nothing_left(tmp_path)


@pytest.mark.usefixtures("program")
async def test_it_is_ended_when_its_time_is_over(tmp_path: Path) -> None:
    install(tmp_path, "docker-compose", "sleep 600")
    with pytest.raises(TimedOut, match=r"Docker Compose: no answer within 0\.3 s"):
        await Program(tmp_path / "compose.yaml", "novapulse", ENGINE, seconds=0.3).file()


@pytest.mark.usefixtures("program")
async def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotConfigured, match="COMPOSE_FILE"):
        await Program(None, "novapulse", ENGINE).file()
    with pytest.raises(NotConfigured, match="COMPOSE_PROJECT"):
        await Program(tmp_path / "compose.yaml", None, ENGINE).file()
    with pytest.raises(Unavailable, match=r"does not exist \(other\.yaml\)"):
        await Program(Path(f"{tmp_path}/compose.yaml:{tmp_path}/other.yaml"), "novapulse", ENGINE).file()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="neither the plugin"):
        await Program(tmp_path / "compose.yaml", "novapulse", ENGINE).file()


@pytest.mark.parametrize(
    ("port", "published"),
    [
        ("3000:3000/tcp", True),
        ("127.0.0.1:3000:3000", True),
        ("[::1]:3000:3000", True),
        ("3000", False),
        ("3000-3005:3000", False),
        ({"target": 3000, "published": "3000"}, True),
        ({"target": 3000, "published": 3000}, True),
        ({"target": 3000}, False),
    ],
)
def test_a_port_of_the_host_allows_one_container(port: object, published: bool) -> None:
    assert bool(Service.model_validate({"ports": [port]}).problem) is published


async def nothing_left(directory: Path) -> None:
    """Wait until no process works in a directory any more: who is killed needs a moment to go."""
    async with asyncio.timeout(20):
        while True:
            if not await asyncio.to_thread(left, directory):
                return
            await asyncio.sleep(0.01)


def left(directory: Path) -> list[str]:
    """The processes that still work in a directory."""
    links = [link for link in Path("/proc").glob("[0-9]*/cwd") if _points_to(link, directory)]
    return [link.parent.name for link in links]


def _points_to(link: Path, directory: Path) -> bool:
    try:
        return link.readlink() == directory
    except OSError:
        return False
