"""NovaPulse's Redis, connected on first use; what its errors mean in the bot's words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bot.clients.deadline import deadline, reason
from bot.errors import Forbidden, NotConfigured, TimedOut, UserError
from bot.settings import RedisSettings

SYSTEM: Final = "Redis"
FORBIDDEN: Final = (
    exceptions.AuthenticationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.AuthorizationError,
    exceptions.NoPermissionError,
)


class RedisConnection:
    """A small pool of connections to one Redis; connects on first use, and again after the server was away."""

    def __init__(self, settings: RedisSettings, *, connections: int = 4) -> None:
        self._url = settings.redis_url
        self._connections = connections
        self._redis: Redis | None = None

    def open(self) -> Redis:
        """Return the client; raises NotConfigured without an address, UserError with one that is none."""
        if self._redis is None:
            self._redis = Redis.from_pool(self._pool())
        return self._redis

    async def close(self) -> None:
        """Close every connection; the next use connects again."""
        client, self._redis = self._redis, None
        if client is not None:
            await client.aclose()

    def _pool(self) -> BlockingConnectionPool:
        if self._url is None:
            raise NotConfigured(SYSTEM, "REDIS_URL")
        try:
            return BlockingConnectionPool.from_url(
                self._url.get_secret_value(),
                max_connections=self._connections,
                # Deadlines belong to the caller; waiting for a free connection ends with them.
                timeout=None,
                socket_timeout=None,
                socket_connect_timeout=None,
                # A pooled connection may have died with the server's last restart: one fresh one is tried.
                retry=Retry(NoBackoff(), 1, (exceptions.ConnectionError,)),
                client_name="novapulse-bot",
                protocol=2,
                decode_responses=True,
                encoding_errors="replace",
            )
        except ValueError:
            raise UserError(
                "REDIS_URL is not the address of a Redis.",
                hint="It looks like redis://:password@host:6379/0, or rediss:// with TLS.",
            ) from None


@asynccontextmanager
async def redis_deadline(seconds: float) -> AsyncIterator[None]:
    """Give Redis ``seconds`` to answer; raises TimedOut, Forbidden or Unavailable."""
    async with deadline(SYSTEM, seconds, exceptions.RedisError):
        try:
            yield
        except FORBIDDEN as error:
            raise Forbidden(SYSTEM, reason(error)) from None
        except exceptions.TimeoutError:
            raise TimedOut(SYSTEM, seconds) from None
