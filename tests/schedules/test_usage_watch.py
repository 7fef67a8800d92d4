"""What pods use of their limits: per pod, without those that have none, and unknown where nobody measures."""

from typing import Any

from bot.clients.cluster_usage import PodMetrics
from bot.clients.cluster_workloads import Workloads
from bot.schedule import Observation
from bot.settings import PlatformSettings
from bot.stores.samples import Samples
from schedules.usage_watch import usage_watch
from tests.clients.kubernetes_server import PODS, pod, status
from tests.schedules.conftest import NOW, Systems

USAGE = "GET /apis/metrics.k8s.io/v1beta1/namespaces/novapulse/pods"
LIMITS = {"resources": {"limits": {"memory": "512Mi", "cpu": "500m"}}}


def named(name: str, *containers: dict[str, Any]) -> dict[str, Any]:
    return pod(name, spec={"containers": list(containers), "nodeName": "node-a"})


def usage(name: str, memory: str, cpu: str) -> dict[str, Any]:
    container = {"name": "worker", "usage": {"memory": memory, "cpu": cpu}}
    return {"metadata": {"name": name}, "timestamp": "2026-07-01T08:00:00Z", "containers": [container]}


async def observe(systems: Systems) -> list[Observation]:
    workloads = Workloads(PlatformSettings(kubeconfig=systems.kubeconfig), systems.connection)
    found = await usage_watch.handler(PodMetrics(workloads), Samples(systems.database), NOW)
    assert isinstance(found, list)
    return found
