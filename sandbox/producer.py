"""Jobs put into the queues by Node's own BullMQ, a burst at once or so many a second."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

from sandbox import processes
from sandbox.programs import script

BURST_SECONDS = 120.0
DAY = {"nova-email": 4.0, "nova-webhook": 2.0, "nova-workflow": 1.0, "nova-report": 0.2}
"""Jobs a second on an ordinary day; two workers keep up with it easily."""


class Producer:
    """The Node process that adds jobs; it starts with the first order."""

    def __init__(self, redis_url: str, on_line: Callable[[str], None]) -> None:
        self.rates: dict[str, float] = {}
        self._redis_url = redis_url
        self._on_line = on_line
        self._process: processes.Process | None = None
        self._starting = asyncio.Lock()
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[None]] = {}

    async def rate(self, queue: str, per_second: float) -> None:
        """Add so many jobs a second from now on; 0 ends it. Raises ``ValueError`` for an unknown queue."""
        await self._order(op="rate", queue=queue, perSecond=per_second)
        self.rates[queue] = per_second

    async def burst(
        self, queue: str, count: int, data: dict[str, Any] | None = None, options: dict[str, Any] | None = None
    ) -> None:
        """Add jobs and return when they are in Redis; ``data`` and BullMQ's ``options`` replace what is usual."""
        await self._order(op="burst", queue=queue, count=count, data=data or {}, options=options or {})

    async def stop(self) -> None:
        """End the process; the jobs stay."""
        if self._process is not None:
            await self._process.stop()
            self._process = None

    async def start(self) -> None:
        """Make the queues known to Redis, as NovaPulse's API does when it starts; nothing happens when it runs."""
        await self._running()

    async def _running(self) -> processes.Process:
        async with self._starting:
            if self._process is None:
                program = processes.Program(
                    "producer", script("producer.js"), "producer ready", {"REDIS_URL": self._redis_url}
                )
                self._process = await processes.start(program, on_line=self._hear)
            return self._process

    async def _order(self, **order: object) -> None:
        process = await self._running()
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            await process.write(json.dumps(order | {"id": number}))
            async with asyncio.timeout(BURST_SECONDS):
                await answer
        finally:
            del self._answers[number]

    def _hear(self, line: str) -> None:
        if not line.startswith("{"):
            self._on_line(line)
            return
        told = json.loads(line)
        answer = self._answers.get(told["id"])
        if answer is not None and not answer.done():
            if "error" in told:
                answer.set_exception(ValueError(told["error"]))
            else:
                answer.set_result(None)
