"""An index as data, and what stands in for it while it is built anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bson import json_util

READS: Final = "_while_rebuilt"
GUARD: Final = "_unique_while_rebuilt"
# What the server adds by itself or no longer takes.
_NOT_OPTIONS: Final = ("v", "key", "name", "ns", "background")
_SHOWN_OPTIONS: Final = ("unique", "sparse", "hidden")
_ORDERED: Final = (1, -1, "hashed", "2dsphere")
_SIMPLE: Final = {"locale": "simple"}
_EVERY_DOCUMENT: Final = {"_id": {"$exists": True}}


@dataclass(frozen=True)
class Index:
    """One index: its name, its key in order, and every option it has besides."""

    name: str
    key: tuple[tuple[str, Any], ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> "Index":
        """Read what ``listIndexes`` says of one."""
        options = {name: value for name, value in found.items() if name not in _NOT_OPTIONS}
        key = tuple((name, _direction(value)) for name, value in found["key"].items())
        return cls(str(found["name"]), key, options)

    @classmethod
    def from_text(cls, text: str) -> "Index":
        """Read what ``text`` wrote."""
        return cls.read(json_util.loads(text))

    @property
    def spec(self) -> dict[str, Any]:
        """The index as ``createIndexes`` takes it.

        ``listIndexes`` leaves the simple collation out, and ``createIndexes`` takes the collection's own for one that
        is left out: an index that has none on a collection that has one would come back as another.
        """
        return {"key": dict(self.key), "name": self.name, "collation": _SIMPLE, **self.options}

    @property
    def text(self) -> str:
        """The index as extended JSON, which keeps dates and the order of the key."""
        ordered = {"key": dict(self.key), "name": self.name, **dict(sorted(self.options.items()))}
        return json_util.dumps(ordered, json_options=json_util.CANONICAL_JSON_OPTIONS)

    @property
    def is_unique(self) -> bool:
        """Whether it keeps two documents from having the same key."""
        return bool(self.options.get("unique"))

    @property
    def expires(self) -> bool:
        """Whether it makes MongoDB delete old documents."""
        return "expireAfterSeconds" in self.options

    @property
    def is_stand_in(self) -> bool:
        """Whether a rebuild made it for the time being."""
        return self.name.endswith(READS)

    def describe(self) -> str:
        """Say what it is: ``webhookId 1, createdAt -1; unique``. Values of a filter are left out."""
        said = [", ".join(f"{name} {direction}" for name, direction in self.key)]
        said += [name for name in _SHOWN_OPTIONS if self.options.get(name)]
        said += [f"expires after {self.options['expireAfterSeconds']} s"] if self.expires else []
        said += ["partial"] if "partialFilterExpression" in self.options else []
        said += [f"collation {self.options['collation'].get('locale')}"] if "collation" in self.options else []
        return "; ".join(said)


def why_not_rebuilt(index: Index) -> str:
    """Say why an index cannot be built anew without a moment in which nothing does its work; empty if it can."""
    names = [name for name, _ in index.key]
    if names == ["_id"]:
        return "MongoDB keeps it itself"
    if "_id" in names:
        return "_id is in its key, so no second index can do its work meanwhile"
    if any(direction not in _ORDERED or "$**" in name for name, direction in index.key):
        return "a second index of its kind cannot stand beside it"
    if index.is_unique and index.options.get("sparse"):
        return "unique and sparse: nothing could keep it unique meanwhile"
    return ""


def stand_ins(index: Index) -> tuple[Index, ...]:
    """Return what does an index's work while it is gone.

    MongoDB keeps no two indexes of the same key and options, so reads are served by one with ``_id`` behind the key.
    That one would let duplicates in: a unique index gets a second one, on its own key, that differs by a filter
    which every document fits (same key, other filter: since MongoDB 5.0). Neither expires documents.
    """
    kept = {name: value for name, value in index.options.items() if name not in ("unique", "expireAfterSeconds")}
    reads = Index(index.name + READS, (*index.key, ("_id", 1)), kept)
    if not index.is_unique:
        return (reads,)
    everything = _and_every_document(index.options.get("partialFilterExpression"))
    unique = {name: value for name, value in index.options.items() if name != "expireAfterSeconds"}
    guard = replace(index, name=index.name + GUARD, options=unique | {"partialFilterExpression": everything})
    return reads, guard


def _and_every_document(own: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return another filter that the same documents fit; before MongoDB 6.0 it may have $and at the top only."""
    if not own:
        return _EVERY_DOCUMENT
    if "_id" not in own:
        return {**own, **_EVERY_DOCUMENT}
    return {"$and": [*({name: value} for name, value in own.items()), _EVERY_DOCUMENT]}


def covers(larger: Index, smaller: Index) -> bool:
    """Whether one index does everything that the other does, so that the other is superfluous."""
    if smaller.is_unique or smaller.expires or len(larger.key) < len(smaller.key) or smaller.key[0][0] == "_id":
        return False
    if any(larger.options.get(name) != smaller.options.get(name) for name in _ALIKE):
        return False
    start = larger.key[: len(smaller.key)]
    turned = tuple((name, -way if isinstance(way, int) else way) for name, way in start)
    return smaller.key in (start, turned)


_ALIKE: Final = ("partialFilterExpression", "sparse", "collation", "hidden")


def _direction(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
