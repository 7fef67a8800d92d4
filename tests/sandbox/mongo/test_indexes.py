"""What a real server refuses to build, the stand-in refuses too, with the server's codes."""

from typing import Any

import pytest

from sandbox.mongo.indexes import Indexes
from sandbox.mongo.query import CommandError

PARTIAL: dict[str, Any] = {"partialFilterExpression": {"b": {"$gt": 1}}}
GERMAN: dict[str, Any] = {"collation": {"locale": "de"}}


def index(*key: tuple[str, Any], name: str = "wanted", **options: Any) -> dict[str, Any]:
    return {"key": dict(key or [("a", 1)]), "name": name, **options}


@pytest.fixture
def indexes() -> Indexes:
    made = Indexes()
    make(made, index(name="there"), index(("t", "text"), name="words"))
    return made


def make(indexes: Indexes, *wanted: dict[str, Any]) -> int:
    """Make indexes, and return how many are new."""
    answer = indexes.make({"createIndexes": "c", "indexes": list(wanted)})
    return int(answer["numIndexesAfter"]) - int(answer["numIndexesBefore"])


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (index(), 85),  # the same key under another name
        (index(expireAfterSeconds=60), 85),  # which does not make it another index
        (index(hidden=True), 85),
        (index(collation={"locale": "simple"}), 85),
        (index(name="there", expireAfterSeconds=60), 85),
        (index(("b", 1), name="there"), 86),
        (index(name="there", unique=True), 86),
        (index(("t", "text"), ("u", "text")), 67),
        (index(("b", 1), sparse=True, **PARTIAL), 67),
        (index(("$**", 1), unique=True), 67),
        (index(("b.$**", 1), expireAfterSeconds=60), 67),
        (index(("b", "hashed"), unique=True), 67),
        (index(("b", "2d"), **GERMAN), 67),
        (index(("b", 1), ("c", 1), expireAfterSeconds=60), 67),
        (index(("b", "sideways")), 67),
        (index(("b", 1), uniqe=True), 197),
    ],
)
def test_what_it_refuses(indexes: Indexes, wanted: dict[str, Any], code: int) -> None:
    with pytest.raises(CommandError) as caught:
        make(indexes, wanted)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "wanted",
    [
        index(unique=True),
        index(**PARTIAL),
        index(**GERMAN),
        index(sparse=True),
        index(("a", -1)),
        index(("a", 1), ("_id", 1)),
        index(("b", 1), expireAfterSeconds=60),
        index(("b", 1), hidden=True),
        index(("b", "2dsphere"), ("_id", 1)),
        index(("b", "hashed"), ("_id", 1)),
        index(("$**", 1), wildcardProjection={"b": 1}),
    ],
)
def test_what_it_builds_once_and_keeps_with_its_options(indexes: Indexes, wanted: dict[str, Any]) -> None:
    assert make(indexes, wanted) == 1
    assert make(indexes, wanted) == 0
    kept = next(one for one in indexes.of("c") if one["name"] == "wanted")
    assert kept.items() >= wanted.items()


def test_it_has_at_most_64(indexes: Indexes) -> None:
    for number in range(61):
        make(indexes, index((f"field{number}", 1), name=f"number {number}"))
    with pytest.raises(CommandError, match="too many indexes"):
        make(indexes, index(("b", 1)))
