"""The lives of a program, from outside: each is begun with an order, and how it ended is waited for."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from sandbox import processes
from tests.servers import ROOT

TOLD = re.compile(r"(begun|ended) (-?\d+)")


class Lives:
    """One life after the other, forked from a process that has loaded what they need; see ``forking.py``."""

    def __init__(self) -> None:
        self._process: processes.Process | None = None
        self._told: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self._pid = 0

    @property
    def is_loaded(self) -> bool:
        """Whether there is a process to fork from."""
        return self._process is not None

    @property
    def last_lines(self) -> str:
        """The end of what was written, for an error message."""
        return self._process.last_lines if self._process is not None else ""

    async def load(self, module: str, *arguments: str, environment: Mapping[str, str], log: Path) -> None:
        """Start the process that the lives are forked from; return when it has loaded."""
        write = processes.to_file(log)

        def hear(line: str) -> None:
            write(line)
            if found := TOLD.fullmatch(line):
                self._told.put_nowait((found[1], int(found[2])))

        command = (sys.executable, "-m", module, *arguments)
        program = processes.Program(module, command, "^loaded$", environment, ROOT)
        self._process = await processes.start(program, on_line=hear, seconds=60)

    async def begin(self, order: str) -> None:
        """Begin a life; the one before has ended."""
        assert self._process is not None
        await self._process.write(order)
        self._pid = await self._hear_of("begun")

    async def ended(self) -> int:
        """Return how the life ended, once it has: an exit code, or a signal's number below 0."""
        return await self._hear_of("ended")

    def kill(self) -> None:
        """Kill the life that goes on."""
        os.kill(self._pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Ask the life to end, and end what it was forked from."""
        if self._process is not None:
            await self._process.stop()

    async def _hear_of(self, event: str) -> int:
        heard, number = await self._told.get()
        assert heard == event, f"{heard} {number}"
        return number


@asynccontextmanager
async def loaded(module: str, log: Path) -> AsyncIterator[Lives]:
    """Give a program that is ready to live."""
    lives = Lives()
    try:
        await lives.load(module, environment={}, log=log)
        yield lives
    finally:
        await lives.stop()
