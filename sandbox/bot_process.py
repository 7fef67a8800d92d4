"""The bot as a child of the sandbox."""

import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox import processes
from sandbox.environment import FILE, write_environment
from sandbox.programs import HERE

STOP_SECONDS = 15.0


class BotProcess:
    """``python -m bot serve``, with its output in ``bot.log``; nobody restarts it."""

    def __init__(self, environment: Mapping[str, str], directory: Path) -> None:
        self.log = directory / "bot.log"
        self._environment = environment
        self._directory = directory
        self._process: processes.Process | None = None

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
        """Start it; it is ready some time later, when it connects to Slack."""
        self.log.unlink(missing_ok=True)
        # Named, so that a .env with somebody's real tokens is not read.
        variables = write_environment(self._environment, self._directory)
        command = (sys.executable, "-m", "bot", "--env-file", str(variables), "serve")
        environment = {**self._environment, "PYTHONUNBUFFERED": "1"}
        program = processes.Program("bot", command, environment=environment, directory=HERE.parent)
        self._process = await processes.start(program, on_line=processes.to_file(self.log))

    async def wait(self) -> str:
        """Return how it ended and how to start it again once it has ended; its last words where it was not killed."""
        if self._process is None:
            return ""
        code = await self._process.wait()
        last = f"\n{self._process.last_lines}" if code >= 0 else ""
        again = f".venv/bin/python -m bot --env-file {self._directory / FILE} serve"
        return f"the bot ended ({_how(code)}){last}\nEverything else still runs. Start the bot again with:  {again}"

    async def stop(self) -> None:
        """Ask it to stop gracefully, then make it."""
        if self._process is not None:
            await self._process.stop(STOP_SECONDS)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
