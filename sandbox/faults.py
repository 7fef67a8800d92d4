"""What can be broken on purpose."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from sandbox.cluster.objects import WORKER

if TYPE_CHECKING:
    from sandbox.site import Sandbox

FAULTS = {
    "redis-down": "Redis is stopped; its data comes back with it",
    "redis-slow": "every answer of Redis comes three seconds late",
    "api-down": "the API refuses connections",
    "api-hang": "the API takes requests and never answers",
    "api-errors": "a quarter of what callers ask of the API fails with 500, in its log and in what it counts",
    "metrics-fed": "no fault: the API's metrics carry samples, as a later version's do",
    "mongo-down": "MongoDB refuses connections",
    "mongo-slow": "every answer of MongoDB comes six seconds late",
    "cluster-down": "the Kubernetes API refuses connections",
    "cluster-slow": "every answer of the Kubernetes API comes six seconds late",
    "cluster-forbidden": "the Kubernetes API answers 403 to everything",
    "slack-429": "Slack answers every call with 429 and Retry-After",
    "slack-500": "Slack answers every call with 500",
    "slack-drop-socket": "Slack cuts the socket and takes no new one",
    "slack-silent-socket": "Slack's socket is open and delivers nothing",
    "slack-deaf-socket": "the socket that is open now delivers nothing any more; a new one does",
    "pagerduty-429": "PagerDuty answers every event with 429 and Retry-After",
    "pagerduty-down": "PagerDuty refuses connections",
    "mail-down": "the mail server refuses connections",
    "workers-crash": "worker pods crash as soon as they start",
    "poison-jobs": "every job fails",
    "backup-fails": "the runs of MongoDB's backup fail, one of them now; switched off, one succeeds at once",
}
SLOW_SECONDS = 6.0
"""Longer than the bot waits for one answer of MongoDB or the cluster."""
T = TypeVar("T")


class Faults:
    """Switches faults on and off; ``on`` holds the names of those that are on."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self.on: set[str] = set()
        self._sandbox = sandbox
        self._switches: dict[str, Callable[[bool], Awaitable[None]]] = {
            "redis-down": self._redis_down,
            "redis-slow": self._redis_slow,
            "api-down": self._api_down,
            "api-hang": self._api_hang,
            "api-errors": self._api_errors,
            "metrics-fed": self._metrics_fed,
            "mongo-down": self._mongo_down,
            "mongo-slow": self._mongo_slow,
            "cluster-down": self._cluster_down,
            "cluster-slow": self._cluster_slow,
            "cluster-forbidden": self._cluster_forbidden,
            "slack-429": self._slack_429,
            "slack-500": self._slack_500,
            "slack-drop-socket": self._slack_drop_socket,
            "slack-silent-socket": self._slack_silent_socket,
            "slack-deaf-socket": self._slack_deaf_socket,
            "pagerduty-429": self._pagerduty_429,
            "pagerduty-down": self._pagerduty_down,
            "mail-down": self._mail_down,
            "workers-crash": self._workers_crash,
            "poison-jobs": self._poison_jobs,
            "backup-fails": self._backup_fails,
        }

    async def switch(self, name: str, on: bool) -> None:
        """Break or mend; doing it twice is doing it once. Raises ``ValueError``."""
        if name not in self._switches:
            raise ValueError(f"unknown fault {name!r}; there are {', '.join(FAULTS)}")
        if on == (name in self.on):
            return
        await self._switches[name](on)
        self.on = self.on | {name} if on else self.on - {name}

    async def _redis_down(self, on: bool) -> None:
        server = _there(self._sandbox.redis)
        await (server.stop() if on else server.start())

    async def _redis_slow(self, on: bool) -> None:
        _there(self._sandbox.redis).slow(on)

    async def _api_down(self, on: bool) -> None:
        await _there(self._sandbox.api).down(on)

    async def _api_hang(self, on: bool) -> None:
        api = _there(self._sandbox.api)
        api.hanging = on
        if not on and "api-down" not in self.on:  # the calls that hang are dropped
            await api.down(True)
            await api.down(False)

    async def _api_errors(self, on: bool) -> None:
        await _there(self._sandbox.api).traffic.fail(on)

    async def _metrics_fed(self, on: bool) -> None:
        _there(self._sandbox.api).metrics_fed = on

    async def _mongo_down(self, on: bool) -> None:
        await _there(self._sandbox.mongo).down(on)

    async def _mongo_slow(self, on: bool) -> None:
        _there(self._sandbox.mongo).delay = SLOW_SECONDS if on else 0.0

    async def _cluster_down(self, on: bool) -> None:
        await _there(self._sandbox.cluster).down(on)

    async def _cluster_slow(self, on: bool) -> None:
        _there(self._sandbox.cluster).slow(SLOW_SECONDS if on else 0.0)

    async def _cluster_forbidden(self, on: bool) -> None:
        _there(self._sandbox.cluster).forbid(on)

    async def _slack_429(self, on: bool) -> None:
        gate = _there(self._sandbox.gate)
        gate.clear("429")
        if on:
            gate.trouble("429")

    async def _slack_500(self, on: bool) -> None:
        gate = _there(self._sandbox.gate)
        gate.clear("500")
        if on:
            gate.trouble("500")

    async def _slack_drop_socket(self, on: bool) -> None:
        gate = _there(self._sandbox.gate)
        gate.refuse_sockets = on
        if on:
            await gate.drop_sockets()

    async def _slack_silent_socket(self, on: bool) -> None:
        _there(self._sandbox.gate).silent_sockets = on

    async def _slack_deaf_socket(self, on: bool) -> None:
        _there(self._sandbox.gate).deafen(on)

    async def _pagerduty_429(self, on: bool) -> None:
        _there(self._sandbox.pagerduty).fail("429" if on else "")

    async def _pagerduty_down(self, on: bool) -> None:
        await _there(self._sandbox.pagerduty).down(on)

    async def _mail_down(self, on: bool) -> None:
        await _there(self._sandbox.mail).down(on)

    async def _workers_crash(self, on: bool) -> None:
        _there(self._sandbox.cluster).kubelet.crash(WORKER, on)

    async def _poison_jobs(self, on: bool) -> None:
        await _there(self._sandbox.workers).poison(on)

    async def _backup_fails(self, on: bool) -> None:
        _there(self._sandbox.cluster).fail_backups(on)


def _there(part: T | None) -> T:
    if part is None:
        raise ValueError("this sandbox was started without that part")
    return part
