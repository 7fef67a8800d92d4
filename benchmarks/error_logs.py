"""``/error-logs`` over 100,000 lines of three pods: how long it takes, and how much memory."""

import asyncio
import json
import random
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import web

from bot.clients.cluster import Cluster
from bot.log_search import LogSearch
from bot.settings import PlatformSettings

LINES: Final = 100_000
PODS: Final = ("api-a", "api-b", "api-c")
MOST_SECONDS: Final = 3.0
MOST_MEGABYTES: Final = 150.0
_PIECE: Final = 1_000  # lines
_BASE: Final = "/namespaces/novapulse"
_AT: Final = "2026-07-01T08:%02d:%02d.123Z"


async def measured() -> tuple[float, float, str]:
    """Return the seconds and the megabytes that it took, and what was found; the pretend cluster shares the process."""
    with tempfile.TemporaryDirectory(prefix="novapulse-logs-") as folder:
        async with _cluster(Path(folder)) as cluster:
            before = _megabytes()
            search = LogSearch(lambda entry: entry.is_error)
            began = time.perf_counter()
            await cluster.hand_over_logs("api", search.feed_of, tail_lines=50_000, since_seconds=3600)
            found = await search.found()
            seconds = time.perf_counter() - began
    said = f"{sum(search.lines.values()):,} lines, {found.total:,} errors of {len(found.groups)} kinds"
    return seconds, _megabytes() - before, said


def is_kept(seconds: float, megabytes: float) -> bool:
    """Whether it is within what is promised."""
    return seconds <= MOST_SECONDS and megabytes <= MOST_MEGABYTES


def line(seconds: float, megabytes: float, said: str) -> str:
    """Return what was measured, and whether it is within what is promised."""
    stands = "kept" if is_kept(seconds, megabytes) else "NOT KEPT"
    promise = f"promised {MOST_SECONDS:g} s and {MOST_MEGABYTES:g} MB: {stands}"
    return f"/error-logs, {said}: {seconds:.2f} s, {megabytes:.0f} MB more than before ({promise})"


def _megabytes() -> float:
    """Return the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@asynccontextmanager
async def _cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Open a client of a pretend cluster whose three pods have a third of the lines each."""
    application = web.Application()
    application.router.add_get(f"/apis/apps/v1{_BASE}/deployments/{{name}}", _deployment)
    application.router.add_get(f"/api/v1{_BASE}/pods", _pods)
    application.router.add_get(f"/api/v1{_BASE}/pods/{{name}}/log", _log)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cluster = Cluster(PlatformSettings(kubeconfig=_kubeconfig(folder, runner.addresses[0][1])))
    try:
        await cluster.pods("api")  # the library loads what it needs on its first use
        yield cluster
    finally:
        await cluster.close()
        await runner.cleanup()


def _kubeconfig(folder: Path, port: int) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "it", "user": {"token": "a-token"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


async def _deployment(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    metadata = {"name": name, "uid": "1", "resourceVersion": "1", "generation": 1}
    template = {"spec": {"containers": [{"name": "api", "image": "api:1"}]}}
    spec = {"replicas": len(PODS), "selector": {"matchLabels": {"app": name}}, "template": template}
    return web.json_response({"metadata": metadata, "spec": spec, "status": {}})


async def _pods(_: web.Request) -> web.Response:
    return web.json_response({"metadata": {}, "items": [_pod(name) for name in PODS]})


def _pod(name: str) -> dict[str, Any]:
    metadata = {"name": name, "uid": name, "creationTimestamp": "2026-07-01T08:00:00Z"}
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "api", "image": "api:1"}]},
        "status": {"phase": "Running"},
    }


async def _log(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for piece in _written(request.match_info["name"]):
        await response.write(piece)
    return response


def _written(pod: str) -> Iterator[bytes]:
    """Write a third of the lines as NovaPulse does: a quarter of them belong to errors, some of those are 4xx."""
    chance, left = random.Random(pod), LINES // len(PODS) + 1
    while left > 0:
        entries: list[str] = []
        while len(entries) < min(_PIECE, left):
            entries += _entry(chance)
        yield ("\n".join(entries[:left]) + "\n").encode()
        left -= len(entries)


def _entry(chance: random.Random) -> list[str]:
    at = _AT % (chance.randrange(60), chance.randrange(60))
    tail = json.dumps({"timestamp": at})
    kind = chance.random()
    if kind < 0.06:  # noqa: PLR2004 - of entries; they have five lines each
        status = chance.choice((500, 502, 401, 404))
        what = f"Cannot reach {chance.choice(('redis', 'mongodb', 'smtp'))} as user {chance.randrange(10**6)}"
        body = [f'  "statusCode": {status},', '  "path": "/api/v1/users",', f'  "message": "{what}"']
        return ["\x1b[31merror\x1b[39m: HTTP Exception: {", *body, f"}} {tail}"]
    if kind < 0.4:  # noqa: PLR2004
        return [f"[Nest] 1  - 07/01/2026, 8:00:00 AM     LOG [Http] GET /queue/stats 200 {chance.randrange(99)} ms"]
    return [f"\x1b[32minfo\x1b[39m: served /api/v1/companies/{chance.randrange(10**6)} {tail}"]


if __name__ == "__main__":
    print(line(*asyncio.run(measured())))
