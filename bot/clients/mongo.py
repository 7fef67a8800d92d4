"""NovaPulse's MongoDB: the one connection to it, does it answer, and who in the replica set is what."""

import errno
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any, Final

from pymongo import AsyncMongoClient, ReadPreference
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from bot.clients.deadline import deadline, reason
from bot.errors import Forbidden, NotConfigured, TimedOut, Unavailable, UserError
from bot.settings import MongoSettings

SYSTEM: Final = "MongoDB"
DATABASE: Final = "novapulse"  # where MONGO_URL names none
# Who belongs to the set is asked for when the primary is gone; a secondary knows it too.
ANY_MEMBER: Final = ReadPreference.PRIMARY_PREFERRED
_UNAUTHORIZED: Final = (13, 18)
_NO_REPLICATION: Final = (76, 93, 94)
_SELECTION_MS: Final = 2000
# The driver looks after the server too, and cuts what is under way when that look is not answered in time.
_GIVEN_UP: Final = "operation cancelled"

_DOING_THEIR_PART: Final = ("PRIMARY", "SECONDARY", "ARBITER")


@dataclass(frozen=True)
class Member:
    """One member of the replica set; ``state`` is MongoDB's word, lag is behind the primary, None when unknown.

    ``delay_seconds`` of the lag are on purpose, as the set's configuration has it.
    """

    name: str
    state: str
    health: bool
    lag_seconds: float | None
    delay_seconds: float = 0.0

    @property
    def lag_beyond_delay(self) -> float | None:
        """The part of the lag that nobody wants."""
        return None if self.lag_seconds is None else max(0.0, self.lag_seconds - self.delay_seconds)

    @property
    def does_its_part(self) -> bool:
        """Whether it is up and primary, secondary or arbiter; one that recovers or rolls back is up and no help."""
        return self.health and self.state in _DOING_THEIR_PART


class Mongo:
    """The MongoDB of NovaPulse; connects on first use."""

    def __init__(self, settings: MongoSettings, *, clock: Callable[[], float] = perf_counter) -> None:
        self._url = settings.mongo_url
        self._clock = clock
        self._mongo: AsyncMongoClient[dict[str, Any]] | None = None

    async def ping(self, *, seconds: float = 3.0) -> float:
        """Return the round trip in milliseconds; raises TimedOut, Forbidden or Unavailable within ``seconds``."""
        async with self.reached(seconds) as mongo:
            await mongo.aconnect()
            started = self._clock()
            await mongo.admin.command("ping")
            return (self._clock() - started) * 1000

    async def members(self, *, seconds: float = 3.0) -> list[Member]:
        """Read the replica set; empty when this server belongs to none. Raises as ``ping`` does."""
        status = await self.set_status(seconds=seconds)
        return [] if status is None else read_members(status)

    async def set_status(self, *, seconds: float = 3.0) -> Mapping[str, Any] | None:
        """Read what any living member says of the set; None when this server belongs to none. Raises as ``ping``."""
        async with self.reached(seconds) as mongo:
            try:
                return await mongo.admin.command("replSetGetStatus", read_preference=ANY_MEMBER)
            except OperationFailure as error:
                if error.code in _NO_REPLICATION:
                    return None
                raise

    @asynccontextmanager
    async def reached(self, seconds: float) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
        """Give the driver's client to a block that has to end within ``seconds``; its errors become the bot's own."""
        mongo = self._open()
        async with _mongo_deadline(seconds):
            yield mongo

    @asynccontextmanager
    async def database(self, seconds: float) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
        """Give NovaPulse's own database to a block, as ``reached`` does."""
        async with self.reached(seconds) as mongo:
            yield mongo.get_default_database(default=DATABASE)

    async def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, self._mongo = self._mongo, None
        if client is not None:
            await client.close()

    def _open(self) -> AsyncMongoClient[dict[str, Any]]:
        if self._url is None:
            raise NotConfigured(SYSTEM, "MONGO_URL")
        if self._mongo is None:
            self._mongo = _connect(self._url.get_secret_value())
        return self._mongo


def _connect(url: str) -> AsyncMongoClient[dict[str, Any]]:
    try:
        return AsyncMongoClient(
            url,
            serverSelectionTimeoutMS=_SELECTION_MS,
            connectTimeoutMS=_SELECTION_MS,
            maxPoolSize=4,
            # The bot asks seldom: one watching connection a server is enough, streaming would keep two.
            serverMonitoringMode="poll",
            appname="novapulse-bot",
        )
    except (ConfigurationError, ValueError, TypeError):
        raise UserError(
            "MONGO_URL is not the address of a MongoDB.",
            hint="It looks like mongodb://user:password@host:27017/novapulse.",
        ) from None


@asynccontextmanager
async def _mongo_deadline(seconds: float) -> AsyncIterator[None]:
    async with deadline(SYSTEM, seconds, PyMongoError):
        try:
            yield
        except OperationFailure as error:
            if error.code in _UNAUTHORIZED:
                raise Forbidden(SYSTEM, reason(error)) from None
            raise
        except NetworkTimeout:
            raise TimedOut(SYSTEM, seconds) from None
        except ServerSelectionTimeoutError as error:
            if _is_late(str(error)):
                raise TimedOut(SYSTEM, _SELECTION_MS / 1000) from None
            raise Unavailable(SYSTEM, _selection(str(error))) from None
        except AutoReconnect as error:
            if isinstance(error, NotPrimaryError):
                raise
            raise _broken(str(error)) from None


def _is_late(message: str) -> bool:
    """Whether no server could be chosen because none has answered yet; a driver that was refused says that instead."""
    return ("timed out" in message or "found yet" in message) and f"Errno {errno.ECONNREFUSED}]" not in message


def _selection(message: str) -> str:
    """Find the cause in the driver's long account of why no server could be chosen."""
    causes = {
        f"Errno {errno.ECONNREFUSED}]": "connection refused",
        "Name or service not known": "name not known",
        "name resolution": "name not known",
        "certificate verify failed": "TLS certificate refused",
        "No replica set members": "no server that takes this is known (no primary?)",
        "connection closed": "connection closed",
    }
    return next((words for part, words in causes.items() if part in message), "no server could be chosen")


def _broken(message: str) -> Unavailable:
    """Say why a connection broke; the driver adds its own settings to what the system says."""
    if _GIVEN_UP in message:
        return TimedOut(SYSTEM, _SELECTION_MS / 1000)
    refused = f"Errno {errno.ECONNREFUSED}]" in message
    return Unavailable(SYSTEM, "connection refused" if refused else "the connection was lost")


def beginnings(length: int, *fields: str) -> dict[str, Any]:
    """Return the projection of the first characters of these fields, so that no giant travels."""
    return {
        name: {
            "$substrCP": [{"$convert": {"input": f"${name}", "to": "string", "onError": "", "onNull": ""}}, 0, length]
        }
        for name in fields
    }


def read_members(status: Mapping[str, Any]) -> list[Member]:
    """Read the members out of what ``replSetGetStatus`` answers."""
    entries = [entry for entry in status.get("members") or [] if isinstance(entry, dict)]
    primary = next((_written(entry) for entry in entries if entry.get("stateStr") == "PRIMARY"), None)
    return [_member(entry, primary) for entry in entries]


def _member(entry: Mapping[str, Any], primary: datetime | None) -> Member:
    written = _written(entry)
    holds_data = entry.get("stateStr") in ("PRIMARY", "SECONDARY") and entry.get("health") == 1
    lag = max(0.0, (primary - written).total_seconds()) if primary and written and holds_data else None
    return Member(
        name=str(entry.get("name", "nameless")),
        state=str(entry.get("stateStr", "UNKNOWN")),
        health=entry.get("health") == 1,
        lag_seconds=lag,
    )


def _written(entry: Mapping[str, Any]) -> datetime | None:
    written = entry.get("optimeDate")
    return written if isinstance(written, datetime) else None
