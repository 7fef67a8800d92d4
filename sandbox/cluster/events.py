"""Events as the controllers write them about what they do, kept for an hour as a cluster does by default."""

import uuid
from datetime import datetime, timedelta

from sandbox.cluster.store import Object, ObjectStore, stamp

KEPT = timedelta(hours=1)


def note(store: ObjectStore, about: Object, reason: str, message: str) -> None:
    """Write one event about an object."""
    metadata, at = about["metadata"], stamp(store.now())
    names = {name: metadata[name] for name in ("name", "namespace", "uid")}
    event = {
        "metadata": {"name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}"},
        "involvedObject": {"kind": about["kind"], "apiVersion": about["apiVersion"], **names},
        "reason": reason,
        "message": message,
        "type": "Normal",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "source": {"component": "deployment-controller"},
    }
    store.create("events", metadata["namespace"], event)
    _forget(store, metadata["namespace"])


def _forget(store: ObjectStore, namespace: str) -> None:
    oldest = store.now() - KEPT
    for event in store.list("events", namespace):
        if datetime.fromisoformat(event["lastTimestamp"]) < oldest:
            store.remove("events", namespace, event["metadata"]["name"])
