"""The horizontal autoscaler: takes back what somebody scaled by hand."""

from sandbox.cluster.store import Object, ObjectStore, stamp

PERIOD_SECONDS = 15.0


def reconcile(store: ObjectStore, namespace: str) -> None:
    """Set every autoscaled deployment to the number its autoscaler wants, unless it was scaled to zero."""
    for scaler in store.list("horizontalpodautoscalers", namespace):
        target = store.find("deployments", namespace, scaler["spec"]["scaleTargetRef"]["name"])
        if target is None:
            continue
        replicas = int(target["spec"]["replicas"])
        lowest, highest = scaler["spec"].get("minReplicas", 1), scaler["spec"]["maxReplicas"]
        wanted = max(lowest, min(highest, int((scaler.get("status") or {}).get("desiredReplicas", lowest))))
        if replicas not in (0, wanted):
            _scale(store, namespace, target["metadata"]["name"], wanted)
        _report(store, scaler, (target.get("status") or {}).get("replicas", 0), wanted)


def _scale(store: ObjectStore, namespace: str, name: str, wanted: int) -> None:
    def scale(found: Object) -> None:
        found["spec"]["replicas"] = wanted

    store.change("deployments", namespace, name, scale)


def _report(store: ObjectStore, scaler: Object, current: int, wanted: int) -> None:
    usage = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 42}}}
    at = stamp(store.now())

    def report(found: Object) -> None:
        old = found.get("status") or {}
        conditions = old.get("conditions") or [
            {"type": kind, "status": "True", "lastTransitionTime": at} for kind in ("AbleToScale", "ScalingActive")
        ]
        counts = {"currentReplicas": current, "desiredReplicas": wanted, "currentMetrics": [usage]}
        found["status"] = counts | {"conditions": conditions}

    metadata = scaler["metadata"]
    store.change("horizontalpodautoscalers", metadata["namespace"], metadata["name"], report)
