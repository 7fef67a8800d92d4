from typing import Any

import pytest

from sandbox.cluster.patches import JSON, MERGE, STRATEGIC, patched
from sandbox.cluster.store import ApiError

FOUND: dict[str, Any] = {
    "a": 1,
    "containers": [{"name": "api", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "side", "image": "1"}],
}


def test_a_strategic_patch_finds_containers_by_name() -> None:
    patch = {"containers": [{"name": "api", "image": "2", "env": [{"name": "Y", "value": "2"}]}]}
    result = patched(FOUND, patch, STRATEGIC)
    assert [found["image"] for found in result["containers"]] == ["2", "1"]
    assert [found["name"] for found in result["containers"][0]["env"]] == ["X", "Y"]
    assert FOUND["containers"][0]["image"] == "1"


def test_a_strategic_patch_deletes_by_name() -> None:
    patch = {"containers": [{"name": "side", "$patch": "delete"}], "a": None}
    result = patched(FOUND, patch, STRATEGIC)
    assert [found["name"] for found in result["containers"]] == ["api"]
    assert "a" not in result


def test_a_merge_patch_replaces_lists() -> None:
    assert patched(FOUND, {"containers": [], "b": {"c": 1}}, MERGE) == {"a": 1, "containers": [], "b": {"c": 1}}


def test_a_json_patch_follows_its_paths() -> None:
    operations = [
        {"op": "test", "path": "/a", "value": 1},
        {"op": "replace", "path": "/containers/0/image", "value": "3"},
        {"op": "add", "path": "/labels", "value": {}},
        {"op": "add", "path": "/labels/a~1b", "value": "c"},
        {"op": "remove", "path": "/containers/1"},
        {"op": "add", "path": "/containers/-", "value": {"name": "new"}},
    ]
    result = patched(FOUND, operations, JSON)
    assert [found["name"] for found in result["containers"]] == ["api", "new"]
    assert result["labels"] == {"a/b": "c"}


@pytest.mark.parametrize(
    ("patch", "kind", "status"),
    [
        ({}, "application/apply-patch+yaml", 415),
        ([], MERGE, 400),
        ({}, JSON, 400),
        ([{"op": "replace", "path": "/nope", "value": 1}], JSON, 422),
        ([{"op": "test", "path": "/a", "value": 2}], JSON, 422),
        ([{"op": "move", "path": "/a"}], JSON, 422),
        ({"containers": [{"image": "2"}]}, STRATEGIC, 422),
    ],
)
def test_what_does_not_fit_is_refused(patch: object, kind: str, status: int) -> None:
    with pytest.raises(ApiError) as caught:
        patched(FOUND, patch, kind)
    assert caught.value.status == status
