"""Pods as their controllers see them: made, counted and ended."""

import random

from sandbox.cluster.store import Object, ObjectStore

LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # the ones Kubernetes makes names from: no vowels, nothing that looks alike


def keep_pods(store: ObjectStore, parent: Object) -> None:
    """Make or end pods of a replica set until there are as many as it asks for, and report how many there are."""
    namespace = parent["metadata"]["namespace"]
    pods = active(owned(store, "pods", parent))
    wanted = store.get("replicasets", namespace, parent["metadata"]["name"])["spec"]["replicas"]
    for _ in range(wanted - len(pods)):
        suffix = "".join(random.choices(LETTERS, k=5))
        store.create("pods", namespace, new_pod(parent, f"{parent['metadata']['name']}-{suffix}"))
    # The ones that are not ready go first, then the youngest: the real controller's order.
    doomed = sorted(pods, key=lambda pod: (is_ready(pod), -int(pod["metadata"]["resourceVersion"])))
    for pod in doomed[: max(0, len(pods) - wanted)]:
        store.mark_deleted("pods", namespace, pod["metadata"]["name"], 30)
    pods = active(owned(store, "pods", parent))
    ready = sum(map(is_ready, pods))

    def report(found: Object) -> None:
        counts = {"replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
        found["status"] = {"observedGeneration": found["metadata"]["generation"]} | counts

    store.change("replicasets", namespace, parent["metadata"]["name"], report)


def keep_stateful(store: ObjectStore, stateful: Object) -> None:
    """Keep the numbered pods of a stateful set."""
    namespace, name = stateful["metadata"]["namespace"], stateful["metadata"]["name"]
    wanted = stateful["spec"]["replicas"]
    for index in range(wanted):
        if store.find("pods", namespace, f"{name}-{index}") is None:
            store.create("pods", namespace, new_pod(stateful, f"{name}-{index}"))
    pods = owned(store, "pods", stateful)
    for pod in active(pods):
        if int(pod["metadata"]["name"].rpartition("-")[2]) >= wanted:
            store.mark_deleted("pods", namespace, pod["metadata"]["name"], 30)
    ready = sum(map(is_ready, active(pods)))

    def report(found: Object) -> None:
        counts = {"replicas": len(active(pods)), "readyReplicas": ready, "currentReplicas": len(active(pods))}
        found["status"] = {"observedGeneration": found["metadata"]["generation"]} | counts

    store.change("statefulsets", namespace, name, report)


def new_pod(parent: Object, name: str) -> Object:
    """Return a pod of a replica set or stateful set, not started yet."""
    template = parent["spec"]["template"]
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    containers = [container_status(found, waiting, ready=False) for found in template["spec"]["containers"]]
    metadata = template["metadata"] | {"name": name, "ownerReferences": [owner(parent)]}
    status = {"phase": "Pending", "containerStatuses": containers}
    return {"metadata": metadata, "spec": template["spec"], "status": status}


def container_status(container: Object, state: Object, *, ready: bool, restarts: int = 0) -> Object:
    """Return how a container is, with all that the API always tells."""
    image = container["image"]
    known = {"name": container["name"], "image": image, "imageID": f"{image.partition(':')[0]}@sha256:5a6f"}
    return known | {"state": state, "lastState": {}, "ready": ready, "started": ready, "restartCount": restarts}


def owner(parent: Object) -> Object:
    """Return the reference that says who made an object."""
    metadata = parent["metadata"]
    about = {"apiVersion": parent["apiVersion"], "kind": parent["kind"], "name": metadata["name"]}
    return about | {"uid": metadata["uid"], "controller": True}


def owned(store: ObjectStore, resource: str, parent: Object) -> list[Object]:
    """Return the objects that ``parent`` made."""
    uid = parent["metadata"]["uid"]
    found = store.list(resource, parent["metadata"]["namespace"])
    return [each for each in found if any(ref["uid"] == uid for ref in each["metadata"].get("ownerReferences", ()))]


def active(pods: list[Object]) -> list[Object]:
    """Return the pods that nobody asked to end."""
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Object) -> bool:
    """Say whether a pod has its Ready condition."""
    conditions = (pod.get("status") or {}).get("conditions", ())
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)
