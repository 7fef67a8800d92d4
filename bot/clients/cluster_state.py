"""What the bot says about the workloads: plain data, the same for every platform NovaPulse runs on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from bot.errors import NotFound
from bot.nearest import nearest, shown
from bot.sentence import sentence

Workload = Literal["api", "worker"]
WORKLOADS: Final[tuple[Workload, ...]] = ("api", "worker")
# Takes a log piece by piece; the next one comes when it has returned.
Feed = Callable[[bytes], Awaitable[None]]
_EVICTED: Final = "Evicted"
Owner = Literal["HPA", "KEDA", "GitOps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition of a deployment, such as Progressing, with the controller's own words masked."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentState:
    """A deployment as it was read.

    ``replicas`` is what is wanted, ``total`` what exists. The counts below ``total`` are the controller's, and old
    while ``observed_generation`` is behind ``generation``.
    """

    name: str
    uid: str
    resource_version: str
    replicas: int
    total: int
    ready: int
    updated: int
    available: int
    unavailable: int
    generation: int
    observed_generation: int
    revision: int | None
    image: str
    paused: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The last restart of a pod's own container: when the one before it ended (None where unknown), how, which it was.

    It is no restart yet while the container waits for one: ``waits`` says so.
    """

    at: datetime | None
    reason: str
    count: int
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a pod ended whose object is still there, such as Evicted, and when (None where the cluster does not tell).

    Nothing runs in it and nothing will; the cluster keeps the object for weeks.
    """

    at: datetime | None
    reason: str

    @property
    def takes_its_log(self) -> bool:
        """Whether its node removed the containers as well, so that nobody needs to ask for their log."""
        return self.reason == _EVICTED


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    """A pod as it was read.

    ``waiting`` says why a container of it does not run (CrashLoopBackOff), ``last_restart_reason`` how the last
    one ended (OOMKilled) and ``last_restart_at`` when; the first two are empty where the cluster gave no reason.
    ``restart`` is of the ``container`` alone. Pods that are ``terminating`` or have an ``ending`` no longer count.
    """

    name: str
    uid: str
    phase: str
    ready: bool
    terminating: bool
    restarts: int
    last_restart_reason: str
    waiting: str
    started_at: datetime | None
    node: str
    deletion_cost: int
    container: str
    last_restart_at: datetime | None = None
    restart: Restart | None = None
    ending: Ending | None = None

    @property
    def is_present(self) -> bool:
        """Whether it counts, as its ReplicaSet counts."""
        return not self.terminating and self.ending is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaler:
    """Who would revert a manual scale, or why that is unknown: then ``problem`` is set and ``name`` is empty."""

    kind: Owner
    name: str = ""
    minimum: int | None = None
    maximum: int | None = None
    problem: str = ""

    def sentence(self) -> str:
        """Say it to the people who decide."""
        if self.problem:
            return sentence(f"Whether {self.kind} owns the replicas is unknown: {self.problem}")
        if self.minimum is None and self.maximum is None:
            return f"{self.kind} ({self.name}) owns this deployment and may revert a manual scale."
        return f"{self.kind} {self.name} keeps it between {self.minimum} and {self.maximum} and reverts a manual scale."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How far a rollout is; ``stalled`` means that it passed its progress deadline and will not end by itself."""

    done: bool
    stalled: bool
    message: str
    ready: int
    updated: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PodLog:
    """The log of one pod: ``data`` is None where it could not be read, and ``problem`` says why.

    ``cut`` is true where the byte limit was reached, so that newer lines may be missing. ``before_restart`` marks the
    log that the container wrote before its last ``restart``. Before ``started_at`` there was no such pod, and since
    its ``ending`` nothing writes it.
    """

    pod: str
    data: bytes | None
    cut: bool = False
    problem: str = ""
    before_restart: bool = False
    restart: Restart | None = None
    started_at: datetime | None = None
    ending: Ending | None = None

    @property
    def is_unread(self) -> bool:
        """Whether it could not be read and should be there to read."""
        return self.data is None and self.ending is None

    @property
    def is_gone(self) -> bool:
        """Whether there is none any more, as of a pod that has ended."""
        return self.data is None and self.ending is not None

    @property
    def name(self) -> str:
        """Tell it from every other log, also from the same pod's before its restart."""
        return f"{self.pod} before its restart" if self.before_restart else self.pod


def workload(name: str) -> Workload:
    """Return the workload of that name; raise UsageError naming those that exist for any other."""
    for known in WORKLOADS:
        if name == known:
            return known
    message = f"There is no deployment {shown(name)}: those that exist are {' and '.join(WORKLOADS)}."
    raise NotFound(message, nearest=nearest(name, WORKLOADS), argument="deployment")
