"""A stand-in for MongoDB: enough of the wire protocol for pymongo, with NovaPulse's collections in it.

It is not MongoDB. It answers as the primary of a set of three members of which only itself exists, keeps nothing on
disk, and knows the commands in ``commands.py``; any other gets the error the real one gives (59, CommandNotFound).
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from sandbox.api.webhooks import Webhooks
from sandbox.mongo import wire
from sandbox.mongo.commands import Commands
from sandbox.ports import free_port

DATABASE = "novapulse"


class MongoStandIn:
    """The listening stand-in; ``commands.collections`` gives a collection's documents each time it is read.

    ``delay`` seconds are added to every answer; what a command changes is changed by then.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.commands = Commands(now)
        self.port = 0
        self.delay = 0.0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The connection string."""
        return f"mongodb://127.0.0.1:{self.port}/{DATABASE}?directConnection=true"

    @property
    def up(self) -> bool:
        """Say whether it answers."""
        return self._server is not None

    def show(self, webhooks: Webhooks) -> None:
        """Hold the webhooks and deliveries of the pretend API as collections."""
        self.commands.collections["webhooks"] = lambda: [_stored(found) for found in webhooks.all]
        self.commands.collections["webhooklogs"] = lambda: [_stored(found) for found in webhooks.deliveries]

    async def start(self) -> None:
        """Listen, on the port it had before or on a free one; nothing happens when it does."""
        if self._server is None:
            self.port = self.port or free_port()
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.commands.replica_set.address = f"127.0.0.1:{self.port}"

    async def stop(self) -> None:
        """Refuse new connections and drop the open ones."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()

    async def down(self, on: bool) -> None:
        """Go away, or come back."""
        await (self.stop() if on else self.start())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        try:
            while True:
                request = await wire.read(reader)
                answer = self.commands.answer(request.body)
                await asyncio.sleep(self.delay)
                if request.wants_answer:
                    writer.write(wire.written(answer, request.number))
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError, wire.ProtocolError, asyncio.CancelledError):
            pass  # the other side has gone, speaks something older, or this side is going away
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _stored(found: dict[str, Any]) -> dict[str, Any]:
    """Return a document with the types the database has: ids and moments instead of text."""
    stored = dict(found)
    for name in ("_id", "webhookId", "companyId"):
        if name in stored:
            stored[name] = ObjectId(stored[name])
    for name in ("createdAt", "deliveredAt", "lastAttemptAt"):
        if stored.get(name):
            stored[name] = datetime.fromisoformat(stored[name])
    return stored
