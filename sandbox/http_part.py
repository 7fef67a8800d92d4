"""One HTTP address of the sandbox, which can go away and come back on the same port."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.listener import listening, take_no_more
from sandbox.ports import free_port

SHUTDOWN_SECONDS = 0.2
LARGEST_BODY = 64 * 1024 * 1024


class HttpPart:
    """Serves an application on loopback; ``make`` builds it anew each time the address comes back.

    ``delay`` seconds are added to every answer; what a request changes is changed by then, as on a loaded server.
    """

    def __init__(self, make: Callable[[], web.Application], *, port: int = 0) -> None:
        self.port = port
        self.delay = 0.0
        self._make = make
        self._socket: socket.socket | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the port it had before or on a free one; nothing happens when it does."""
        if self._runner is not None:
            return
        application = self._make()
        application.middlewares.insert(0, self._late)
        runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, handler_cancellation=True
        )
        self._runner = runner
        await runner.setup()
        self.port = self.port or free_port()
        self._socket = listening(self.port)
        await web.SockSite(runner, self._socket).start()

    async def stop(self) -> None:
        """Refuse new connections and drop the open ones."""
        runner, self._runner = self._runner, None
        taken, self._socket = self._socket, None
        if taken is not None:
            await take_no_more(taken)
        if runner is not None:
            await runner.cleanup()

    @web.middleware
    async def _late(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.method == "GET":  # a stream is late where it begins
            await asyncio.sleep(self.delay)
            return await handler(request)
        answer = await handler(request)
        await asyncio.sleep(self.delay)
        return answer
