"""The indexes of the stand-in: made, dropped and listed by MongoDB's rules, and used by nobody."""

from sandbox.mongo.query import CommandError, Document

# Two indexes of one key may stand side by side where they differ in one of these.
_MAY_DIFFER = ("unique", "sparse", "partialFilterExpression", "collation")


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
            self._make(collection, {"v": 2, **wanted})
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
        for index in self.of(collection):
            if index == wanted and list(index["key"]) == list(wanted["key"]):
                return
            if index["name"] == wanted["name"]:
                message = f"An existing index has the same name as the requested index: {wanted['name']}"
                raise CommandError(86, "IndexKeySpecsConflict", message)
            if _key(index) == _key(wanted) and all(index.get(name) == wanted.get(name) for name in _MAY_DIFFER):
                message = f"Index already exists with a different name: {index['name']}"
                raise CommandError(85, "IndexOptionsConflict", message)
        self._indexes.setdefault(collection, []).append(wanted)


def _key(index: Document) -> list[tuple[str, object]]:
    return list(index["key"].items())
