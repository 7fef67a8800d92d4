"""One TCP address of the sandbox, which can go away and come back on the same port."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from sandbox.ports import free_port

BACKLOG = 128
# What the loop still does for a connection that it has taken: make its transport, tell its protocol, start its task.
STEPS = 3
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Serves connections on loopback, each in a task of its own, until it is closed."""

    def __init__(self, serve: Serve) -> None:
        self.port = 0
        self._serve = serve
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether it takes connections."""
        return self._server is not None

    async def open(self) -> None:
        """Listen, on the port it had before or on a free one; nothing happens when it does."""
        if self._server is None:
            self.port = self.port or free_port()
            self._socket = listening(self.port)
            self._server = await asyncio.start_server(self._connected, sock=self._socket)

    async def close(self) -> None:
        """Refuse new connections and drop the ones that are open."""
        server, self._server = self._server, None
        if server is None or self._socket is None:
            return
        await take_no_more(self._socket)
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # a dropped connection is the listener's business, not an error of the loop
        finally:
            self._connections.discard(task)
            await shut(writer)


def listening(port: int) -> socket.socket:
    """Return a socket that listens on loopback."""
    return socket.create_server(("127.0.0.1", port), backlog=BACKLOG)


async def take_no_more(listening: socket.socket) -> None:
    """Accept nothing more from a listening socket, and let what was accepted become connections that can be closed.

    Python 3.11 and 3.12 forget the socket of a connection that was accepted just before its server is closed: nobody
    closes it, and the warning of that comes up in whatever runs when it is collected (python/cpython, issue 109564).
    """
    asyncio.get_running_loop().remove_reader(listening.fileno())
    for _ in range(STEPS):
        await asyncio.sleep(0)


async def shut(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever its other side does."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
