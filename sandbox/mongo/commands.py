"""The commands that the stand-in for MongoDB answers."""

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import bson

from sandbox.mongo.indexes import Indexes
from sandbox.mongo.query import CommandError, Document, fits, ordered, piped, shown
from sandbox.mongo.replica_set import NAME, ReplicaSet

FIRST_BATCH = 101
VERSION = "7.0.14"


class Commands:
    """Answers commands from ``collections``; ``indexes`` are what a collection has besides ``_id_``."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.replica_set = ReplicaSet(now)
        self.indexes = Indexes()
        self.indexes.make({"createIndexes": "webhooklogs", "indexes": [_DELIVERIES]})
        self.collections: dict[str, Callable[[], list[Document]]] = {}
        self.operations: list[Document] = []  # what is under way, as $currentOp words it
        self.unused = {"_id_"}  # indexes nobody uses
        self._inserted: dict[str, list[Document]] = {}
        self._now = now
        self._started = now()
        self._cursors: dict[int, tuple[str, list[Document]]] = {}
        self._numbers = itertools.count(7001)
        self._known: dict[str, Callable[[Document], Document]] = {
            "hello": self.replica_set.hello,
            "ismaster": self.replica_set.hello,
            "ping": lambda _: {},
            "buildinfo": lambda _: {"version": VERSION, "versionArray": [7, 0, 14, 0], "modules": []},
            "endsessions": lambda _: {},
            "serverstatus": self._server_status,
            "replsetgetstatus": self.replica_set.status,
            "replsetgetconfig": self.replica_set.config,
            "replsetstepdown": self.replica_set.step_down,
            "insert": self._insert,
            "createindexes": self._create_indexes,
            "dropindexes": self._drop_indexes,
            "reindex": _reindex,
            "dropdatabase": self._drop_database,
            "find": self._find,
            "aggregate": self._aggregate,
            "getmore": self._get_more,
            "killcursors": self._kill_cursors,
            "count": self._count,
            "dbstats": self._database_stats,
            "collstats": self._collection_stats,
            "listcollections": self._list_collections,
            "listindexes": self._list_indexes,
        }

    def answer(self, body: Document) -> Document:
        """Return the answer to a command, an error included."""
        name = next(iter(body))
        handler = self._known.get(name.lower())
        if handler is None:
            return _error(CommandError(59, "CommandNotFound", f"no such command: '{name}'"))
        try:
            return handler(body) | {"ok": 1.0}
        except CommandError as error:
            return _error(error)

    def _documents(self, collection: str) -> list[Document]:
        make = self.collections.get(collection)
        return make() if make is not None else []

    def _server_status(self, _body: Document) -> Document:
        uptime = (self._now() - self._started).total_seconds()
        return {
            "host": self.replica_set.address,
            "version": VERSION,
            "process": "mongod",
            "uptime": uptime,
            "localTime": self._now(),
            "connections": {"current": 12, "available": 838_848, "totalCreated": 240, "active": 3},
            "mem": {"bits": 64, "resident": 612, "virtual": 2890},
            "opcounters": {"insert": 0, "query": 0, "update": 0, "delete": 0, "getmore": 0, "command": 0},
            "repl": {"setName": NAME, "isWritablePrimary": self.replica_set.is_primary},
        }

    def _find(self, body: Document) -> Document:
        documents = [found for found in self._documents(body["find"]) if fits(found, body.get("filter") or {})]
        documents = ordered(documents, body.get("sort") or {})[body.get("skip", 0) :]
        if limit := abs(body.get("limit", 0)):
            documents = documents[:limit]
        documents = [shown(found, body.get("projection") or {}) for found in documents]
        size = body.get("batchSize", FIRST_BATCH)
        return self._batch(body["$db"], body["find"], documents, size, single=body.get("singleBatch", False))

    def _aggregate(self, body: Document) -> Document:
        collection, pipeline = body["aggregate"], list(body["pipeline"])
        documents = self._documents(str(collection))
        if pipeline and "$indexStats" in pipeline[0]:
            documents, pipeline = self._index_use(str(collection)), pipeline[1:]
        elif pipeline and "$currentOp" in pipeline[0]:
            documents, pipeline = self.operations, pipeline[1:]
        size = (body.get("cursor") or {}).get("batchSize", FIRST_BATCH)
        return self._batch(body["$db"], str(collection), piped(documents, pipeline), size)

    def _index_use(self, collection: str) -> list[Document]:
        return [
            {"name": index["name"], "key": index["key"], "host": self.replica_set.address}
            | {"accesses": {"ops": bson.Int64(0 if index["name"] in self.unused else 4711), "since": self._started}}
            for index in self.indexes.of(collection)
        ]

    def _batch(
        self, database: str, collection: str, documents: list[Document], size: int, *, single: bool = False
    ) -> Document:
        first, rest = documents[:size], documents[size:]
        number = 0
        if rest and not single:
            number = next(self._numbers)
            self._cursors[number] = (f"{database}.{collection}", rest)
        return {"cursor": {"id": bson.Int64(number), "ns": f"{database}.{collection}", "firstBatch": first}}

    def _get_more(self, body: Document) -> Document:
        number = int(body["getMore"])
        if number not in self._cursors:
            raise CommandError(43, "CursorNotFound", f"cursor id {number} not found")
        namespace, rest = self._cursors.pop(number)
        size = body.get("batchSize") or len(rest)
        batch, rest = rest[:size], rest[size:]
        if rest:
            self._cursors[number] = (namespace, rest)
        return {"cursor": {"id": bson.Int64(number if rest else 0), "ns": namespace, "nextBatch": batch}}

    def _kill_cursors(self, body: Document) -> Document:
        killed = [number for number in body["cursors"] if self._cursors.pop(int(number), None) is not None]
        return {"cursorsKilled": killed, "cursorsNotFound": [], "cursorsAlive": [], "cursorsUnknown": []}

    def _count(self, body: Document) -> Document:
        return {"n": sum(fits(found, body.get("query") or {}) for found in self._documents(body["count"]))}

    def _database_stats(self, body: Document) -> Document:
        stats = [self._collection_stats({"collStats": name}) for name in self.collections]
        sums: dict[str, Any] = {"objects": sum(found["count"] for found in stats)}
        sums |= {name: float(sum(found[of] for found in stats)) for name, of in _SIZES.items()}
        return {"db": body["$db"], "collections": len(stats), "views": 0, "indexes": 3, **sums}

    def _collection_stats(self, body: Document) -> Document:
        name = body["collStats"]
        sizes = [len(bson.encode(found)) for found in self._documents(name)]
        index_sizes = {found["name"]: 36_864 for found in self.indexes.of(name)}
        return {
            "ns": f"novapulse.{name}",
            "count": len(sizes),
            "size": sum(sizes),
            "avgObjSize": sum(sizes) // len(sizes) if sizes else 0,
            "storageSize": 4096 + sum(sizes) // 2,
            "nindexes": len(index_sizes),
            "totalIndexSize": sum(index_sizes.values()),
            "indexSizes": index_sizes,
        }

    def _list_collections(self, body: Document) -> Document:
        found: list[Document] = [{"name": name, "type": "collection", "options": {}} for name in self.collections]
        found = [each for each in found if fits(each, body.get("filter") or {})]
        return self._batch(body["$db"], "$cmd.listCollections", found, FIRST_BATCH)

    def _list_indexes(self, body: Document) -> Document:
        name = body["listIndexes"]
        if name not in self.collections:
            raise CommandError(26, "NamespaceNotFound", f"ns does not exist: {body['$db']}.{name}")
        return self._batch(body["$db"], name, self.indexes.of(name), FIRST_BATCH)

    def _insert(self, body: Document) -> Document:
        self.replica_set.require_primary()
        name, documents = body["insert"], body["documents"]
        if name in self.collections and name not in self._inserted:
            raise CommandError(13, "Unauthorized", f"the pretend API alone writes to {name}")
        self._make(name).extend(documents)
        return {"n": len(documents)}

    def _create_indexes(self, body: Document) -> Document:
        self.replica_set.require_primary()
        if body["createIndexes"] not in self.collections:
            self._make(body["createIndexes"])
        return self.indexes.make(body)

    def _drop_indexes(self, body: Document) -> Document:
        self.replica_set.require_primary()
        if body["dropIndexes"] not in self.collections:
            raise CommandError(26, "NamespaceNotFound", f"ns not found {body['$db']}.{body['dropIndexes']}")
        return self.indexes.drop(body)

    def _drop_database(self, _body: Document) -> Document:
        self.replica_set.require_primary()
        for name in self._inserted:
            del self.collections[name]
            self.indexes.forget(name)
        self._inserted.clear()
        return {}

    def _make(self, name: str) -> list[Document]:
        if name not in self._inserted:
            documents = self._inserted[name] = []
            self.collections[name] = lambda: documents
        return self._inserted[name]


_DELIVERIES: Document = {"key": {"webhookId": 1, "createdAt": -1}, "name": "webhookId_1_createdAt_-1"}
_SIZES = {"dataSize": "size", "storageSize": "storageSize", "indexSize": "totalIndexSize"}


def _reindex(_body: Document) -> Document:
    raise CommandError(20, "IllegalOperation", "reIndex is only allowed on a standalone mongod instance.")


def _error(error: CommandError) -> Document:
    return {"ok": 0.0, "errmsg": error.message, "code": error.code, "codeName": error.name}
