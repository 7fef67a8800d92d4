"""Child processes that start when they say so, stop when asked, and never outlive their parent."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

LINE_LIMIT = 1 << 20
REMEMBERED_LINES = 20
REMEMBERED_WIDTH = 300
_LAUNCH = Path(__file__).with_name("launch.py")


class StartError(Exception):
    """A part of the sandbox did not start; the message says which and shows its last lines."""


@dataclass(frozen=True)
class Program:
    """What to start: ``command`` begins with an absolute path; ``ready`` is found in the line that says it is up."""

    name: str
    command: tuple[str, ...]
    ready: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None


class Process:
    """A running child in a process group of its own, with its output read line by line."""

    def __init__(self, program: Program, child: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> None:
        self.program = program
        self.ready_line = ""
        self._child = child
        self._on_line = on_line
        self._last: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name=f"output of {program.name}")

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """How the child ended, None while it runs."""
        return self._child.returncode

    @property
    def last_lines(self) -> str:
        """The end of the child's output, for an error message."""
        return "\n".join(self._last)

    async def wait(self) -> int:
        """Return the exit code once the child has ended and its output is read to the end."""
        code = await self._child.wait()
        await asyncio.wait([self._reader], timeout=1)  # a grandchild may hold the pipe open
        return code

    async def wait_ready(self, seconds: float) -> None:
        """Return once the ready line appeared; raises ``StartError`` when the child ends or ``seconds`` pass first."""
        ended = asyncio.create_task(self._child.wait())
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ended, ready}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            ready.cancel()
        if self._ready.is_set():
            return
        code = self.returncode
        await self.stop(0)
        how = f"ended with {code}" if code is not None else f"was not ready within {seconds:g} s"
        raise StartError(f"{self.program.name} {how}\n{self.last_lines}".rstrip())

    async def write(self, line: str) -> None:
        """Write a line to the child's standard input; raises ``ConnectionError`` when it has ended."""
        if self._child.stdin is None:
            raise ConnectionError(f"{self.program.name} reads no input")
        self._child.stdin.write(line.encode() + b"\n")
        await self._child.stdin.drain()

    async def stop(self, grace: float = 5.0) -> int:
        """Ask the group to end, kill it after ``grace`` seconds, and return the exit code."""
        if self.returncode is None and grace > 0:
            self.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._child.wait()
        self.signal(signal.SIGKILL)  # also what the child itself left behind in its group
        code = await self.wait()
        if not self._reader.done():
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._child.stdin is not None:
            self._child.stdin.close()
        return code

    def signal(self, number: int) -> None:
        """Send a signal to the child and all it started; nothing happens when they are gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def _read(self) -> None:
        if self._child.stdout is None:
            return
        while line := await _next_line(self._child.stdout):
            text = line.decode("utf-8", "replace").rstrip("\n")
            self._last.append(text[:REMEMBERED_WIDTH])
            if self.program.ready and not self._ready.is_set() and re.search(self.program.ready, text):
                self.ready_line = text
                self._ready.set()
            self._on_line(text)


async def start(program: Program, *, on_line: Callable[[str], None] | None = None, seconds: float = 20.0) -> Process:
    """Start a program and return it once it is ready.

    ``on_line`` gets every line of its output; ``seconds`` is how long the ready line may take. Raises ``StartError``.
    """
    launcher = (sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()))
    child = await asyncio.create_subprocess_exec(
        *launcher,
        *program.command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **program.environment},
        cwd=program.directory,
        start_new_session=True,
        limit=LINE_LIMIT,
    )
    process = Process(program, child, on_line or _ignore)
    try:
        if program.ready:
            await process.wait_ready(seconds)
    except asyncio.CancelledError:
        await process.stop(0)
        raise
    return process


def to_file(path: Path) -> Callable[[str], None]:
    """Return a line handler that appends to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    return write


def _ignore(_line: str) -> None:
    """Drop a line nobody asked for."""


async def _next_line(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, cut where it is longer than the buffer, and nothing at the end."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.read(error.consumed)
