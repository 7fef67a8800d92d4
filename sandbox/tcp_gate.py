"""A gate before a TCP server that can be closed, or that lets the answers through late."""

import asyncio

from sandbox.listener import Listener, shut

CHUNK = 65536


class TcpGate:
    """Forwards loopback connections to ``target``; ``delay`` seconds are added to every answer."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay = 0.0
        self._listener = Listener(self._forward)

    @property
    def port(self) -> int:
        """The port it listens on, or has listened on."""
        return self._listener.port

    async def open(self) -> None:
        """Listen, on the port it had before or on a free one; nothing happens when it is open."""
        await self._listener.open()

    async def close(self) -> None:
        """Refuse new connections and drop the ones that are open."""
        await self._listener.close()

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
            await shut(upstream_writer)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        while data := await reader.read(CHUNK):
            if late and self.delay > 0:
                await asyncio.sleep(self.delay)
            writer.write(data)
            await writer.drain()
