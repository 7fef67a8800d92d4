"""The bot as a real process, whose log can be waited for."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox import processes

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
AS_DEPLOYED = ("-m", "bot", "serve")
WITHOUT_LIMITS = ("-m", "tests.scenarios.serve_program")
"""The same for a Slack that may be called as often as one likes."""

Record = dict[str, Any]


class Bot:
    """``python -m bot serve`` with these variables; ``records`` is its log since the first start."""

    def __init__(self, environment: Mapping[str, str], log: Path, program: tuple[str, ...] = AS_DEPLOYED) -> None:
        self._program = program
        self.environment = dict(environment) | {"LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"}
        self.records: list[Record] = []
        self._file = processes.to_file(log)
        self._changed = asyncio.Condition()
        self._telling: set[asyncio.Task[None]] = set()
        self._process: processes.Process | None = None

    @property
    def process(self) -> processes.Process:
        """The running process."""
        assert self._process is not None, "the bot was not started"
        return self._process

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it and return when it says that it is ready; raises ``StartError`` with its last lines."""
        program = processes.Program("bot", (sys.executable, *self._program), '"event": "ready"', self.environment, ROOT)
        self._process = await processes.start(program, seconds=START_SECONDS, on_line=self._hear)

    async def stop(self) -> None:
        """Ask it to end; a bot that does not end well fails the test that asked."""
        if self._process is not None:
            code = await self._process.stop(30.0)
            self._process = None
            assert code == 0, f"the bot ended with {code}"

    async def kill(self) -> None:
        """End it without a word, as a crash does."""
        self.process.signal(signal.SIGKILL)
        await self.process.stop(0)
        self._process = None

    def terminate(self) -> None:
        """Ask it to end, and do not wait."""
        os.kill(self.process.pid, signal.SIGTERM)

    def said(self, event: str) -> list[Record]:
        """Return the log's records of this event."""
        return [record for record in self.records if record["event"] == event]

    async def wait_log(self, fits: str | Callable[[Record], bool], *, after: int = 0, seconds: float = 30.0) -> Record:
        """Return the first record that fits, from number ``after`` on, waiting for it; a text is an event's name."""

        def look() -> Record | None:
            matches = fits if callable(fits) else (lambda record: record["event"] == fits)
            return next((record for record in self.records[after:] if matches(record)), None)

        async with asyncio.timeout(seconds), self._changed:
            while (found := look()) is None:
                await self._changed.wait()
            return found

    def _hear(self, line: str) -> None:
        self._file(line)
        try:
            record = json.loads(line)
        except ValueError:
            record = {"event": line}
        self.records.append(record)
        task = asyncio.ensure_future(self._tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
