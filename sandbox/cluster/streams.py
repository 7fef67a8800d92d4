"""What the cluster's API answers besides objects: logs, watches and the use of resources."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import web

from sandbox.cluster.kubelet import PodLog
from sandbox.cluster.store import ApiError, Event, Object, ObjectStore
from sandbox.processes import Process

Line = tuple[datetime, str]


async def log(request: web.Request, pod_log: PodLog) -> web.StreamResponse:
    """Answer with a pod's log, as ``tailLines``, ``sinceSeconds``, ``sinceTime``, ``previous`` and ``follow`` ask."""
    kept = pod_log.terminated if _is(request, "previous") else pod_log.lines
    if kept is None:
        pod, container = request.match_info["name"], request.query.get("container", "")
        raise ApiError(400, "BadRequest", f'previous terminated container "{container}" in pod "{pod}" not found')
    lines = _chosen(request, list(kept))
    if not _is(request, "follow"):
        text = "".join(_written(request, lines))
        limit = int(request.query.get("limitBytes", len(text.encode())))
        return web.Response(body=text.encode()[:limit], content_type="text/plain")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    queue: asyncio.Queue[Line] = asyncio.Queue()
    pod_log.followers.add(queue)
    try:
        await response.prepare(request)
        await response.write("".join(_written(request, lines)).encode())
        while True:
            await response.write("".join(_written(request, [await queue.get()])).encode())
    finally:
        pod_log.followers.discard(queue)


async def watch(
    request: web.Request, store: ObjectStore, resource: str, fits: Callable[[Object], bool]
) -> web.StreamResponse:
    """Stream the changes since the resource version that was asked for, or first all objects, then the changes."""
    asked = request.query.get("resourceVersion", "")
    queue = store.listen()
    try:
        past = _past(store, resource, asked, request.match_info.get("namespace"))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for event in past:
            await _send(response, event, fits)
        async with asyncio.timeout(float(request.query.get("timeoutSeconds", "3600"))):
            while True:
                event = await queue.get()
                if event.resource == resource:
                    await _send(response, event, fits)
    except TimeoutError:
        return response
    finally:
        store.unlisten(queue)


def _past(store: ObjectStore, resource: str, asked: str, namespace: str | None) -> list[Event]:
    if asked in ("", "0"):
        return [Event("ADDED", resource, 0, found) for found in store.list(resource, namespace)]
    if store.history and int(asked) < store.history[0].version - 1:
        raise ApiError(410, "Expired", f"too old resource version: {asked}")
    return [event for event in store.history if event.resource == resource and event.version > int(asked)]


async def _send(response: web.StreamResponse, event: Event, fits: Callable[[Object], bool]) -> None:
    if fits(event.object):
        await response.write(json.dumps({"type": event.kind, "object": event.object}).encode() + b"\n")


def _chosen(request: web.Request, lines: list[Line]) -> list[Line]:
    since = request.query.get("sinceTime")
    oldest = datetime.fromisoformat(since) if since else None
    if (seconds := request.query.get("sinceSeconds")) and lines:
        oldest = datetime.now(lines[-1][0].tzinfo) - timedelta(seconds=int(seconds))
    kept = [line for line in lines if oldest is None or line[0] >= oldest]
    tail = request.query.get("tailLines")
    return kept[-int(tail) :] if tail and int(tail) > 0 else ([] if tail else kept)


def _written(request: web.Request, lines: list[Line]) -> Iterator[str]:
    for at, text in lines:
        before = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ ") if _is(request, "timestamps") else ""
        yield f"{before}{text}\n"


def _is(request: web.Request, flag: str) -> bool:
    return request.query.get(flag, "").lower() in ("true", "1")


def usage(pod: Object, process: Process | None, at: str) -> Object:
    """Return what a pod uses, as the metrics server states it: the real memory where a process runs."""
    memory = _resident_kibibytes(process.pid) if process is not None else None
    containers = [
        {"name": found["name"], "usage": {"cpu": "87000000n", "memory": f"{memory or 190_000}Ki"}}
        for found in pod["spec"]["containers"]
    ]
    metadata = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
    return {"metadata": metadata, "timestamp": at, "window": "15s", "containers": containers}


def _resident_kibibytes(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), None)
