"""Lives of the alerts' program, one after the other."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Life:
    """How a life ended, and how often it saw each moment; nothing is known of these where it was killed."""

    code: int
    moments: dict[str, int]


@dataclass
class Lives:
    """The process that the lives are forked from."""

    process: asyncio.subprocess.Process

    async def live(self, directory: Path, die_at: tuple[str, int], **addresses: str) -> Life:
        """Live once, to the end or to the moment of this name and number."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order: dict[str, Any] = {"directory": str(directory), "die_at": die_at, **addresses}
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return Life(**json.loads(await self.process.stdout.readline()))


@asynccontextmanager
async def loaded() -> AsyncIterator[Lives]:
    """Load the program."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.alert_program"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Lives(process)
    finally:
        process.kill()
        await process.communicate()
