"""A program: NovaPulse's API, cluster and MongoDB as large as the tests of memory ask for, in a process of its own.

It prints a line of JSON with their addresses, and goes on until it is ended. Of each there are three: as it usually
is, nearly as large as the bot takes it, and ten times that.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aiohttp import web
from bson import ObjectId

from sandbox.mongo.server import MongoStandIn
from tests.clients.kubernetes_server import deployment, pod

SIZES = {"usual": 0, "few": 1, "many": 10}
WEBHOOK = "65f0c0ffee0000000000a001"
NOW = datetime.now(UTC)
# Bytes of an answer of the API; the bot takes 500,000, and of the two that may be long 2,000,000 and 5,000,000.
_BODY = 450_000
_LONG = {"/metrics": 1_800_000, "/logs": 4_500_000}
_LISTED = 490  # of which the bot takes 500
_PAD = "x" * 2_000
_LOG = 50_000
_ROWS = 500
_GIANT = 300_000
_AT_ONCE = 200
_COUNTS = (
    '{"waiting":1,"active":1,"delayed":1,"failed":1,"completed":1,"paused":0,"prioritized":0,"waiting-children":0}'
)
_ROW = '"event":"webhook.test","status":"failed","statusCode":500,"attempt":1,"createdAt":"2026-07-01T08:00:00.000Z"'
_ABOUT = f'"_id":"{WEBHOOK}","url":"http://a.example/hook","isActive":true,"secret":"s"'

Item = Callable[[int], str]


def _items(item: Item, count: int, between: str = ",") -> Iterator[str]:
    for start in range(0, count, _AT_ONCE):
        found = between.join(map(item, range(start, min(start + _AT_ONCE, count))))
        yield (between if start else "") + found


def _named(usual: tuple[str, ...], number: int) -> str:
    return usual[number] if number < len(usual) else f"n{number:06}"


def _metric(number: int) -> str:
    return f'http_requests_total{{method="GET",route="/{number}",status_code="200"}} 1\n'


# What each path of the API answers: what stands before the items, an item, what stands behind, how many there are.
_ANSWERS: dict[str, tuple[str, Item, str, int]] = {
    "/queue/stats": (
        '{"success":true,"data":{"success":true,"stats":{',
        lambda number: f'"{_named(("email", "webhook", "workflow", "report"), number)}":{_COUNTS}',
        "}}}",
        4,
    ),
    f"/webhooks/{WEBHOOK}": (
        f'{{"success":true,"data":{{"success":true,"webhook":{{{_ABOUT},"events":[',
        lambda number: f'"{_named(("webhook.test",), number)}"' if not number else f'"{number:06}{_PAD[:400]}"',
        "]}}}",
        1,
    ),
    f"/webhooks/{WEBHOOK}/logs": (
        '{"success":true,"data":{"success":true,"logs":[',
        lambda number: f'{{"_id":"{number:06}",{_ROW},"errorMessage":"{_PAD * 20}"}}',
        "]}}",
        2,
    ),
    "/metrics": (
        '{"success":true,"data":"# TYPE http_requests_total counter\\n',
        lambda number: json.dumps(_metric(number))[1:-1],
        '"}',
        4,
    ),
}
_HEALTH = (
    '{"success":true,"data":{"status":"ok","details":{',
    lambda number: f'"{_named(("mongodb", "redis"), number)}":{{"status":"up","pad":"{_PAD[:100]}"}}',
    "}}}",
    2,
)


async def _sent(request: web.Request, pieces: Iterator[str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    with suppress(ConnectionError):  # whoever has read enough hangs up
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece.encode())
        await response.write_eof()
    return response


def _api(size: int, request: web.Request) -> Iterator[str]:
    before, item, after, usual = _ANSWERS.get(request.path.removeprefix("/api/v1"), _HEALTH)
    yield before
    between = "" if request.path.endswith("/metrics") else ","
    most = next((bytes_ for end, bytes_ in _LONG.items() if request.path.endswith(end)), _BODY)
    count = most * size // (len(item(999_999)) + 1)
    yield from _items(item, max(usual, min(count, 490 * size) if request.path.endswith("/stats") else count), between)
    yield after


def _page(count: int) -> Iterator[str]:
    yield "# TYPE http_requests_total counter\n"
    yield from _items(_metric, count, "")


def _cluster(lists: int, texts: int, request: web.Request) -> Iterator[str]:
    """Answer as the Kubernetes API: ``lists`` is the size of what it lists, ``texts`` of each log and page."""
    *_, kind, name = request.path.split("/")
    if name == "log":
        return _items(lambda number: f"error: broken {number % 50} {{\n  x: 1\n}}\n", max(3, _LOG * texts // 30), "")
    if "/proxy/" in request.path:
        return _page(max(4, _LOG * texts // 70, 400 * lists))
    if kind in _ALONE:
        return iter([json.dumps(_ALONE[kind](name))])
    if "version" in request.path.split("/")[1:2]:
        return iter(['{"major":"1","minor":"33","gitVersion":"v1.33.1"}'])
    return _listed("usage" if "metrics.k8s.io" in request.path else name, lists, request)


def _workload(name: str) -> dict[str, Any]:
    found = deployment(name)
    role = name.removeprefix("novapulse-")
    source = [{"configMapRef": {"name": "novapulse-config"}}]
    found["spec"]["template"] = _template(role, "1", source)
    return found


def _cronjob(name: str) -> dict[str, Any]:
    about = {"name": name, "uid": "uid-1", "creationTimestamp": NOW.isoformat()}
    return {"metadata": about, "spec": {"schedule": "0 3 * * *"}, "status": {}}


def _configmap(name: str) -> dict[str, Any]:
    data = {"QUEUE_CONCURRENCY": "5", "MONGO_MAX_POOL_SIZE": "10", "MONGO_MIN_POOL_SIZE": "1"}
    return {"metadata": {"name": name, "uid": "u", "resourceVersion": "1"}, "data": data}


# What is asked for by its name.
_ALONE: dict[str, Callable[[str], dict[str, Any]]] = {
    "deployments": _workload,
    "statefulsets": _workload,
    "cronjobs": _cronjob,
    "configmaps": _configmap,
}


def _template(role: str, version: str, source: list[dict[str, Any]]) -> dict[str, Any]:
    container = {"name": role, "image": f"novapulse/{role}:{version}", "envFrom": source}
    return {"metadata": {"labels": {"app": f"novapulse-{role}"}}, "spec": {"containers": [container]}}


def _listed(name: str, lists: int, request: web.Request) -> Iterator[str]:
    there = max(_LISTED * lists, 2)
    asked = int(request.query.get("limit", there))
    app = request.query.get("labelSelector", "app=novapulse-worker").removeprefix("app=")
    pad = {"pad": _PAD if lists else ""}
    more = {"continue": "more"} if asked < there else {}
    yield f'{{"metadata":{json.dumps(more)},"items":['
    yield from _items(lambda number: json.dumps(_object(name, app, number, pad)), min(asked, there))
    yield "]}"


def _object(kind: str, app: str, number: int, pad: dict[str, str]) -> dict[str, Any]:
    """Return one object of a list; its kind is how the list's path ends."""
    called, at = f"{app}-{number}", (NOW - timedelta(minutes=5)).isoformat()
    metadata = {"name": called, "uid": f"uid-{number}", "labels": {"app": app}, "annotations": pad}
    if kind == "replicasets":
        metadata["annotations"] = {**pad, "deployment.kubernetes.io/revision": str(number + 1)}
        own = {"creationTimestamp": at, "ownerReferences": [{"uid": "uid-1", "controller": True}]}
        source = [{"configMapRef": {"name": "novapulse-config"}}]
        template = _template(app.removeprefix("novapulse-"), str(number + 1), source)
        return {"metadata": {**metadata, **own}, "spec": {"replicas": 0, "template": template}}
    if kind == "jobs":
        own = {"creationTimestamp": at, "ownerReferences": [{"uid": "uid-1"}]}
        failed = {"type": "Failed", "status": "True", "reason": "x", "message": pad["pad"], "lastTransitionTime": at}
        return {"metadata": {**metadata, **own}, "status": {"startTime": at, "conditions": [failed]}}
    if kind == "events":
        return {"involvedObject": {"name": called}, "reason": "x", "message": pad["pad"], "lastTimestamp": at}
    if kind in ("horizontalpodautoscalers", "scaledobjects"):
        target = {"kind": "Deployment", "name": f"other-{number}"}
        return {"metadata": metadata, "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9}}
    if kind == "usage":
        return {"metadata": metadata, "timestamp": at, "containers": []}
    return {**pod(called), "metadata": metadata}


async def _mongo(size: int) -> MongoStandIn:
    mongo = MongoStandIn(lambda: NOW)
    giant = _GIANT * size
    rows = [_delivery(number, giant if number < 3 else 0) for number in range(max(2, _ROWS * size))]
    webhooks = [_webhook(number, giant if number < 3 else 0) for number in range(max(2, _ROWS * size))]
    mongo.commands.collections["webhooklogs"] = lambda: rows
    mongo.commands.collections["webhooks"] = lambda: webhooks
    for number in range(_ROWS * size):
        mongo.commands.collections[f"collection_{number:05}"] = list
    mongo.commands.operations = [
        {"opid": number, "op": "query", "ns": "novapulse.webhooklogs", "secs_running": 5, "active": True}
        | {"planSummary": "x" * (giant if number < 3 else 0)}
        for number in range(_ROWS * size)
    ]
    await mongo.start()
    return mongo


def _delivery(number: int, giant: int) -> dict[str, Any]:
    at, text = NOW - timedelta(seconds=number), "x" * (giant or 1000)
    about = {"webhookId": ObjectId(WEBHOOK), "event": f"webhook.test{'x' * giant}", "status": "failed"}
    told = {"errorMessage": text, "responseBody": text, "attempt": 1, "statusCode": 500, "createdAt": at}
    return {"_id": ObjectId(), **about, **told}


def _webhook(number: int, giant: int) -> dict[str, Any]:
    text = "x" * (giant or 1000)
    told = {"url": f"https://example.com/{text}", "secret": text, "lastStatus": text, "events": [text]}
    return {"_id": ObjectId(), "lastAttemptAt": NOW - timedelta(seconds=number), "isActive": True, **told}


async def _serving(stack: AsyncExitStack, answer: Callable[[web.Request], Iterator[str]]) -> str:
    async def serve(request: web.Request) -> web.StreamResponse:
        return await _sent(request, answer(request))

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return "http://127.0.0.1:{1}".format(*runner.addresses[0])


async def main() -> None:
    """Serve everything, and say where."""
    async with AsyncExitStack() as stack:
        found: dict[str, dict[str, str]] = {"api": {}, "cluster": {}, "logs": {}, "mongo": {}}
        for name, size in SIZES.items():
            found["api"][name] = f"{await _serving(stack, partial(_api, size))}/api/v1"
            found["cluster"][name] = await _serving(stack, partial(_cluster, size, 0))
            found["logs"][name] = await _serving(stack, partial(_cluster, 0, size))
            mongo = await _mongo(size)
            stack.push_async_callback(mongo.stop)
            found["mongo"][name] = mongo.url
        sys.stdout.write(f"{json.dumps(found)}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
