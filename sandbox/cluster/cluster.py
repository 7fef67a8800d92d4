"""The pretend cluster as one part of the sandbox."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.cluster import autoscaler, cronjobs, rollout
from sandbox.cluster.asked import Asked
from sandbox.cluster.kubelet import Kubelet, Starter
from sandbox.cluster.objects import API, BACKUP, NAMESPACE, WORKER, create_all
from sandbox.cluster.pods import active, is_ready
from sandbox.cluster.server import TOKEN, ClusterServer
from sandbox.cluster.store import ApiError, ObjectStore, labels_fit
from sandbox.http_part import HttpPart

_log = logging.getLogger(__name__)


class Cluster:
    """The API server, its controllers and its node; ``store`` is open to tests that want a special situation."""

    def __init__(
        self,
        directory: Path,
        now: Callable[[], datetime],
        *,
        starters: Mapping[str, Starter] | None = None,
        pace: float = 1.0,
        namespace: str = NAMESPACE,
    ) -> None:
        self.store = ObjectStore(now)
        self.namespace = namespace
        self.kubelet = Kubelet(self.store, namespace, dict(starters or {}), pace)
        self.kubeconfig = directory / "kubeconfig.yaml"
        self._server = ClusterServer(self.store, self.kubelet, namespace)
        self._part = HttpPart(self._server.application)
        self._pace = pace
        self._tasks: list[asyncio.Task[None]] = []
        self._backups_fail = False

    @property
    def url(self) -> str:
        """The address of the API."""
        return self._part.url

    async def start(self, addresses: dict[str, str] | None) -> None:
        """Begin to act on what is there: NovaPulse with ``addresses`` in its Secret, or with None nothing yet."""
        await self._part.start()
        loops = (self.kubelet.run(), self._reconcile(), self._autoscale())
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        await asyncio.sleep(0)  # the node listens before the first pod is made
        if addresses is not None:
            create_all(self.store, addresses)
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        self.kubeconfig.write_text(json.dumps(kubeconfig_of(self.url), indent=2), encoding="utf-8")

    async def stop(self) -> None:
        """Stop the API, the controllers and every pod."""
        await self._part.stop()
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def down(self, on: bool) -> None:
        """Refuse all connections to the API, or accept them again; the pods run on."""
        await (self._part.stop() if on else self._part.start())

    def slow(self, seconds: float) -> None:
        """Hold every answer of the API back for so long; the pods run on."""
        self._part.delay = seconds

    def forbid(self, on: bool) -> None:
        """Take every right away from the bot, or give them back."""
        self._server.forbidden = on

    def has_metrics(self, yes: bool) -> None:
        """Have a metrics server, or none."""
        self._server.has_metrics = yes

    def fail_backups(self, on: bool) -> None:
        """Have the runs of the backup fail, or succeed again; one is begun now either way."""
        self._backups_fail = on
        cronjobs.run(self.store, self.store.get("cronjobs", self.namespace, BACKUP), self.store.now(), failed=on)

    def changes(self) -> list[dict[str, Any]]:
        """Return the requests that changed something, oldest first; what controllers did is not among them."""
        return [change.plain() for change in self._server.changes]

    def asked(self) -> list[Asked]:
        """Return the last requests, oldest first."""
        return list(self._server.asked)

    def ready_pods(self, app: str) -> list[str]:
        """Return the names of an app's ready pods."""
        return [pod["metadata"]["name"] for pod in self._pods(app) if is_ready(pod)]

    async def wait_ready(self, app: str, count: int, *, seconds: float = 60.0) -> None:
        """Return once an app has exactly ``count`` pods and all are ready; raises ``TimeoutError``."""
        events = self.store.listen()
        try:
            async with asyncio.timeout(seconds):
                while not (len(self._pods(app)) == count == len(self.ready_pods(app))):
                    await events.get()
        finally:
            self.store.unlisten(events)

    async def wait_restarted(self, pod: str, count: int, *, seconds: float = 60.0) -> None:
        """Return once a pod's container runs again after its restart of that number; raises ``TimeoutError``."""
        events = self.store.listen()
        try:
            async with asyncio.timeout(seconds):
                while not self._runs(pod, count):
                    await events.get()
        finally:
            self.store.unlisten(events)

    def _runs(self, pod: str, restarts: int) -> bool:
        (container,) = self.store.get("pods", NAMESPACE, pod)["status"]["containerStatuses"]
        return container["restartCount"] == restarts and bool(container["ready"])

    def log(self, app: str, pod: int, lines: Iterable[str]) -> None:
        """Write lines to the log of one of an app's ready pods, chosen by number."""
        names = self.ready_pods(app)
        if names:
            for line in lines:
                self.kubelet.log(names[pod % len(names)], line)

    def _pods(self, app: str) -> list[dict[str, Any]]:
        return active([pod for pod in self.store.list("pods", self.namespace) if labels_fit(pod, f"app={app}")])

    async def _reconcile(self) -> None:
        events = self.store.listen()
        try:
            while True:
                try:
                    rollout.reconcile(self.store, self.namespace, self._pace)
                    cronjobs.reconcile(self.store, self.namespace, failed=self._backups_fail)
                except (ApiError, KeyError, TypeError, ValueError):
                    _log.exception("the controllers could not make sense of what was written")
                await _next(events, seconds=1.0)
        finally:
            self.store.unlisten(events)

    async def _autoscale(self) -> None:
        while True:
            await asyncio.sleep(autoscaler.PERIOD_SECONDS / self._pace)
            autoscaler.reconcile(self.store, self.namespace)


async def _next(events: asyncio.Queue[Any], *, seconds: float) -> None:
    """Wait for a change, or a while, and take what else changed at the same time."""
    try:
        async with asyncio.timeout(seconds):  # wait_for of Python 3.11 can lose a cancellation
            await events.get()
    except TimeoutError:
        return
    while not events.empty():
        events.get_nowait()


def kubeconfig_of(url: str) -> dict[str, Any]:
    """Return a kubeconfig as data; JSON is YAML."""
    name = "novapulse-sandbox"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": url}}],
        "users": [{"name": name, "user": {"token": TOKEN}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": NAMESPACE}}],
    }


__all__ = ["API", "NAMESPACE", "WORKER", "Cluster", "kubeconfig_of"]
