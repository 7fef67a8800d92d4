"""What is read of the cluster does not grow with how much there is."""

import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from bot.clients.cluster import Cluster
from bot.clients.cluster_connection import ANSWER_LIMIT
from bot.errors import Unavailable
from bot.settings import PlatformSettings
from tests.clients.kubernetes_server import NAMESPACE, KubernetesServer, deployment, kubernetes_server, pod

_PIECE = b"x" * 65_536


async def _serving(log: int) -> tuple[web.AppRunner, str]:
    """Serve one pod whose log has so many pieces, or (0) a deployment without end."""

    async def serve(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/pods"):
            return web.json_response({"items": [pod("worker-a")]})
        if log and not request.path.endswith("/log"):
            return web.json_response(deployment())
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(log or ANSWER_LIMIT // len(_PIECE) + 10):
                await response.write(_PIECE)
        except ConnectionError:
            pass  # whoever has read enough hangs up
        return response

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, "http://127.0.0.1:{1}".format(*runner.addresses[0])


async def _with_cluster(folder: Path, log: int, use: Callable[[Cluster], Awaitable[None]]) -> None:
    runner, url = await _serving(log)
    cluster = Cluster(PlatformSettings(kubeconfig=KubernetesServer(url=url).kubeconfig(folder)), seconds=30.0)
    try:
        await use(cluster)
    finally:
        await cluster.close()
        await runner.cleanup()


@pytest.mark.parametrize("pieces", [160, 960])  # 10 and 60 MB
async def test_of_a_log_that_is_handed_over_nothing_is_kept(tmp_path: Path, pieces: int) -> None:
    taken = 0

    async def feed(piece: bytes) -> None:
        nonlocal taken
        taken += len(piece)

    async def read(cluster: Cluster) -> None:
        await cluster.deployment("worker")
        tracemalloc.start()
        try:
            (log,) = await cluster.hand_over_logs("worker", lambda _: feed, tail_lines=9, since_seconds=9, seconds=60.0)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert not log.problem
        assert taken == pieces * len(_PIECE)
        assert peak < 8 * 1024 * 1024  # the library takes up to 4 MiB before it waits

    await _with_cluster(tmp_path, pieces, read)


async def test_an_answer_that_is_too_large_is_said_to_be(tmp_path: Path) -> None:
    async def read(cluster: Cluster) -> None:
        with pytest.raises(Unavailable, match="answered more than 16 MiB"):
            await cluster.deployment("worker")

    await _with_cluster(tmp_path, 0, read)


@pytest.mark.parametrize(("limit", "shares"), [(100, [50, 50]), (1, [0, 0])])
async def test_what_logs_may_have_is_of_all_pods_together(tmp_path: Path, limit: int, shares: list[int]) -> None:
    async with kubernetes_server() as server:
        pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
        server.answers[f"GET /apis/apps/v1/namespaces/{NAMESPACE}/deployments/novapulse-worker"] = deployment()
        server.answers[f"GET {pods}"] = {"items": [pod("worker-a"), pod("worker-b")]}
        for name in ("worker-a", "worker-b"):
            server.answers[f"GET {pods}/{name}/log"] = web.Response(body=b"x" * 80)
        cluster = Cluster(PlatformSettings(kubeconfig=server.kubeconfig(tmp_path)))
        logs = await cluster.logs("worker", limit_bytes=limit)
        await cluster.close()
    assert [len(log.data or b"") for log in logs] == shares
