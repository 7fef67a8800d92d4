"""The programs of the worker pods: one Node process with real BullMQ workers for each pod."""

import json
from collections.abc import Callable

from sandbox import processes
from sandbox.cluster.store import Object, ObjectStore
from sandbox.programs import script

DELIVERED = "@delivered "
READY = "worker ready"


class Workers:
    """Starts a pod's workers with what the ConfigMap says at that moment."""

    def __init__(self, redis_url: str, pace: float, delivered: Callable[[str, str], None]) -> None:
        self._redis_url = redis_url
        self._pace = pace
        self._delivered = delivered
        self._poison = False
        self._running: dict[str, processes.Process] = {}
        self.store: ObjectStore | None = None

    async def start(self, pod: Object, write: Callable[[str], None]) -> processes.Process:
        """Start the workers of a pod; raises ``StartError``."""
        name = pod["metadata"]["name"]
        environment = {
            "REDIS_URL": self._redis_url,
            "POD_NAME": name,
            "QUEUE_CONCURRENCY": self._concurrency(pod),
            "SANDBOX_SPEED": str(self._pace),
            "SANDBOX_POISON": "1" if self._poison else "",
        }
        program = processes.Program(name, script("worker.js"), READY, environment)
        process = await processes.start(program, on_line=lambda line: self._hear(line, write))
        self._running = {known: other for known, other in self._running.items() if other.returncode is None}
        self._running[name] = process
        return process

    async def poison(self, on: bool) -> None:
        """Let every job fail, or work again."""
        self._poison = on
        for process in list(self._running.values()):
            if process.returncode is None:
                await process.write(json.dumps({"poison": on}))

    def _concurrency(self, pod: Object) -> str:
        """Return the number for a pod: its own environment wins over the ConfigMap."""
        for found in pod["spec"]["containers"][0].get("env") or ():
            if found["name"] == "QUEUE_CONCURRENCY" and "value" in found:
                return str(found["value"])
        if self.store is None:
            return "5"
        configuration = self.store.find("configmaps", pod["metadata"]["namespace"], "novapulse-config")
        return str(((configuration or {}).get("data") or {}).get("QUEUE_CONCURRENCY", "5"))

    def _hear(self, line: str, write: Callable[[str], None]) -> None:
        if line == READY:
            return
        if line.startswith(DELIVERED):
            webhook, _, event = line.removeprefix(DELIVERED).partition(" ")
            self._delivered(webhook, event)
        else:
            write(line)
