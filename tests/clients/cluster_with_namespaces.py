"""A cluster as a real one is to `make test-cluster`: empty, with namespaces that are made and removed over its API."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web

from sandbox.cluster.cluster import Cluster, kubeconfig_of
from sandbox.http_part import HttpPart
from tests.clients.any_cluster import SAID

PACE = 20.0


class ClusterWithNamespaces:
    """Each namespace is a cluster of the sandbox of its own; ``made`` and ``removed`` say which there were."""

    def __init__(self, directory: Path) -> None:
        self.made: list[str] = []
        self.removed: list[str] = []
        self.refuse = ""
        """What is to be refused when it is created, such as ``deployments``."""
        self.kubeconfig = directory / "real-kubeconfig"
        self._directory = directory
        self._inside: dict[str, Cluster] = {}
        self._part = HttpPart(self._application)

    async def start(self) -> None:
        """Listen, and write the kubeconfig."""
        await self._part.start()
        self.kubeconfig.write_text(json.dumps(kubeconfig_of(self._part.url)), encoding="utf-8")

    async def stop(self) -> None:
        """Stop with every namespace that is left."""
        await self._part.stop()
        for inside in self._inside.values():
            await inside.stop()

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/api/v1/namespaces", self._create)
        application.router.add_delete("/api/v1/namespaces/{name}", self._delete)
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        return application

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        name = body["metadata"]["name"]
        inside = Cluster(self._directory / name, lambda: datetime.now(UTC), pace=PACE, namespace=name)
        await inside.start(None)
        self._inside[name] = inside
        self.made.append(name)
        return web.json_response(body | {"kind": "Namespace", "apiVersion": "v1"}, status=201)

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        await self._inside.pop(name).stop()
        self.removed.append(name)
        return web.json_response({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}})

    async def _pass_on(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.refuse and request.method == "POST" and request.path.endswith(self.refuse):
            return web.json_response({"kind": "Status", "message": "exceeded quota", "code": 403}, status=403)
        name = _namespace(request.path, body)
        inside = self._inside[name] if name else next(iter(self._inside.values()))
        if (log := re.search(r"/pods/([^/]+)/log$", request.path)) and not inside.kubelet.logs[log[1]].lines:
            inside.kubelet.log(log[1], SAID)  # as the pods' command does
        wanted = {name: request.headers[name] for name in ("Authorization", "Content-Type") if name in request.headers}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, inside.url + request.path_qs, data=body, headers=wanted) as answer,
        ):
            return web.Response(
                body=await answer.read(), status=answer.status, headers={"Content-Type": answer.headers["Content-Type"]}
            )


def _namespace(path: str, body: bytes) -> str:
    if found := re.search(r"/namespaces/([^/]+)/", path):
        return found[1]
    asked = json.loads(body)["spec"]["resourceAttributes"] if body else {}  # a review names it in its body
    return str(asked.get("namespace", ""))


@asynccontextmanager
async def cluster_with_namespaces(directory: Path) -> AsyncIterator[ClusterWithNamespaces]:
    """Run one."""
    cluster = ClusterWithNamespaces(directory)
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.stop()
