"""The systems of the platform that the settings name, by the names that steps call them and by type."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Final

from bot.clients.aftermath import Aftermath
from bot.clients.cluster import Cluster
from bot.clients.cluster_configuration import Vault
from bot.clients.cluster_parts import cluster_parts
from bot.clients.cluster_revisions import Revisions
from bot.clients.cluster_workloads import Workloads
from bot.clients.compose import Compose
from bot.clients.compose_changes import ComposePods, ComposeRestarts, ComposeWorkloads
from bot.clients.compose_configuration import ComposeConfiguration
from bot.clients.compose_cronjobs import ComposeCronJobs
from bot.clients.compose_recent import ComposeChanges
from bot.clients.platform import (
    Configuring,
    CronJobReading,
    Platform,
    PodChanging,
    PodReading,
    Restarting,
    WorkloadReading,
)
from bot.clients.platform_changes import ChangeReading
from bot.clients.working_jobs import WorkingJobs
from bot.errors import Refused
from bot.settings import PlatformSettings, RedisSettings

_PROTOCOLS: Final[Mapping[str, type]] = {
    "cluster": Platform,
    "workloads": WorkloadReading,
    "pod_metrics": PodReading,
    "cronjobs": CronJobReading,
    "pods": PodChanging,
    "restarts": Restarting,
    "configuration": Configuring,
    "changes": ChangeReading,
}
_KUBERNETES_ONLY: Final = (Cluster, Workloads, Revisions)


def platform_parts(
    stack: AsyncExitStack,
    settings: tuple[PlatformSettings, RedisSettings],
    vault: Vault,
    *,
    clock: Callable[[], datetime],
) -> dict[str, object]:
    """Return the systems by the names that steps call them; ``stack`` closes what they open.

    In the place of what Docker Compose cannot do stands the ``Refused`` that says so.
    """
    platform, redis = settings
    if platform.platform == "kubernetes":
        cluster = Cluster(platform)
        stack.push_async_callback(cluster.close)
        return {"cluster": cluster} | cluster_parts(stack, settings, vault, clock=clock)
    compose, jobs = Compose(platform, clock), WorkingJobs(redis)
    stack.push_async_callback(compose.close)
    stack.push_async_callback(jobs.close)
    pods = ComposePods(compose.project)
    return {
        "cluster": compose,
        "workloads": ComposeWorkloads(compose.project),
        "restarts": ComposeRestarts(compose.project),
        "revisions": _kubernetes_only(),
        "changes": ComposeChanges(compose.project),
        "configuration": ComposeConfiguration(compose.project, vault),
        "cronjobs": ComposeCronJobs(),
        "pod_metrics": pods,
        "pods": pods,
        "working_jobs": jobs,
        "aftermath": Aftermath(jobs, clock),
    }


def by_type(systems: Mapping[str, object]) -> dict[type, object]:
    """Return the systems by the types that commands ask for: their own, and the protocols of the platform."""
    own = {type(part): part for part in systems.values() if not isinstance(part, Refused)}
    known = {kind: systems[name] for name, kind in _PROTOCOLS.items()}
    refused: dict[type, object] = {kind: _kubernetes_only() for kind in _KUBERNETES_ONLY if kind not in own}
    return {**own, **known, **refused}


def _kubernetes_only() -> Refused:
    message = "Docker Compose keeps no rollout history, so there is nothing to roll back to."
    hint = "What runs is what the compose file says: put the older image in there and run `docker compose up -d`."
    return Refused(message, hint=hint)
