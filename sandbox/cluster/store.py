"""The objects of the cluster with their versions, as its API server keeps them."""

import asyncio
import copy
import itertools
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.cluster.resources import RESOURCES

Object = dict[str, Any]
REMEMBERED_EVENTS = 5000
WITHOUT_GENERATION = frozenset({"pods", "configmaps", "secrets", "services", "events"})


class ApiError(Exception):
    """What the API answers instead: an HTTP status, Kubernetes' word for it and a sentence."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Event:
    """One change: ``kind`` is ADDED, MODIFIED or DELETED, ``version`` the resource version it made."""

    kind: str
    resource: str
    version: int
    object: Object


class ObjectStore:
    """Every object by resource, namespace and name; each change has a new resource version and is announced."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.version = 1000
        self.history: deque[Event] = deque(maxlen=REMEMBERED_EVENTS)
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._listeners: set[asyncio.Queue[Event]] = set()

    def listen(self) -> asyncio.Queue[Event]:
        """Return a queue that gets every change from now on; give it to ``unlisten`` in the end."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def unlisten(self, queue: asyncio.Queue[Event]) -> None:
        """Stop filling a queue."""
        self._listeners.discard(queue)

    def find(self, resource: str, namespace: str, name: str) -> Object | None:
        """Return an object, or None."""
        found = self._objects.get((resource, namespace, name))
        return copy.deepcopy(found) if found is not None else None

    def get(self, resource: str, namespace: str, name: str) -> Object:
        """Return an object; raises ``ApiError`` 404."""
        found = self.find(resource, namespace, name)
        if found is None:
            group = RESOURCES[resource].group
            full = f"{resource}.{group}" if group else resource
            raise ApiError(404, "NotFound", f'{full} "{name}" not found')
        return found

    def list(self, resource: str, namespace: str | None) -> list[Object]:
        """Return the objects of a resource in a namespace, or in all."""
        return [
            copy.deepcopy(found)
            for (of, where, _), found in sorted(self._objects.items())
            if of == resource and namespace in (None, where)
        ]

    def create(self, resource: str, namespace: str, new: Object) -> Object:
        """Store a new object and return it with what the server adds; raises ``ApiError`` 409."""
        kind = RESOURCES[resource]
        new = copy.deepcopy(new)
        metadata = new.setdefault("metadata", {})
        name = metadata["name"]
        if (resource, namespace, name) in self._objects:
            raise ApiError(409, "AlreadyExists", f'{resource} "{name}" already exists')
        metadata |= {"namespace": namespace, "uid": str(uuid.uuid4()), "creationTimestamp": stamp(self.now())}
        if resource not in WITHOUT_GENERATION:
            metadata["generation"] = 1
        new |= {"apiVersion": kind.api_version, "kind": kind.kind}
        return self._keep("ADDED", resource, new)

    def replace(self, resource: str, namespace: str, name: str, new: Object, *, status: bool = False) -> Object:
        """Store an object again, only its status or all but its status.

        A resource version in ``new`` must be the present one, else ``ApiError`` 409. Nothing happens when nothing
        differs; a different spec is a new generation.
        """
        old = self.get(resource, namespace, name)
        wanted = (new.get("metadata") or {}).get("resourceVersion")
        if wanted not in (None, old["metadata"]["resourceVersion"]):
            text = f'Operation cannot be fulfilled on {resource} "{name}": the object has been modified'
            raise ApiError(409, "Conflict", f"{text}; please apply your changes to the latest version and try again")
        if status:
            merged = old | {"status": copy.deepcopy(new.get("status", {}))}
        else:
            merged = copy.deepcopy(new) | ({"status": old["status"]} if "status" in old else {})
            kept = ("namespace", "name", "uid", "creationTimestamp", "resourceVersion", "generation")
            merged["metadata"] = merged.get("metadata", {}) | _only(old["metadata"], kept)
        if merged == old:
            return old
        if merged.get("spec") != old.get("spec") and resource not in WITHOUT_GENERATION:
            merged["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return self._keep("MODIFIED", resource, merged)

    def change(self, resource: str, namespace: str, name: str, act: Callable[[Object], None]) -> Object:
        """Let ``act`` edit an object, spec, metadata and status alike, as a controller does."""
        new = self.get(resource, namespace, name)
        act(new)
        self.replace(resource, namespace, name, new)
        new["metadata"].pop("resourceVersion", None)
        return self.replace(resource, namespace, name, new, status=True) if "status" in new else new

    def mark_deleted(self, resource: str, namespace: str, name: str, grace: int) -> Object:
        """Ask for the end of an object that needs time to end: a pod."""

        def mark(found: Object) -> None:
            found["metadata"].setdefault("deletionTimestamp", stamp(self.now()))
            found["metadata"]["deletionGracePeriodSeconds"] = grace

        return self.change(resource, namespace, name, mark)

    def remove(self, resource: str, namespace: str, name: str) -> None:
        """Take an object out; nothing happens when it is gone."""
        found = self._objects.pop((resource, namespace, name), None)
        if found is not None:
            self.version += 1
            self._announce(Event("DELETED", resource, self.version, found))

    def _keep(self, kind: str, resource: str, new: Object) -> Object:
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        self._objects[resource, new["metadata"]["namespace"], new["metadata"]["name"]] = new
        self._announce(Event(kind, resource, self.version, copy.deepcopy(new)))
        return copy.deepcopy(new)

    def _announce(self, event: Event) -> None:
        self.history.append(event)
        for queue in self._listeners:
            queue.put_nowait(event)


def stamp(moment: datetime) -> str:
    """Return a moment as Kubernetes writes it, in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def labels_fit(found: Object, selector: str) -> bool:
    """Say whether an object has the labels of a selector such as ``app=x,tier!=y,z in (a, b)`` or ``name``."""
    labels = found["metadata"].get("labels") or {}
    return all(_term_fits(labels, term.strip()) for term in _terms(selector))


def _terms(selector: str) -> Iterable[str]:
    depth = itertools.accumulate((char == "(") - (char == ")") for char in selector)
    text = "".join("\n" if char == "," and level == 0 else char for char, level in zip(selector, depth, strict=True))
    return filter(None, text.split("\n"))


def _term_fits(labels: dict[str, str], term: str) -> bool:
    for word, negative in ((" notin ", True), (" in ", False)):
        if word in term:
            key, _, values = term.partition(word)
            listed = {value.strip() for value in values.strip(" ()").split(",")}
            return (labels.get(key.strip()) in listed) is not negative
    if "!=" in term:
        key, _, value = term.partition("!=")
        return labels.get(key.strip()) != value.strip()
    if "=" in term:
        key, _, value = term.replace("==", "=").partition("=")
        return labels.get(key.strip()) == value.strip()
    return term.lstrip("!") not in labels if term.startswith("!") else term in labels


def _only(found: Object, names: Iterable[str]) -> Object:
    return {name: found[name] for name in names if name in found}
