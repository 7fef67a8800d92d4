"""NovaPulse's Kubernetes namespace: what runs there, who else scales it, and the changes the bot makes to it."""

from collections.abc import Callable, Sequence
from typing import Final

from kubernetes.aio import client
from pydantic import JsonValue

from bot.attempt import together
from bot.clients import cluster_objects as objects
from bot.clients.cluster_autoscalers import AutoscalerReader, from_marks, or_problem
from bot.clients.cluster_connection import SYSTEM, ClusterConnection
from bot.clients.cluster_logs import LogQuery, hand_over_logs, read_logs
from bot.clients.cluster_pods import deployment_state, pod_state
from bot.clients.cluster_proxy import read_pages
from bot.clients.cluster_rights import Right, missing_rights
from bot.clients.cluster_rollout import rollout_of
from bot.clients.cluster_state import (
    Autoscaler,
    DeploymentState,
    Feed,
    PodLog,
    PodState,
    Rollout,
    Workload,
    workload,
)
from bot.clients.deadline import deadline
from bot.clients.platform_words import KUBERNETES
from bot.errors import PermanentError, TemporaryError, Unavailable, UsageError
from bot.plan import Progress, condition, operation
from bot.settings import PlatformSettings

POD_LIMIT: Final = 500
LOG_LIMIT: Final = 4 * 1024 * 1024
STREAM_LIMIT: Final = 64 * 1024 * 1024  # of a log that is not kept
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
# The status of a deployment that is rolling out moves all the time, and each move is a new version of it.
_SCALE_ATTEMPTS: Final = 5


class Cluster:
    """The Kubernetes API. Every call ends within ``seconds`` unless it says otherwise; nothing connects before it.

    Workloads are named by role (``api``, ``worker``); any other name is a UsageError. Every method raises
    Unavailable, TimedOut, Forbidden or NotConfigured where the cluster could not be read.
    """

    product: Final = "Kubernetes"

    words: Final = KUBERNETES

    def __init__(
        self, settings: PlatformSettings, *, seconds: float = 5.0, connection: ClusterConnection | None = None
    ) -> None:
        self._namespace = settings.kube_namespace
        self._names: dict[Workload, str] = {
            "api": settings.api_deployment,
            "worker": settings.worker_deployment,
        }
        self._seconds = seconds
        self._connection = connection or ClusterConnection(settings)

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()

    def name(self, role: str) -> str:
        """Return what the workload is called on the platform, such as ``novapulse-worker``."""
        return self._names[workload(role)]

    async def reachable(self) -> str:
        """Return the API server's version, such as ``v1.33.1``."""
        answer = await self._connection.ask(
            objects.Version,
            lambda api: client.VersionApi(api).get_code_without_preload_content(),
            self._seconds,
        )
        return answer.git_version

    async def deployment(self, role: str) -> DeploymentState:
        """Return a workload's deployment."""
        return deployment_state(await self._deployment(role), workload(role))

    async def rollout(self, role: str) -> Rollout:
        """Return how far a workload's rollout is, judged as ``kubectl rollout status`` does."""
        return rollout_of(await self.deployment(role))

    async def pods(self, role: str) -> list[PodState]:
        """Return the pods that a workload's selector selects, those that are terminating included."""
        async with deadline(SYSTEM, self._seconds):
            found = await self._deployment(role)
            answer = await self._pods(found.spec.selector)
        return [pod_state(pod, workload(role)) for pod in answer.items]

    async def autoscalers(self, role: str) -> list[Autoscaler]:
        """Return who would revert a manual scale; a kind that could not be read is in it with its ``problem``."""
        reader = AutoscalerReader(self._connection, self._namespace, self._seconds)
        name = self.name(role)
        found = await together(
            or_problem("HPA", reader.hpas(name)),
            or_problem("KEDA", reader.scaled_objects(name)),
            or_problem("GitOps", self._gitops(role)),
        )
        return [owner for kind in found for owner in kind]

    async def logs(
        self,
        role: str,
        *,
        tail_lines: int | None = None,
        since_seconds: int | None = None,
        seconds: float = 10.0,
        limit_bytes: int = LOG_LIMIT,
    ) -> list[PodLog]:
        """Return the log of every pod, at most ``limit_bytes`` of all together; a pod that could not be read says why.

        ``tail_lines`` asks for the newest lines, ``since_seconds`` for the last seconds. It takes at most
        ``seconds`` after the pods were listed.
        """
        query = LogQuery(
            namespace=self._namespace,
            tail_lines=tail_lines,
            since_seconds=since_seconds,
            limit_bytes=limit_bytes,
        )
        return await read_logs(self._connection, await self._logged(role), query, seconds)

    async def hand_over_logs(
        self,
        role: str,
        feed_of: Callable[[str], Feed],
        *,
        tail_lines: int,
        since_seconds: int,
        seconds: float = 15.0,
    ) -> list[PodLog]:
        """Give the log of every pod to the feed of its name as it comes; what is returned says how that went."""
        query = LogQuery(
            namespace=self._namespace, tail_lines=tail_lines, since_seconds=since_seconds, limit_bytes=STREAM_LIMIT
        )
        return await hand_over_logs(self._connection, await self._logged(role), query, seconds, feed_of)

    async def pages(self, role: str, path: str) -> list[PodLog]:
        """Return what each pod answers at this path, through the API server; needs ``get pods/proxy``."""
        pods = [pod for pod in await self.pods(role) if pod.ending is None]
        return await read_pages(self._connection, pods, self._namespace, path, self._seconds)

    async def check_scale(self, role: str, replicas: int) -> None:
        """Do nothing: a deployment can have as many pods as somebody asks for."""

    async def access_review(self, rights: Sequence[Right]) -> list[Right]:
        """Return which of the rights the bot does not have in the namespace."""
        return await missing_rights(self._connection, rights, self._namespace, self._seconds)

    @operation
    async def scale(self, role: str, replicas: int, expect_uid: str = "") -> dict[str, JsonValue]:
        """Make a workload have ``replicas``; does nothing where it already has them.

        Returns ``changed`` and the replicas wanted ``before`` and ``after``. With ``expect_uid`` a deployment that
        was made anew since then is left alone: PermanentError. TemporaryError where others keep changing it.
        """
        if type(replicas) is not int or replicas < 0:
            raise UsageError("The number of replicas is a whole number from 0 on.", argument="replicas")
        for _ in range(_SCALE_ATTEMPTS):
            found = await self._deployment(role)
            _check_uid(found, expect_uid)
            before = found.spec.replicas
            if before == replicas:
                return {"changed": False, "before": before, "after": before}
            if await self._patch_scale(found, replicas):
                return {"changed": True, "before": before, "after": replicas}
        raise TemporaryError(f"{self.name(role)} kept changing while it was scaled: nothing was done.")

    @condition
    async def rollout_done(self, role: str) -> Progress:
        """Tell whether a workload is rolled out; it has failed when it passed its progress deadline."""
        rollout = await self.rollout(role)
        return Progress(done=rollout.done, message=rollout.message, failed=rollout.stalled)

    @condition
    async def pods_ready(self, role: str, replicas: int) -> Progress:
        """Tell whether exactly ``replicas`` pods are there and all of them are ready.

        Pods that are leaving or have ended (evicted ones stay in the list) are not there, as the ReplicaSet counts.
        """
        pods = [pod for pod in await self.pods(role) if pod.is_present]
        ready = sum(pod.ready for pod in pods)
        reasons = sorted({pod.waiting for pod in pods if pod.waiting})
        message = f"{ready} of {replicas} pods ready" + (f" ({', '.join(reasons)})" if reasons else "")
        if len(pods) > replicas:
            message += f", {len(pods) - replicas} more than wanted"
        return Progress(done=ready == replicas == len(pods), message=message)

    async def _deployment(self, role: str) -> objects.Deployment:
        name = self.name(role)
        found = await self._connection.ask_or_none(
            objects.Deployment,
            lambda api: client.AppsV1Api(api).read_namespaced_deployment_without_preload_content(name, self._namespace),
            self._seconds,
            none_for=_NOT_FOUND,
        )
        if found is None:
            variable = f"{workload(role).upper()}_DEPLOYMENT"
            words = f"there is no deployment {name} in namespace {self._namespace}, see {variable}"
            raise Unavailable(SYSTEM, words)
        return found

    async def _gitops(self, role: str) -> list[Autoscaler]:
        return from_marks((await self._deployment(role)).metadata)

    async def _logged(self, role: str) -> list[PodState]:
        """Return the pods in the order of their turns: nobody waits for the log of one that has ended."""
        return sorted(await self.pods(role), key=lambda pod: pod.ending is not None)

    async def _pods(self, selector: objects.Selector) -> objects.PodList:
        answer = await self._connection.ask(
            objects.PodList,
            lambda api: client.CoreV1Api(api).list_namespaced_pod_without_preload_content(
                self._namespace, label_selector=selector.query(), limit=POD_LIMIT
            ),
            self._seconds,
        )
        if answer.metadata.continue_:
            raise Unavailable(SYSTEM, f"there are more than {POD_LIMIT} pods")
        return answer

    async def _patch_scale(self, found: objects.Deployment, replicas: int) -> bool:
        """Ask for the replicas of exactly the version that was read; False where it is no longer that one."""
        version = found.metadata.resource_version
        body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}}
        answer = await self._connection.ask_or_none(
            objects.Anything,
            lambda api: client.AppsV1Api(api).patch_namespaced_deployment_scale_without_preload_content(
                found.metadata.name,
                self._namespace,
                body,
                field_manager="novapulse-bot",
                _content_type="application/merge-patch+json",
            ),
            self._seconds,
            none_for=_CONFLICT,
        )
        return answer is not None


def _check_uid(found: objects.Deployment, expected: str) -> None:
    if expected and found.metadata.uid != expected:
        raise PermanentError(f"{found.metadata.name} was deleted and made anew since the plan: nothing was done.")
