"""How busy and how big NovaPulse's MongoDB is: connections, slow operations, sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.clients.mongo import ANY_MEMBER, Mongo, beginnings
from bot.masking import cut
from bot.plain_text import one_line

SLOW_SECONDS: Final = 1
_MOST: Final = 100
_OPERATIONS: Final = ("query", "getmore", "command", "insert", "update", "remove")
_TEXTS: Final = beginnings(200, "ns", "planSummary")
_INTERNAL: Final = ("admin.", "config.", "local.")


@dataclass(frozen=True)
class ServerState:
    """What the server says of itself; what it does not say is None. ``uptime`` is in seconds."""

    version: str
    uptime: float | None
    connections: int | None
    available: int | None


@dataclass(frozen=True)
class SlowOperation:
    """An operation under way; its command is left out, because it may hold personal data. ``id`` is for killOp."""

    id: str
    kind: str
    namespace: str
    seconds: int
    plan: str
    waits: bool


@dataclass(frozen=True)
class Sizes:
    """How big the database is; sizes are in bytes."""

    database: str
    collections: int | None
    documents: int | None
    data: int | None
    storage: int | None
    indexes: int | None


class MongoServer:
    """Reads the server that the bot is connected to."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def state(self, *, seconds: float = 3.0) -> ServerState:
        """Read the server's state; raises as ``Mongo.ping`` does."""
        async with self._mongo.reached(seconds) as mongo:
            found = await mongo.admin.command("serverStatus", read_preference=ANY_MEMBER)
        connections = found.get("connections") or {}
        return ServerState(
            version=str(found.get("version", "unknown")),
            uptime=_number(found, "uptime"),
            connections=_number(connections, "current"),
            available=_number(connections, "available"),
        )

    async def slow_operations(self, *, seconds: float = 3.0) -> list[SlowOperation]:
        """Read what has run for a second or longer, the longest first; needs the right ``inprog``."""
        look: list[dict[str, Any]] = [
            {"$currentOp": {"allUsers": True, "idleConnections": False}},
            {"$match": {"active": True, "secs_running": {"$gte": SLOW_SECONDS}, "op": {"$in": list(_OPERATIONS)}}},
            {"$sort": {"secs_running": -1}},
            {"$limit": _MOST},
            {"$project": dict.fromkeys(("opid", "op", "secs_running", "waitingForLock"), 1) | _TEXTS},
        ]  # fmt: skip
        async with self._mongo.reached(seconds) as mongo:
            admin = mongo.admin.with_options(read_preference=ANY_MEMBER)
            found = await (await admin.aggregate(look)).to_list()
        return [_slow(one) for one in found if not str(one.get("ns", "")).startswith(_INTERNAL)]

    async def sizes(self, *, seconds: float = 3.0) -> Sizes:
        """Read how big NovaPulse's database is."""
        async with self._mongo.database(seconds) as database:
            name, found = database.name, await database.command("dbStats", read_preference=ANY_MEMBER)
        return Sizes(
            name,
            *(_number(found, key) for key in ("collections", "objects", "dataSize", "storageSize", "indexSize")),
        )


def _slow(found: Mapping[str, Any]) -> SlowOperation:
    return SlowOperation(
        id=str(found.get("opid", "")),
        kind=str(found.get("op", "")),
        namespace=cut(one_line(str(found.get("ns", ""))), 80),
        seconds=_number(found, "secs_running") or 0,
        plan=cut(one_line(str(found.get("planSummary", ""))), 80),
        waits=found.get("waitingForLock") is True,
    )


def _number(found: Mapping[str, Any], name: str) -> int | None:
    value = found.get(name)
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
