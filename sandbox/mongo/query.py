"""Filters, sort orders and pipelines, as far as the stand-in knows them."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bson import ObjectId

Document = dict[str, Any]
_MISSING: Any = object()


class CommandError(Exception):
    """An error as MongoDB words it: a code, its name and a message."""

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.message = message


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda value, wanted: _equal(value, wanted),  # noqa: PLW0108 - defined further down
    "$ne": lambda value, wanted: not _equal(value, wanted),
    "$gt": lambda value, wanted: _same_type(value, wanted) and value > wanted,
    "$gte": lambda value, wanted: _same_type(value, wanted) and value >= wanted,
    "$lt": lambda value, wanted: _same_type(value, wanted) and value < wanted,
    "$lte": lambda value, wanted: _same_type(value, wanted) and value <= wanted,
    "$in": lambda value, wanted: any(_equal(value, each) for each in wanted),
    "$nin": lambda value, wanted: not any(_equal(value, each) for each in wanted),
    "$exists": lambda value, wanted: (value is not _MISSING) == bool(wanted),
    "$regex": lambda value, wanted: isinstance(value, str) and re.search(wanted, value) is not None,
}


def fits(document: Document, query: Document) -> bool:
    """Say whether a document fits a filter; raises ``CommandError`` for an operator the stand-in does not know."""
    for name, wanted in query.items():
        if name == "$and":
            ok = all(fits(document, each) for each in wanted)
        elif name == "$or":
            ok = any(fits(document, each) for each in wanted)
        elif name.startswith("$"):
            raise CommandError(2, "BadValue", f"unknown top level operator: {name}")
        else:
            ok = _value_fits(at(document, name), wanted)
        if not ok:
            return False
    return True


def ordered(documents: list[Document], sort: Document) -> list[Document]:
    """Return documents in an order such as ``{"createdAt": -1}``."""
    for name, direction in reversed(list(sort.items())):
        documents = sorted(documents, key=lambda document: _rank(at(document, name)), reverse=direction < 0)
    return documents


def piped(documents: list[Document], pipeline: list[Document]) -> list[Document]:
    """Send documents through the stages; raises ``CommandError`` for one the stand-in does not know."""
    for stage in pipeline:
        name, argument = next(iter(stage.items()))
        if name == "$match":
            documents = [document for document in documents if fits(document, argument)]
        elif name == "$sort":
            documents = ordered(documents, argument)
        elif name == "$limit":
            documents = documents[:argument]
        elif name == "$skip":
            documents = documents[argument:]
        elif name == "$count":
            documents = [{argument: len(documents)}] if documents else []
        elif name == "$project":
            documents = [shown(document, argument) for document in documents]
        else:
            raise CommandError(40324, "Location40324", f"Unrecognized pipeline stage name: '{name}'")
    return documents


def shown(document: Document, projection: Document) -> Document:
    """Return what a projection asks for: whole fields, or the beginning of one (``$substrCP``)."""
    if not projection:
        return document
    cut = {name: _beginning(document, how["$substrCP"]) for name, how in projection.items() if isinstance(how, dict)}
    document = document | cut
    wanted = {name for name, on in projection.items() if on and name != "_id"}
    if wanted:
        wanted |= {"_id"} if projection.get("_id", True) else set()
        return {name: value for name, value in document.items() if name in wanted}
    return {name: value for name, value in document.items() if projection.get(name, True)}


def _beginning(document: Document, how: list[Any]) -> str:
    """Return the beginning of a field, given as ``[{"$convert": {"input": "$field", ...}}, 0, length]``."""
    value = at(document, how[0]["$convert"]["input"].removeprefix("$"))
    return "" if value is _MISSING or value is None else str(value)[how[1] : how[1] + how[2]]


def at(document: Any, path: str) -> Any:
    """Return what a document holds at a dotted path."""
    for part in path.split("."):
        if not isinstance(document, dict) or part not in document:
            return _MISSING
        document = document[part]
    return document


def _value_fits(value: Any, wanted: Any) -> bool:
    if not (isinstance(wanted, dict) and any(name.startswith("$") for name in wanted)):
        return _equal(value, wanted)
    for name, argument in wanted.items():
        if name == "$options":
            continue
        if name not in _TESTS:
            raise CommandError(2, "BadValue", f"unknown operator: {name}")
        if not _TESTS[name](value, argument):
            return False
    return True


def _equal(value: Any, wanted: Any) -> bool:
    if value is _MISSING:
        return wanted is None
    return bool(value == wanted) or (isinstance(value, list) and wanted in value)


def _same_type(value: Any, wanted: Any) -> bool:
    numbers = (int, float)
    return (isinstance(value, numbers) and isinstance(wanted, numbers)) or type(value) is type(wanted)


def _rank(value: Any) -> tuple[int, Any]:
    """Return a key that puts values of all types in MongoDB's order."""
    if value is _MISSING or value is None:
        return (0, 0)
    order: tuple[tuple[type | tuple[type, ...], int], ...] = (
        ((int, float), 1),
        (str, 2),
        (ObjectId, 3),
        (datetime, 5),
    )
    for kind, rank in order:
        if isinstance(value, kind):
            return (rank, value.replace(tzinfo=None) if isinstance(value, datetime) else value)
    return (9, str(value))
