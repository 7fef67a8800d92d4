"""The deployment controller: keeps replica sets, pods and status at what the deployments ask for."""

import json
import math
from datetime import datetime
from typing import Any

from sandbox.cluster.events import note
from sandbox.cluster.pods import active, is_ready, keep_pods, keep_stateful, owned, owner, short_hash
from sandbox.cluster.store import Object, ObjectStore, stamp

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
CHANGE_CAUSE = "kubernetes.io/change-cause"


def reconcile(store: ObjectStore, namespace: str, pace: float) -> None:
    """Bring every deployment and stateful set one step nearer to its spec; ``pace`` shortens the progress deadline."""
    for deployment in store.list("deployments", namespace):
        _Rollout(store, deployment, pace).step()
    for stateful in store.list("statefulsets", namespace):
        keep_stateful(store, stateful)


class _Rollout:
    """One deployment with its replica sets and pods at this moment."""

    def __init__(self, store: ObjectStore, deployment: Object, pace: float) -> None:
        self.store = store
        self.deployment = deployment
        self.spec: Object = deployment["spec"]
        self.namespace: str = deployment["metadata"]["namespace"]
        self.name: str = deployment["metadata"]["name"]
        self.desired: int = self.spec.get("replicas", 1)
        self.pace = pace

    def step(self) -> None:
        new = self._new_set()
        old = [found for found in self._sets() if found["metadata"]["name"] != new["metadata"]["name"]]
        if not self.spec.get("paused"):
            self._scale(new, old)
        for found in self._sets():
            keep_pods(self.store, found)
        self._prune(old)
        self._report(new["metadata"]["name"])

    def _sets(self) -> list[Object]:
        return owned(self.store, "replicasets", self.deployment)

    def _new_set(self) -> Object:
        """Return the replica set of the present template, made or taken up again with the next revision."""
        template = self.spec["template"]
        digest = short_hash(template)
        sets = self._sets()
        latest = max((_revision(found) for found in sets), default=0)
        current = next((found for found in sets if found["metadata"]["labels"][HASH] == digest), None)
        if current is None and self.spec.get("paused") and sets:
            return max(sets, key=_revision)
        if current is None:
            current = self._create_set(digest, latest + 1)
        elif _revision(current) < latest:
            current = self.store.change("replicasets", self.namespace, current["metadata"]["name"], _at(latest + 1))
        wanted = str(_revision(current))
        if (self.deployment["metadata"].get("annotations") or {}).get(REVISION) != wanted:
            self.deployment = self.store.change("deployments", self.namespace, self.name, _at(int(wanted)))
        return current

    def _create_set(self, digest: str, revision: int) -> Object:
        labels = self.spec["template"]["metadata"]["labels"] | {HASH: digest}
        template = json.loads(json.dumps(self.spec["template"]))
        template["metadata"]["labels"] = labels
        metadata = {
            "name": f"{self.name}-{digest}",
            "labels": labels,
            "annotations": self._cause() | {REVISION: str(revision)},
            "ownerReferences": [owner(self.deployment)],
        }
        spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        return self.store.create("replicasets", self.namespace, {"metadata": metadata, "spec": spec, "status": {}})

    def _cause(self) -> dict[str, str]:
        """Return why the deployment was changed, as whoever changed it left it there."""
        annotations: dict[str, str] = self.deployment["metadata"].get("annotations") or {}
        return {name: annotations[name] for name in (CHANGE_CAUSE,) if name in annotations}

    def _scale(self, new: Object, old: list[Object]) -> None:
        surge, unavailable = self._bounds()
        sizes = {found["metadata"]["name"]: int(found["spec"]["replicas"]) for found in [new, *old]}
        ready = {name: self._ready(name) for name in sizes}
        of_new = new["metadata"]["name"]
        total = sum(sizes.values())
        if not old or all(sizes[found["metadata"]["name"]] == 0 for found in old):
            self._resize(of_new, self.desired)
            return
        grown = min(self.desired, sizes[of_new] + max(0, self.desired + surge - total))
        self._resize(of_new, grown)
        lowest = self.desired - unavailable
        spare = total + grown - sizes[of_new] - lowest - (grown - min(grown, ready[of_new]))
        for found in sorted(old, key=_revision):
            name = found["metadata"]["name"]
            broken = max(0, min(spare, sizes[name] - ready[name]))
            healthy = max(0, min(spare - broken, sizes[name] - broken, sum(ready.values()) - lowest))
            self._resize(name, sizes[name] - broken - healthy)
            ready[name] -= healthy
            spare -= broken + healthy

    def _bounds(self) -> tuple[int, int]:
        rolling = (self.spec.get("strategy") or {}).get("rollingUpdate") or {}
        surge = _share(rolling.get("maxSurge", "25%"), self.desired, math.ceil)
        unavailable = _share(rolling.get("maxUnavailable", "25%"), self.desired, math.floor)
        return (surge, unavailable) if surge or unavailable else (0, 1)

    def _ready(self, name: str) -> int:
        return sum(map(is_ready, self._pods(name)))

    def _pods(self, name: str) -> list[Object]:
        found = self.store.find("replicasets", self.namespace, name)
        return active(owned(self.store, "pods", found)) if found else []

    def _resize(self, name: str, replicas: int) -> None:
        def resize(found: Object) -> None:
            found["spec"]["replicas"] = replicas

        before = self.store.get("replicasets", self.namespace, name)["spec"]["replicas"]
        self.store.change("replicasets", self.namespace, name, resize)
        if before != replicas:
            way = "up" if replicas > before else "down"
            message = f"Scaled {way} replica set {name} from {before} to {replicas}"
            note(self.store, self.deployment, "ScalingReplicaSet", message)

    def _prune(self, old: list[Object]) -> None:
        empty = [found for found in old if found["spec"]["replicas"] == 0]
        keep = self.spec.get("revisionHistoryLimit", 10)
        for found in sorted(empty, key=_revision)[: max(0, len(empty) - keep)]:
            self.store.remove("replicasets", self.namespace, found["metadata"]["name"])

    def _report(self, newest: str) -> None:
        pods = [pod for found in self._sets() for pod in self._pods(found["metadata"]["name"])]
        ready = sum(map(is_ready, pods))
        counts = {
            "replicas": len(pods),
            "updatedReplicas": len(self._pods(newest)),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, max(self.desired, len(pods)) - ready),
        }
        now = self.store.now()

        def report(found: Object) -> None:
            old = found.get("status") or {}
            conditions = self._conditions(counts, old, now)
            told = {name: count for name, count in counts.items() if count}  # the real one leaves out zeros too
            found["status"] = {"observedGeneration": found["metadata"]["generation"], **told, "conditions": conditions}

        self.store.change("deployments", self.namespace, self.name, report)

    def _conditions(self, counts: dict[str, int], old: Object, now: datetime) -> list[Object]:
        _, unavailable = self._bounds()
        enough = counts["readyReplicas"] >= self.desired - unavailable
        why = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
        before = {found["type"]: found for found in old.get("conditions", ())}
        moved = any(old.get(name, 0) != count for name, count in counts.items())
        full = (self.desired, self.desired, self.desired)
        done = (counts["updatedReplicas"], counts["availableReplicas"], counts["replicas"]) == full
        last = before.get("Progressing")
        reason, status = ("NewReplicaSetAvailable", "True") if done else ("ReplicaSetUpdated", "True")
        if not done and not moved and last is not None and self._late(last, now):
            reason, status = "ProgressDeadlineExceeded", "False"
        return [
            _condition(before.get("Available"), ("Available", str(enough), why), now, moved=False),
            _condition(last, ("Progressing", status, reason), now, moved=moved),
        ]

    def _late(self, condition: Object, now: datetime) -> bool:
        if condition["reason"] == "ProgressDeadlineExceeded":
            return True
        limit = self.spec.get("progressDeadlineSeconds", 600) / self.pace
        waited = now - datetime.fromisoformat(condition["lastUpdateTime"])
        return bool(waited.total_seconds() > limit)


def _revision(found: Object) -> int:
    return int((found["metadata"].get("annotations") or {}).get(REVISION, 0))


def _at(revision: int) -> Any:
    def annotate(found: Object) -> None:
        found["metadata"].setdefault("annotations", {})[REVISION] = str(revision)

    return annotate


def _share(value: int | str, of: int, rounded: Any) -> int:
    return int(rounded(int(value.rstrip("%")) * of / 100)) if isinstance(value, str) and "%" in value else int(value)


def _condition(before: Object | None, now_is: tuple[str, str, str], now: datetime, *, moved: bool) -> Object:
    kind, status, reason = now_is
    same = before is not None and before["status"] == status
    unmoved = before is not None and same and before["reason"] == reason and not moved
    at = stamp(now)
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "lastTransitionTime": before["lastTransitionTime"] if before and same else at,
        "lastUpdateTime": before["lastUpdateTime"] if before and unmoved else at,
    }
