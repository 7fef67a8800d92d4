"""What commands and schedules ask of whatever NovaPulse runs on: Kubernetes and Docker Compose both fulfil it.

A command that asks for one of these works on both; one that asks for a class of ``bot.clients.cluster_*`` works on
Kubernetes only, and is answered elsewhere with the sentence that says why.
"""

from collections.abc import Callable
from typing import Protocol

from pydantic import JsonValue

from bot.clients.cluster_configuration import ConfigMap
from bot.clients.cluster_cronjobs import CronJobState
from bot.clients.cluster_state import Autoscaler, DeploymentState, Feed, PodLog, PodState, Rollout
from bot.clients.cluster_usage import ListedPod, PodUsage
from bot.clients.cluster_workloads import WorkloadObject
from bot.clients.platform_words import Words
from bot.plan import Progress


class Platform(Protocol):
    """Reads the API's and the workers' deployments and scales them; see ``bot.clients.cluster.Cluster``."""

    @property
    def product(self) -> str:
        """What it is, for people: ``Kubernetes`` or ``Docker``."""

    @property
    def words(self) -> Words:
        """What the platform calls its things."""

    def name(self, role: str) -> str:
        """Return what a workload is called on it."""

    async def reachable(self) -> str:
        """Return its version."""

    async def deployment(self, role: str) -> DeploymentState:
        """Return a workload's deployment."""

    async def rollout(self, role: str) -> Rollout:
        """Return how far a workload's rollout is."""

    async def pods(self, role: str) -> list[PodState]:
        """Return a workload's pods."""

    async def autoscalers(self, role: str) -> list[Autoscaler]:
        """Return who would revert a manual scale."""

    async def logs(
        self,
        role: str,
        *,
        tail_lines: int | None = None,
        since_seconds: int | None = None,
        seconds: float = 10.0,
        limit_bytes: int = 1024 * 1024,
    ) -> list[PodLog]:
        """Return the log of every pod, at most ``limit_bytes`` of all together."""

    async def hand_over_logs(
        self,
        role: str,
        feed_of: Callable[[str], Feed],
        *,
        tail_lines: int,
        since_seconds: int,
        seconds: float = 15.0,
    ) -> list[PodLog]:
        """Give the log of every pod to the feed of its name; what is returned says how that went."""

    async def pages(self, role: str, path: str) -> list[PodLog]:
        """Return what each pod answers at this path."""

    async def check_scale(self, role: str, replicas: int) -> None:
        """Raise Refused, before anything is changed, where a workload cannot have that many pods."""

    async def scale(self, role: str, replicas: int, expect_uid: str = "") -> dict[str, JsonValue]:
        """Make a workload have ``replicas``."""

    async def rollout_done(self, role: str) -> Progress:
        """Tell whether a workload is rolled out."""

    async def pods_ready(self, role: str, replicas: int) -> Progress:
        """Tell whether exactly ``replicas`` pods are there and all of them are ready."""


class WorkloadReading(Protocol):
    """Reads the API, the workers and Redis; see ``bot.clients.cluster_workloads.Workloads``."""

    @property
    def words(self) -> Words:
        """What the platform calls its things."""

    def name(self, role: str) -> str:
        """Return what a workload is called on the platform."""

    def kind(self, role: str) -> str:
        """Return its kind in the words of a lock."""

    async def read(self, role: str) -> WorkloadObject:
        """Return a workload."""


class PodReading(Protocol):
    """Lists every pod and what it uses; see ``bot.clients.cluster_usage.PodMetrics``."""

    @property
    def words(self) -> Words:
        """What the platform calls its things."""

    async def pods(self) -> list[ListedPod]:
        """Return every pod, by name."""

    async def usage(self) -> list[PodUsage]:
        """Return what each pod uses."""


class CronJobReading(Protocol):
    """Reads what runs by the clock; see ``bot.clients.cluster_cronjobs.CronJobs``."""

    async def state(self, name: str) -> CronJobState:
        """Return how a CronJob stands; Refused where the platform has none."""


class PodChanging(Protocol):
    """Ends single pods; see ``bot.clients.cluster_pod_changes.PodChanges``."""

    @property
    def words(self) -> Words:
        """What the platform calls its things."""

    async def of(self, role: str) -> list[ListedPod]:
        """Return a workload's pods, those that are leaving left out."""

    async def delete(self, pods: dict[str, str]) -> dict[str, JsonValue]:
        """End these pods (name -> UID)."""

    async def replaced(self, role: str, uids: list[str], replicas: int) -> Progress:
        """Tell whether none of these pods is left and ``replicas`` others are ready."""


class Restarting(Protocol):
    """Restarts workloads gracefully, once a request; see ``bot.clients.cluster_restarts.Restarts``."""

    async def restart(self, role: str, stamp: str, at: str, expect_uid: str) -> dict[str, JsonValue]:
        """Have every pod of a workload replaced or restarted."""

    async def stateful_restarted(self, role: str, stamp: str) -> Progress:
        """Tell whether every pod of Redis is restarted and ready."""


class Configuring(Protocol):
    """Sets variables of workloads; see ``bot.clients.cluster_configuration.Configuration``."""

    @property
    def words(self) -> Words:
        """What the platform calls its things."""

    async def exposure(self, role: str) -> tuple[str, ...]:
        """Say who will be able to read a value that is set, and what else to know; Refused where none can be set."""

    async def config_map(self) -> ConfigMap:
        """Return the settings that are kept in one place, and its name; Refused where none can be set."""

    def caveats(self, role: str) -> tuple[str, ...]:
        """Say what else to know before a setting of a workload is changed."""

    def why_ineffective(self, found: WorkloadObject, role: str, name: str) -> str:
        """Say why changing a key would not reach a workload; empty where it would."""

    def doubts(self, found: WorkloadObject, role: str, name: str) -> tuple[str, ...]:
        """Say what may keep a changed key from reaching a workload."""

    async def set_keys(self, values: dict[str, str], expect_uid: str) -> dict[str, JsonValue]:
        """Make that place hold these values."""

    async def set_variable(self, role: str, name: str, reference: str, expect_uid: str) -> dict[str, JsonValue]:
        """Set a variable of a workload to the value that the vault keeps under this reference."""
