"""The objects NovaPulse consists of, as they are when the sandbox starts (``field-notes`` section 6)."""

import base64
from typing import Any

from sandbox.cluster.store import Object, ObjectStore

NAMESPACE = "novapulse"
API = "novapulse-api"
WORKER = "novapulse-worker"
BACKUP = "mongo-backup"
IMAGES = {"api": "registry.novapulse.example/api:2.14.0", "worker": "registry.novapulse.example/worker:2.14.0"}
API_REPLICAS = 3
WORKER_REPLICAS = 2


def create_all(store: ObjectStore, addresses: dict[str, str]) -> None:
    """Store what NovaPulse's manifests declare; ``addresses`` become the Secret's content."""
    store.create("configmaps", NAMESPACE, _configuration())
    store.create("secrets", NAMESPACE, _secret(addresses))
    for name, port in ((API, 3000), ("redis", 6379), ("mongodb", 27017)):
        spec = {"selector": {"app": name}, "ports": [{"port": port}], "type": "ClusterIP"}
        store.create("services", NAMESPACE, {"metadata": {"name": name}, "spec": spec})
    store.create("deployments", NAMESPACE, _deployment(API, "api", API_REPLICAS))
    store.create("deployments", NAMESPACE, _deployment(WORKER, "worker", WORKER_REPLICAS))
    store.create("statefulsets", NAMESPACE, _redis())
    store.create("horizontalpodautoscalers", NAMESPACE, _autoscaler())
    store.create("cronjobs", NAMESPACE, _backup())


def _configuration() -> Object:
    data = {"QUEUE_CONCURRENCY": "5", "NODE_ENV": "production", "LOG_LEVEL": "info"}
    return {"metadata": {"name": "novapulse-config"}, "data": data}


def _secret(addresses: dict[str, str]) -> Object:
    data = {name: base64.b64encode(value.encode()).decode() for name, value in addresses.items()}
    return {"metadata": {"name": "novapulse-secrets"}, "type": "Opaque", "data": data}


def _deployment(name: str, container: str, replicas: int) -> Object:
    labels = {"app": name}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(container, IMAGES[container])},
        },
        "status": {},
    }


def _pod_spec(container: str, image: str) -> Object:
    limits = {"memory": "512Mi", "cpu": "500m"}
    return {
        "containers": [
            {
                "name": container,
                "image": image,
                "envFrom": [
                    {"configMapRef": {"name": "novapulse-config"}},
                    {"secretRef": {"name": "novapulse-secrets"}},
                ],
                "resources": {"limits": limits, "requests": {"memory": "256Mi", "cpu": "250m"}},
            }
        ],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
    }


def _redis() -> Object:
    labels = {"app": "redis"}
    return {
        "metadata": {"name": "redis", "labels": labels},
        "spec": {
            "replicas": 1,
            "serviceName": "redis",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec("redis", "redis:7.2-alpine")},
        },
        "status": {},
    }


def _autoscaler() -> Object:
    target: dict[str, Any] = {"type": "Utilization", "averageUtilization": 70}
    return {
        "metadata": {"name": f"{API}-hpa"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": API},
            "minReplicas": 3,
            "maxReplicas": 10,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
        "status": {"currentReplicas": API_REPLICAS, "desiredReplicas": API_REPLICAS},
    }


def _backup() -> Object:
    dump = {"name": "dump", "image": "mongo:7", "command": ["sh", "-c", "mongodump --uri=$MONGO_URI --out=/backup"]}
    pod = {"containers": [dump], "restartPolicy": "Never"}
    return {
        "metadata": {"name": BACKUP},
        "spec": {
            "schedule": "0 2 * * *",
            "concurrencyPolicy": "Forbid",
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
            "suspend": False,
            "jobTemplate": {"spec": {"backoffLimit": 2, "template": {"spec": pod}}},
        },
        "status": {},
    }
