"""Pods as their controllers see them: made, counted and ended."""

import hashlib
import json
import random

from sandbox.cluster.store import Object, ObjectStore

LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # the ones Kubernetes makes names from: no vowels, nothing that looks alike
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
REVISION_HASH = "controller-revision-hash"


def keep_pods(store: ObjectStore, parent: Object) -> None:
    """Make or end pods of a replica set until there are as many as it asks for, and report how many there are."""
    namespace = parent["metadata"]["namespace"]
    pods = active(owned(store, "pods", parent))
    wanted = store.get("replicasets", namespace, parent["metadata"]["name"])["spec"]["replicas"]
    for _ in range(wanted - len(pods)):
        suffix = "".join(random.choices(LETTERS, k=5))
        store.create("pods", namespace, new_pod(parent, f"{parent['metadata']['name']}-{suffix}"))
    # The ones that are not ready go first, then the cheapest to lose, then the youngest: the real controller's order.
    doomed = sorted(pods, key=lambda pod: (is_ready(pod), _cost(pod), -int(pod["metadata"]["resourceVersion"])))
    for pod in doomed[: max(0, len(pods) - wanted)]:
        store.mark_deleted("pods", namespace, pod["metadata"]["name"], 30)
    pods = active(owned(store, "pods", parent))
    ready = sum(map(is_ready, pods))

    def report(found: Object) -> None:
        counts = {"replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
        found["status"] = {"observedGeneration": found["metadata"]["generation"]} | counts

    store.change("replicasets", namespace, parent["metadata"]["name"], report)


def keep_stateful(store: ObjectStore, stateful: Object) -> None:
    """Keep the numbered pods of a stateful set, each of the present template, replaced one at a time."""
    namespace, name = stateful["metadata"]["namespace"], stateful["metadata"]["name"]
    wanted, revision = stateful["spec"]["replicas"], f"{name}-{short_hash(stateful['spec']['template'])}"
    for index in range(wanted):
        if store.find("pods", namespace, f"{name}-{index}") is None:
            pod = new_pod(stateful, f"{name}-{index}")
            pod["metadata"]["labels"] = pod["metadata"]["labels"] | {REVISION_HASH: revision}
            store.create("pods", namespace, pod)
    pods = active(owned(store, "pods", stateful))
    surplus = [pod for pod in pods if int(pod["metadata"]["name"].rpartition("-")[2]) >= wanted]
    old = [pod for pod in pods if pod["metadata"]["labels"].get(REVISION_HASH) != revision]
    # The next one goes when all are ready again; the highest number goes first.
    next_one = old[-1:] if all(map(is_ready, pods)) and len(pods) == wanted else []
    for pod in surplus or next_one:
        store.mark_deleted("pods", namespace, pod["metadata"]["name"], 30)
    _report_stateful(store, stateful, revision)


def _report_stateful(store: ObjectStore, stateful: Object, revision: str) -> None:
    metadata = stateful["metadata"]
    pods = active(owned(store, "pods", stateful))
    updated = [pod for pod in pods if pod["metadata"]["labels"].get(REVISION_HASH) == revision]
    counts = {"replicas": len(pods), "readyReplicas": sum(map(is_ready, pods)), "updatedReplicas": len(updated)}

    def report(found: Object) -> None:
        before = (found.get("status") or {}).get("currentRevision", revision)
        current = revision if len(updated) == stateful["spec"]["replicas"] else before
        revisions = {"currentRevision": current, "updateRevision": revision}
        found["status"] = {"observedGeneration": metadata["generation"]} | counts | revisions

    store.change("statefulsets", metadata["namespace"], metadata["name"], report)


def short_hash(template: Object) -> str:
    """Return a word for a pod template, the same one for an equal template."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:10])


def _cost(pod: Object) -> int:
    return int((pod["metadata"].get("annotations") or {}).get(DELETION_COST, 0))


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
