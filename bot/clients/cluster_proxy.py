"""A page of each pod, fetched through the API server: each replica by itself, past the load balancer."""

from collections.abc import Sequence
from typing import Any, Final

from kubernetes.aio import client

from bot.attempt import together
from bot.clients.cluster_connection import Call, ClusterConnection
from bot.clients.cluster_state import PodLog, PodState
from bot.errors import Forbidden, PermanentError, Unavailable

# Of all pods together, each may have the same share: what is read of a page takes ten times as much.
PAGES_LIMIT: Final = 4_000_000
_NOT_ALLOWED: Final = "the bot's role in the cluster has no get on pods/proxy"


async def read_pages(
    connection: ClusterConnection, pods: Sequence[PodState], namespace: str, path: str, seconds: float
) -> list[PodLog]:
    """Return the page of every pod, at the first port that its container names; one that was not read says why."""
    limit = PAGES_LIMIT // max(1, len(pods))

    async def one(pod: PodState) -> PodLog:
        try:
            call = _call(pod, namespace, path.lstrip("/"))
            data, more = await connection.ask_bytes(call, seconds, limit=limit)
        except Forbidden:
            # The deployed role leaves this right out, as docs say: it is no trouble that a whole error has to tell.
            return PodLog(pod=pod.name, data=None, problem=_NOT_ALLOWED)
        except (Unavailable, PermanentError) as error:
            return PodLog(pod=pod.name, data=None, problem=str(error))
        if more:
            return PodLog(pod=pod.name, data=None, problem=f"its answer has more than {limit:,} bytes")
        return PodLog(pod=pod.name, data=data)

    return list(await together(*map(one, pods)))


def _call(pod: PodState, namespace: str, path: str) -> Call:
    async def call(api: Any) -> Any:
        core = client.CoreV1Api(api)
        return await core.connect_get_namespaced_pod_proxy_with_path_without_preload_content(pod.name, namespace, path)

    return call
