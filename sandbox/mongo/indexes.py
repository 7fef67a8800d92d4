"""The indexes of the stand-in: made, dropped and listed by MongoDB's rules, and used by nobody.

The rules are those of the server's own ``index_catalog_impl.cpp`` and ``index_key_validate.cpp``, with their codes.
"""

from collections.abc import Iterator
from typing import Final

from sandbox.mongo.query import CommandError, Document

# Two indexes of one key may stand side by side where they differ in one of these.
_IDENTIFY: Final = ("unique", "sparse", "partialFilterExpression", "collation")
_OPTIONS: Final = frozenset(
    {"v", "key", "name", "hidden", "expireAfterSeconds", "storageEngine", "background", "wildcardProjection"}
    | {"weights", "default_language", "language_override", "textIndexVersion", "2dsphereIndexVersion"}
    | {"bits", "min", "max", *_IDENTIFY}
)
_SIMPLE: Final = {"locale": "simple"}
_KINDS: Final = ("text", "2dsphere", "2d", "hashed")
_NO_COLLATION: Final = ("text", "2d")
_MOST: Final = 64


class Indexes:
    """Each collection's indexes besides ``_id_``."""

    def __init__(self) -> None:
        self._indexes: dict[str, list[Document]] = {}

    def of(self, collection: str) -> list[Document]:
        """Return a collection's indexes as ``listIndexes`` words them."""
        return [{"v": 2, "key": {"_id": 1}, "name": "_id_"}, *self._indexes.get(collection, [])]

    def make(self, body: Document) -> Document:
        """Answer ``createIndexes``; raises ``CommandError``."""
        collection, before = body["createIndexes"], len(self.of(body["createIndexes"]))
        for wanted in body["indexes"]:
            self._make(collection, _stored(wanted))
        return {"numIndexesBefore": before, "numIndexesAfter": len(self.of(collection))}

    def drop(self, body: Document) -> Document:
        """Answer ``dropIndexes`` for one name; raises ``CommandError``."""
        collection, name = body["dropIndexes"], body["index"]
        if name == "_id_":
            raise CommandError(72, "InvalidOptions", "cannot drop _id index")
        found = self._indexes.get(collection, [])
        if name not in [index["name"] for index in found]:
            raise CommandError(27, "IndexNotFound", f"index not found with name [{name}]")
        self._indexes[collection] = [index for index in found if index["name"] != name]
        return {"nIndexesWas": len(found) + 1}

    def forget(self, collection: str) -> None:
        """Drop a collection's indexes with it."""
        self._indexes.pop(collection, None)

    def _make(self, collection: str, wanted: Document) -> None:
        for message in _why_not(wanted):
            raise CommandError(67, "CannotCreateIndex", message)
        there = self.of(collection)
        if _is_there(wanted, there):
            return
        if _kind(wanted) == "text" and "text" in map(_kind, there):
            raise CommandError(67, "CannotCreateIndex", "only one text index per collection allowed")
        if len(there) >= _MOST:
            raise CommandError(67, "CannotCreateIndex", f"add index fails, too many indexes for {collection}")
        self._indexes.setdefault(collection, []).append(wanted)


def _stored(wanted: Document) -> Document:
    """Return what the server keeps of an index; raises ``CommandError`` for an option it does not know."""
    if unknown := wanted.keys() - _OPTIONS:
        message = f"The field '{min(unknown)}' is not valid for an index specification"
        raise CommandError(197, "InvalidIndexSpecificationOption", message)
    kept = {"v": 2} | {name: value for name, value in wanted.items() if name != "background"}
    if kept.get("collation") == _SIMPLE:  # the one that is meant where none is said
        del kept["collation"]
    if _kind(kept) in ("text", "2dsphere"):
        kept.setdefault(f"{_kind(kept)}IndexVersion", 3)
    return kept


def _is_there(wanted: Document, there: list[Document]) -> bool:
    """Say whether exactly this index exists; raises ``CommandError`` where another is in its way."""
    named = next((index for index in there if index["name"] == wanted["name"]), None)
    if named is not None:
        if _identity(named) != _identity(wanted):
            message = f"An existing index has the same name as the requested index: {wanted['name']}"
            raise CommandError(86, "IndexKeySpecsConflict", message)
        if named != wanted:
            message = "An equivalent index already exists with the same name but different options"
            raise CommandError(85, "IndexOptionsConflict", message)
        return True
    for index in there:
        if _identity(index) == _identity(wanted):
            message = f"Index already exists with a different name: {index['name']}"
            raise CommandError(85, "IndexOptionsConflict", message)
    return False


def _identity(index: Document) -> tuple[object, ...]:
    """Return what tells an index from the others: its key in order, and some of its options."""
    return (list(index["key"].items()), *(index.get(name) or None for name in _IDENTIFY))


def _kind(index: Document) -> str:
    if any(name == "$**" or name.endswith(".$**") for name in index["key"]):
        return "wildcard"
    return next((value for value in index["key"].values() if value in _KINDS), "")


def _why_not(index: Document) -> Iterator[str]:
    """Say why the server builds no such index."""
    kind, expires = _kind(index), "expireAfterSeconds" in index
    if any(value not in (1, -1, *_KINDS) for value in index["key"].values()):
        yield f"bad index key pattern {index['key']}"
    if index.get("sparse") and "partialFilterExpression" in index:
        yield 'cannot mix "partialFilterExpression" and "sparse" options'
    if kind == "wildcard" and (index.get("unique") or index.get("sparse") or expires):
        yield "Index type 'wildcard' does not support the unique, sparse and expireAfterSeconds options"
    if kind == "hashed" and index.get("unique"):
        yield "Currently hashed indexes cannot guarantee uniqueness. Use a regular index."
    if kind in _NO_COLLATION and "collation" in index:
        yield f"Index type '{kind}' does not support collation"
    if expires and len(index["key"]) > 1:
        yield "TTL indexes are single-field indexes, compound indexes do not support TTL"
    if list(index["key"]) == ["_id"] and ("partialFilterExpression" in index or index.get("sparse") or expires):
        yield "_id index cannot be partial, sparse or expire documents"
