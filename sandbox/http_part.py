"""One HTTP address of the sandbox, which can go away and come back on the same port."""

from collections.abc import Callable

from aiohttp import web

from sandbox.ports import free_port

SHUTDOWN_SECONDS = 0.2
LARGEST_BODY = 64 * 1024 * 1024


class HttpPart:
    """Serves an application on loopback; ``make`` builds it anew each time the address comes back."""

    def __init__(self, make: Callable[[], web.Application], *, port: int = 0) -> None:
        self.port = port
        self._make = make
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the port it had before or on a free one; nothing happens when it does."""
        if self._runner is not None:
            return
        runner = web.AppRunner(
            self._make(), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, handler_cancellation=True
        )
        self._runner = runner
        await runner.setup()
        self.port = self.port or free_port()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """Refuse new connections and drop the open ones."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
