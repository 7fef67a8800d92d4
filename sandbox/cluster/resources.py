"""Which resources the cluster's API knows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """A namespaced resource: its API group and version, and the kind of its objects."""

    group: str
    version: str
    kind: str

    @property
    def api_version(self) -> str:
        """Return what an object of it states as its ``apiVersion``."""
        return f"{self.group}/{self.version}" if self.group else self.version


RESOURCES = {
    "pods": Resource("", "v1", "Pod"),
    "configmaps": Resource("", "v1", "ConfigMap"),
    "secrets": Resource("", "v1", "Secret"),
    "services": Resource("", "v1", "Service"),
    "events": Resource("", "v1", "Event"),
    "deployments": Resource("apps", "v1", "Deployment"),
    "replicasets": Resource("apps", "v1", "ReplicaSet"),
    "statefulsets": Resource("apps", "v1", "StatefulSet"),
    "cronjobs": Resource("batch", "v1", "CronJob"),
    "jobs": Resource("batch", "v1", "Job"),
    "horizontalpodautoscalers": Resource("autoscaling", "v2", "HorizontalPodAutoscaler"),
}
