from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.cluster.store import ApiError, ObjectStore, labels_fit

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def store() -> ObjectStore:
    store = ObjectStore(lambda: NOW)
    store.create("deployments", "ns", {"metadata": {"name": "a"}, "spec": {"replicas": 1}, "status": {}})
    return store


def test_only_another_spec_is_another_generation(store: ObjectStore) -> None:
    found = store.get("deployments", "ns", "a")
    found["metadata"]["labels"] = {"x": "y"}
    found = store.replace("deployments", "ns", "a", found)
    assert found["metadata"]["generation"] == 1
    found["spec"]["replicas"] = 2
    found = store.replace("deployments", "ns", "a", found)
    assert found["metadata"]["generation"] == 2


def test_what_differs_in_nothing_is_no_change(store: ObjectStore) -> None:
    events = store.listen()
    before = store.version
    store.replace("deployments", "ns", "a", store.get("deployments", "ns", "a"))
    assert store.version == before
    assert events.empty()


def test_a_status_is_written_apart(store: ObjectStore) -> None:
    found = store.get("deployments", "ns", "a") | {"status": {"replicas": 1}, "spec": {"replicas": 7}}
    after = store.replace("deployments", "ns", "a", found, status=True)
    assert (after["status"], after["spec"]) == ({"replicas": 1}, {"replicas": 1})


def test_a_name_is_taken_once(store: ObjectStore) -> None:
    with pytest.raises(ApiError) as caught:
        store.create("deployments", "ns", {"metadata": {"name": "a"}})
    assert caught.value.status == 409


def test_what_a_reader_got_is_the_readers_own(store: ObjectStore) -> None:
    store.get("deployments", "ns", "a")["spec"]["replicas"] = 99
    assert store.get("deployments", "ns", "a")["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("", True),
        ("app=x", True),
        ("app==x", True),
        ("app=y", False),
        ("app!=y", True),
        ("app", True),
        ("!app", False),
        ("other", False),
        ("!other", True),
        ("app in (x, y),tier", True),
        ("app notin (x,y)", False),
        ("tier in (b)", False),
        ("app=x,tier=a", True),
    ],
)
def test_selectors(selector: str, fits: bool) -> None:
    found: dict[str, Any] = {"metadata": {"labels": {"app": "x", "tier": "a"}}}
    assert labels_fit(found, selector) is fits
