"""The indexes of NovaPulse's MongoDB: what they are, who uses them, and building them anew."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pymongo.errors import OperationFailure

from bot.clients.mongo import ANY_MEMBER, Mongo
from bot.clients.mongo_index import Index
from bot.errors import Forbidden, PermanentError
from bot.plan import Progress, condition, operation

NAMED: Final = 100
BUILD_SECONDS: Final = 3600.0
_GONE: Final = (26, 27)  # the collection, the index
# Same name and another key, same key and another name, a duplicate value, what the server cannot build.
_WILL_NOT_PASS: Final = (67, 85, 86, 197, 11000)


@dataclass(frozen=True)
class IndexUse:
    """How often an index was used on the member that was asked, since when; None and unknown where it did not say."""

    index: Index
    operations: int | None
    since: datetime | None
    size: int | None


@dataclass(frozen=True)
class CollectionState:
    """A collection: how many documents it has, how big it is with its indexes in bytes; None is unknown."""

    name: str
    documents: int | None
    data: int | None
    index_sizes: dict[str, int]


class Indexes:
    """Reads and changes the indexes of NovaPulse's own database."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def collections(self, wanted: str = "", *, seconds: float = 3.0) -> list[str]:
        """Read the names of the collections, without MongoDB's own and without views: at most ``NAMED`` of them.

        ``wanted`` is among them if it is there at all.
        """
        own = {"type": "collection"}
        async with self._mongo.database(seconds) as database:
            names = await database.list_collection_names(filter={**own, "name": wanted}) if wanted else []
            cursor = await database.list_collections(filter=own, nameOnly=True)
            names += [str(found["name"]) for found in await cursor.to_list(NAMED)]
            await cursor.close()
        return sorted({name for name in names if not name.startswith("system.")})

    async def of(self, collection: str, *, seconds: float = 3.0) -> list[Index]:
        """Read a collection's indexes; none where there is no such collection."""
        async with self._mongo.database(seconds) as database:
            found = await (await database[collection].list_indexes()).to_list()
        return [Index.read(one) for one in found]

    async def state(self, collection: str, *, seconds: float = 3.0) -> CollectionState:
        """Read how big a collection is."""
        async with self._mongo.database(seconds) as database:
            found = await database.command("collStats", collection, read_preference=ANY_MEMBER)
        sizes = {str(name): int(size) for name, size in (found.get("indexSizes") or {}).items()}
        return CollectionState(collection, found.get("count"), found.get("size"), sizes)

    async def use(self, collection: str, *, seconds: float = 5.0) -> list[IndexUse]:
        """Read how often each index was used, on the one member that answers."""
        indexes, state = await self.of(collection), await self.state(collection)
        async with self._mongo.database(seconds) as database:
            found = await (await database[collection].aggregate([{"$indexStats": {}}])).to_list()
        used = {str(one.get("name")): one.get("accesses") or {} for one in found}
        return [_use(one, used.get(one.name, {}), state) for one in indexes]

    @operation
    async def build(self, collection: str, index: str) -> dict[str, str | bool]:
        """Build the index (extended JSON) unless it is there; may take an hour."""
        wanted = Index.from_text(index)
        is_listed = wanted.text in [one.text for one in await self.of(collection)]
        await self._build(collection, [wanted])
        return {"changed": False} if is_listed else {"changed": True, "message": f"{wanted.name} is built"}

    @operation
    async def drop(self, collection: str, index: str, while_there: list[str]) -> dict[str, str | bool]:
        """Drop the index (extended JSON), if the indexes that do its work (extended JSON) are there."""
        wanted, there = Index.from_text(index), {one.name: one.text for one in await self.of(collection)}
        if wanted.name not in there:
            return {"changed": False}
        if there[wanted.name] != wanted.text:
            raise PermanentError(f"{wanted.name} is another index now than the plan says: it was left alone")
        needed = [Index.from_text(text) for text in while_there]
        if missing := [one.name for one in needed if there.get(one.name) != one.text]:
            raise PermanentError(f"{', '.join(missing)} is not there, which has to do its work: nothing was dropped")
        await self._build(collection, needed)
        await self._change({"dropIndexes": collection, "index": wanted.name})
        return {"changed": True, "message": f"{wanted.name} is dropped"}

    @condition
    async def are(self, collection: str, indexes: list[str]) -> Progress:
        """Whether the collection has exactly these indexes (extended JSON)."""
        there = {one.text: one.name for one in await self.of(collection)}
        wanted = {text: Index.from_text(text).name for text in indexes}
        missing = [name for text, name in wanted.items() if text not in there]
        more = [name for text, name in there.items() if text not in wanted]
        if missing or more:
            parts = [f"missing: {', '.join(missing)}"] * bool(missing) + [f"also there: {', '.join(more)}"] * bool(more)
            return Progress(done=False, message="; ".join(parts))
        total = sum((await self.state(collection)).index_sizes.values())
        return Progress(done=True, message=f"{len(wanted)} indexes as before, {total:,} bytes now")

    async def _build(self, collection: str, wanted: list[Index]) -> None:
        """Return when these are built: one that is listed may be under way, and the server waits for it."""
        if wanted:
            await self._change({"createIndexes": collection, "indexes": [one.spec for one in wanted]})

    async def _change(self, command: dict[str, Any]) -> None:
        try:
            async with self._mongo.database(BUILD_SECONDS) as database:
                try:
                    await database.command(command)
                except OperationFailure as error:
                    if error.code in _GONE and "dropIndexes" in command:
                        return
                    if error.code in _WILL_NOT_PASS:
                        reason = (error.details or {}).get("codeName") or error.code
                        raise PermanentError(f"MongoDB refuses to build the index: {reason}") from None
                    raise
        except Forbidden as error:
            raise PermanentError(f"{error}. The bot's user needs createIndex and dropIndex (role dbAdmin).") from None


def _use(index: Index, accesses: dict[str, Any], state: CollectionState) -> IndexUse:
    operations, since = accesses.get("ops"), accesses.get("since")
    return IndexUse(
        index,
        int(operations) if isinstance(operations, int) else None,
        since.replace(tzinfo=since.tzinfo or UTC) if isinstance(since, datetime) else None,
        state.index_sizes.get(index.name),
    )
