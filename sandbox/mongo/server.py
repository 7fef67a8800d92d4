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
from sandbox.listener import Listener
from sandbox.mongo import wire
from sandbox.mongo.commands import Commands

DATABASE = "novapulse"


class MongoStandIn:
    """The listening stand-in; ``commands.collections`` gives a collection's documents each time it is read.

    ``delay`` seconds are added to every answer; what a command changes is changed by then.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.commands = Commands(now)
        self.delay = 0.0
        self._listener = Listener(self._serve)

    @property
    def url(self) -> str:
        """The connection string."""
        return f"mongodb://127.0.0.1:{self._listener.port}/{DATABASE}?directConnection=true"

    @property
    def up(self) -> bool:
        """Say whether it answers."""
        return self._listener.is_open

    def show(self, webhooks: Webhooks) -> None:
        """Hold the webhooks and deliveries of the pretend API as collections."""
        self.commands.collections["webhooks"] = lambda: [_stored(found) for found in webhooks.all]
        self.commands.collections["webhooklogs"] = lambda: [_stored(found) for found in webhooks.deliveries]

    async def start(self) -> None:
        """Listen, on the port it had before or on a free one; nothing happens when it does."""
        await self._listener.open()
        self.commands.replica_set.address = f"127.0.0.1:{self._listener.port}"

    async def stop(self) -> None:
        """Refuse new connections and drop the open ones."""
        await self._listener.close()

    async def down(self, on: bool) -> None:
        """Go away, or come back."""
        await (self.stop() if on else self.start())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(wire.ProtocolError):  # the other side speaks something older
            while True:
                request = await wire.read(reader)
                answer = self.commands.answer(request.body)
                await asyncio.sleep(self.delay)
                if request.wants_answer:
                    writer.write(wire.written(answer, request.number))
                    await writer.drain()


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
