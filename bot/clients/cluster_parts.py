"""What changes the cluster beyond a deployment's scale, made over one connection."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime

from bot.clients.aftermath import Aftermath
from bot.clients.cluster_changes import ClusterChanges
from bot.clients.cluster_configuration import Configuration, Vault
from bot.clients.cluster_connection import ClusterConnection
from bot.clients.cluster_cronjobs import CronJobs
from bot.clients.cluster_pod_changes import PodChanges
from bot.clients.cluster_restarts import Restarts
from bot.clients.cluster_revisions import Revisions
from bot.clients.cluster_usage import PodMetrics
from bot.clients.cluster_workloads import Workloads
from bot.clients.working_jobs import WorkingJobs
from bot.settings import PlatformSettings, RedisSettings


def cluster_parts(
    stack: AsyncExitStack,
    settings: tuple[PlatformSettings, RedisSettings],
    vault: Vault,
    *,
    clock: Callable[[], datetime],
) -> dict[str, object]:
    """Return the systems by the names that steps call them; ``stack`` closes what they open."""
    platform, redis = settings
    connection, jobs = ClusterConnection(platform), WorkingJobs(redis)
    stack.push_async_callback(connection.close)
    stack.push_async_callback(jobs.close)
    workloads = Workloads(platform, connection)
    metrics = PodMetrics(workloads)
    pods, revisions = PodChanges(workloads, metrics, jobs), Revisions(workloads)
    return {
        "workloads": workloads,
        "restarts": Restarts(workloads),
        "revisions": revisions,
        "changes": ClusterChanges(workloads, revisions),
        "configuration": Configuration(workloads, vault),
        "cronjobs": CronJobs(workloads),
        "pod_metrics": metrics,
        "pods": pods,
        "working_jobs": jobs,
        "aftermath": Aftermath(jobs, clock),
    }
