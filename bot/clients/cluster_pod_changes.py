"""What is done to single pods: ended one by one by their UIDs, and told apart for a scale-down."""

import asyncio
from typing import Final

from kubernetes.aio import client
from pydantic import JsonValue

from bot.attempt import together
from bot.clients.busy_pods import busy_pods
from bot.clients.cluster_objects import Anything
from bot.clients.cluster_usage import DELETION_COST, ListedPod, PodMetrics
from bot.clients.cluster_workloads import MANAGER, STRATEGIC, Workloads
from bot.clients.platform_words import KUBERNETES
from bot.clients.working_jobs import WorkingJobs
from bot.plan import Progress, condition, operation

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_AT_ONCE: Final = 8


class PodChanges:
    """Ends pods, and says which of a workload's pods should go first."""

    words: Final = KUBERNETES

    def __init__(self, workloads: Workloads, metrics: PodMetrics, jobs: WorkingJobs) -> None:
        self._workloads = workloads
        self._metrics = metrics
        self._jobs = jobs

    async def of(self, role: str) -> list[ListedPod]:
        """Return a workload's pods by its ``app`` label, not those that leave or have ended; raises as ``pods``."""
        name = self._workloads.name(role)
        return [pod for pod in await self._metrics.pods() if pod.app == name and pod.is_present]

    @operation
    async def delete(self, pods: dict[str, str]) -> dict[str, JsonValue]:
        """End these pods (name -> UID); one that is gone, or is another one by now, is left alone.

        Each has its own grace period to finish. Returns how many were told to end.
        """
        turns = asyncio.Semaphore(_AT_ONCE)
        told = await together(*(self._delete(name, uid, turns) for name, uid in sorted(pods.items())))
        gone = len(pods) - sum(told)
        return {
            "deleted": sum(told),
            "message": f"{sum(told)} told to end" + (f", {gone} gone already" if gone else ""),
        }

    async def _delete(self, name: str, uid: str, turns: asyncio.Semaphore) -> bool:
        options = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid=uid))
        async with turns:
            answer = await self._workloads.connection.ask_or_none(
                Anything,
                lambda api: client.CoreV1Api(api).delete_namespaced_pod_without_preload_content(
                    name, self._workloads.namespace, body=options
                ),
                self._workloads.seconds,
                none_for=(_NOT_FOUND, _CONFLICT),  # a conflict: a pod of the same name, but not the same pod
            )
        return answer is not None

    @condition
    async def replaced(self, role: str, uids: list[str], replicas: int) -> Progress:
        """Tell whether none of these pods is left and ``replicas`` others are ready."""
        pods = [pod for pod in await self._metrics.pods() if pod.app == self._workloads.name(role)]
        left = sum(pod.uid in uids for pod in pods)
        ready = sum(pod.state == "ready" for pod in pods if pod.uid not in uids)
        message = f"{left} of {len(uids)} old pods left, {ready} of {replicas} new ones ready"
        return Progress(done=not left and ready >= replicas, message=message)

    @operation
    async def spare_the_busy(self, role: str) -> dict[str, JsonValue]:
        """Mark each pod with how many jobs it works on, so that a scale-down ends the idle ones first.

        Where it cannot be told which pod has which job, none is marked: then any pod may go first.
        """
        if self._workloads.connection.platform != "kubernetes":
            return {"changed": False, "message": "Docker Compose chooses by itself which containers go"}
        everywhere, name = await self._metrics.pods(), self._workloads.name(role)
        busy = await busy_pods(self._jobs, everywhere, name)
        if busy.unknown:
            message = f"which pod works on which job is unknown, any may go first: {busy.unknown}"
            # Older marks would choose, by what is known no longer.
            return {**await self.unmark(role), "message": message}
        pods = [pod.name for pod in everywhere if pod.app == name and pod.is_present]
        for pod in pods:
            await self._mark(pod, f"{busy.jobs.get(pod, 0)}")
        idle = sum(not busy.jobs.get(pod, 0) for pod in pods)
        return {"changed": True, "message": f"{idle} of {len(pods)} pods are idle and go first"}

    @operation
    async def unmark(self, role: str) -> dict[str, JsonValue]:
        """Take the marks off again, which later say what was: an autoscaler would end the wrong pods by them."""
        marked = [pod.name for pod in await self.of(role) if pod.is_marked]
        for name in marked:
            await self._mark(name, None)
        return {"changed": bool(marked), "message": f"{len(marked)} pods are no longer marked"}

    async def _mark(self, name: str, cost: str | None) -> None:
        body = {"metadata": {"annotations": {DELETION_COST: cost}}}
        await self._workloads.connection.ask_or_none(
            Anything,
            lambda api: client.CoreV1Api(api).patch_namespaced_pod_without_preload_content(
                name, self._workloads.namespace, body, field_manager=MANAGER, _content_type=STRATEGIC
            ),
            self._workloads.seconds,
            none_for=_NOT_FOUND,
        )
