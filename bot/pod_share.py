"""What a pod uses of what it may: the share of the container that is nearest to its limit, as the kernel sees it."""

from dataclasses import dataclass
from typing import Literal

from bot.clients.cluster_usage import ListedPod, PodUsage

Kind = Literal["memory", "cpu"]


@dataclass(frozen=True, slots=True)
class Share:
    """What one container uses and may use, in bytes or cores; its name is empty where the pod is not told apart."""

    container: str
    used: float
    limit: float

    @property
    def of_limit(self) -> float:
        """The used part of the limit, 1 being all of it."""
        return self.used / self.limit


def is_limited(kind: Kind, pod: ListedPod) -> bool:
    """Say whether any container of the pod has a limit."""
    return bool(pod.limits[kind]) or any(limits[kind] for limits in pod.container_limits.values())


def worst_share(kind: Kind, pod: ListedPod | None, used: PodUsage | None) -> Share | None:
    """Return the container that is nearest to its limit; None where nothing has one, or was measured."""
    if pod is None or used is None:
        return None
    if pod.container_limits and used.containers:
        limits = pod.container_limits
        pairs = [(name, one[kind], limits[name][kind]) for name, one in used.containers.items() if name in limits]
    else:
        pairs = [("", used.memory if kind == "memory" else used.cpu, pod.limits[kind])]
    known = [Share(name, amount, limit) for name, amount, limit in pairs if amount is not None and limit]
    return max(known, key=lambda share: share.of_limit, default=None)
