"""The bot as a child of the sandbox."""

import asyncio
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox import processes
from sandbox.environment import write_environment
from sandbox.programs import HERE

HOME = Path(".sandbox")
STOP_SECONDS = 15.0


class BotProcess:
    """``python -m bot serve``, with its output in ``bot.log``; it starts again when it is told to."""

    def __init__(self, environment: Mapping[str, str], directory: Path) -> None:
        self.log = directory / "bot.log"
        self._environment = environment
        self._directory = directory
        self._process: processes.Process | None = None
        self._starting = asyncio.Lock()
        self._began = asyncio.Event()

    @property
    def state(self) -> str:
        """Say whether it runs."""
        if self._process is None:
            return "not started"
        code = self._process.returncode
        return "runs" if code is None else f"ended ({_how(code)})"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else None

    async def start(self) -> None:
        """Start it; it is ready some time later, when it connects to Slack. Raises ``ValueError`` where it runs."""
        async with self._starting:
            if self.pid is not None:
                raise ValueError(f"the bot runs already, as process {self.pid}")
            if self._process is None:  # what a killed one wrote is worth reading
                self.log.unlink(missing_ok=True)
            await self._start()
            self._began.set()

    async def _start(self) -> None:
        # Named, so that a .env with somebody's real tokens is not read.
        variables = write_environment(self._environment, self._directory)
        command = (sys.executable, "-m", "bot", "--env-file", str(variables), "serve")
        environment = {**self._environment, "PYTHONUNBUFFERED": "1"}
        program = processes.Program("bot", command, environment=environment, directory=HERE.parent)
        self._process = await processes.start(program, on_line=processes.to_file(self.log))

    async def ended(self) -> str:
        """As ``wait``, for each start once: for the next one, where it does not run."""
        await self._began.wait()
        self._began.clear()
        return await self.wait()

    async def wait(self) -> str:
        """Return how it ended and how to start it again once it has ended; its last words where it was not killed."""
        if self._process is None:
            return ""
        code = await self._process.wait()
        last = f"\n{self._process.last_lines}" if code >= 0 else ""
        again = f"Start the bot again with:  {_again(self._directory)}"
        return f"the bot ended ({_how(code)}){last}\nEverything else still runs. {again}"

    async def stop(self) -> None:
        """Ask it to stop gracefully, then make it."""
        if self._process is not None:
            await self._process.stop(STOP_SECONDS)


def _again(directory: Path) -> str:
    where = "" if directory == HOME.resolve() else f" --directory {shlex.quote(str(directory))}"
    return f".venv/bin/python -m sandbox start-bot{where}"


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
