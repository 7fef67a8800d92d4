"""Real servers for tests, each on a free loopback port and gone at the end of its block."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from sandbox.ports import free_port
from sandbox.redis_server import program as redis_program

ROOT = Path(__file__).resolve().parent.parent
NODE_MODULES = ROOT / "sandbox" / "node_modules"
QUEUES_JS = ROOT / "tests" / "clients" / "node" / "queues.js"


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """Run a Redis that keeps nothing on disk, and give its URL."""
    port = free_port()
    words = f"--bind 127.0.0.1 --port {port} --appendonly no --daemonize no --dir {directory}".split()
    with subprocess.Popen([redis_program(), *words, "--save", ""], stdout=subprocess.PIPE, text=True) as server:
        try:
            _wait_for(server, "eady to accept connections")
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a PostgreSQL of its own, as an ordinary user because it refuses to be root, and give its URL."""
    programs = _postgres_programs()
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        directory, port, user = Path(folder), free_port(), list[str]()
        if os.getuid() == 0:
            user = [str(shutil.which("runuser")), "-u", "nobody", "--"]
            shutil.chown(directory, "nobody")
        data = str(directory / "data")
        made = [*user, str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "bot", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True)
        options = f"-p {port} -k {directory} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = [*user, str(programs / "pg_ctl"), "-D", data, "-l", str(directory / "log"), "-w"]
        subprocess.run([*control, "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
        try:
            yield f"postgresql://bot@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)


def empty_database(server: str, name: str) -> str:
    """Make a database of its own on a PostgreSQL, and return its URL."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{server.rpartition('/')[0]}/{name}"


def _postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs; Debian keeps them out of the PATH."""
    found = [Path(path) for path in [shutil.which("initdb")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "PostgreSQL is not installed; install it with:  sudo apt-get install postgresql"
    return found[-1].parent


class NodeQueues:
    """NovaPulse's own queue library (BullMQ on Node), doing what a test asks for."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, op: str, name: str, **order: Any) -> dict[str, Any]:
        """Do one operation on a queue; see ``clients/node/queues.js`` for what there is."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"op": op, "name": name, **order}).encode() + b"\n")
        answer = json.loads(await self._process.stdout.readline())
        assert "result" in answer, answer
        return dict(answer["result"])


@asynccontextmanager
async def node_queues(redis_url: str, library: str = "bullmq") -> AsyncIterator[NodeQueues]:
    """Run Node with BullMQ (5) or with another version installed beside it ("bullmq6") against a Redis."""
    node = shutil.which("node")
    assert node is not None, "Node is not installed"
    environment = {**os.environ, "NODE_PATH": str(NODE_MODULES), "REDIS_URL": redis_url, "BULLMQ": library}
    process = await asyncio.create_subprocess_exec(
        node, str(QUEUES_JS), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    try:
        yield NodeQueues(process)
    finally:
        if process.returncode is None:
            process.kill()
        # Reads the pipes to their end too, so that nothing is left to the loop.
        await process.communicate()


def _wait_for(server: "subprocess.Popen[str]", words: str) -> None:
    assert server.stdout is not None
    for line in server.stdout:
        if words in line:
            return
    raise AssertionError("the server ended before it was ready")
