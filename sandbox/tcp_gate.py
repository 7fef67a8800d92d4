"""A gate before a TCP server that can be closed, or that lets the answers through late."""

import asyncio
import contextlib

from sandbox.ports import free_port

CHUNK = 65536


class TcpGate:
    """Forwards loopback connections to ``target``; ``delay`` seconds are added to every answer."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.delay = 0.0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self, port: int = 0) -> None:
        """Listen on ``port``, on the port it had before, or on a free one; nothing happens when it is open."""
        if self._server is None:
            self.port = port or self.port or free_port()
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Refuse new connections and drop the ones that are open."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        try:
            await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # a dropped connection is this gate's business, not an error of the loop
        finally:
            self._connections.discard(task)
            await _shut(writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            copies = {
                asyncio.create_task(self._copy(reader, upstream_writer, late=False)),
                asyncio.create_task(self._copy(upstream_reader, writer, late=True)),
            }
            try:
                await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for copy in copies:
                    copy.cancel()
                await asyncio.gather(*copies, return_exceptions=True)
        finally:
            await _shut(upstream_writer)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        while data := await reader.read(CHUNK):
            if late and self.delay > 0:
                await asyncio.sleep(self.delay)
            writer.write(data)
            await writer.drain()


async def _shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
