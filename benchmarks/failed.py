"""How long failed jobs take to be shown and cleared, what another client of Redis notices, and what Node takes."""

import asyncio
import json
import os
import resource
import shutil
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from redis.asyncio import Redis

from benchmarks.figures import Sample
from bot.catalog import load
from bot.clients.api import NovaPulseApi
from bot.clients.failed_selection import Selection
from bot.clients.queue_changes import QueueChanges
from bot.clients.queues import Queues
from bot.policy_file import PolicyFile
from bot.settings import ApiSettings, RedisSettings
from bot.stores.archive import Archive
from bot.stores.database import Database
from bot.stores.samples import Samples
from commands.clearing_failed_jobs.failed_jobs import failed_jobs
from sandbox.redis_server import RedisServer

ROOT = Path(__file__).resolve().parent.parent
KEY = "bull:nova-email"
SHOWN, QUEUED, CLEARED, FEW = 1_000, 1_000_000, 200_000, 20_000
TIMES, TURNS = 10, 3
MOST_SECONDS, MOST_PING = 2.0, 50.0
# Both do the same work in the same Redis: what is less apart than this is chance.
LEAST_RATIO = 0.95
_CHUNK = 10_000
# Jobs as NovaPulse's look after five attempts; written by a script, because adding them one by one takes minutes.
_WRITE = """
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local key = KEYS[1] .. ':' .. i
  redis.call('HSET', key, 'name', 'sendEmail', 'timestamp', 1700000000000 + i, 'delay', 0, 'priority', 0,
    'opts', '{"attempts":5,"backoff":{"type":"exponential","delay":2000}}',
    'data', '{"to":"person' .. i .. '@example.org","template":"welcome","text":"' .. string.rep('x', 200) .. '"}')
  if ARGV[3] == 'failed' then
    redis.call('HSET', key, 'processedOn', 1700000000500 + i, 'finishedOn', 1700000001000 + i, 'atm', 5, 'ats', 5,
      'failedReason', 'connect ETIMEDOUT 10.0.0.' .. i % 250 .. ':25',
      'stacktrace', '["Error: connect ETIMEDOUT\\\\n    at sendEmail (/app/email.processor.js:42:11)"]')
    redis.call('ZADD', KEYS[1] .. ':failed', 1700000001000 + i, i)
  else
    redis.call('LPUSH', KEYS[1] .. ':wait', i)
  end
end
"""


@dataclass(frozen=True)
class Cleared:
    """A clean-up: how long it took, what another client's PING took meanwhile, and how the memory grew, in MB."""

    seconds: float
    pings: Sample
    grown: float


async def shown(directory: Path) -> Sample:
    """Ask ``/failed-jobs email`` with a thousand failed jobs in a queue of a million."""
    async with _redis(directory) as (redis, settings), AsyncExitStack() as stack:
        await _write(redis, QUEUED - SHOWN, "waiting")
        await _write(redis, SHOWN, "failed", QUEUED)
        queues, api, database = Queues(settings), NovaPulseApi(ApiSettings()), Database(f"sqlite:///{directory}/a.db")
        for client in (queues, api, database):
            stack.push_async_callback(client.close)
        await database.migrate()
        policy, seconds = PolicyFile(ROOT / "policy.toml", load()), []
        for _ in range(TIMES):
            began = time.perf_counter()
            reply = await failed_jobs.handler(
                "email", "", queues=queues, api=api, policy=policy, samples=Samples(database), now=datetime.now(UTC)
            )
            seconds.append(time.perf_counter() - began)
            if not reply.title.startswith("1,000 or more"):
                raise RuntimeError(reply.title)
    return Sample(seconds)


async def cleared(directory: Path, jobs: int, *, archived: bool = True) -> Cleared:
    """Clear so many failed jobs as ``/clear-failed`` does, with an archive or with ``--no-archive``."""
    async with _redis(directory) as (redis, settings), AsyncExitStack() as stack:
        await _write(redis, jobs, "failed")
        queues, database = Queues(settings), Database(f"sqlite:///{directory}/b.db")
        await database.migrate()
        changes = QueueChanges(settings, queues, Archive(database, SecretStr("a-key")))
        for client in (changes, queues, database):
            stack.push_async_callback(client.close)
        before = _peak()
        async with _pinging(settings) as pings:
            began = time.perf_counter()
            at = time.time() * 1000
            if archived:
                said = await changes.clear("email", Selection(at).words, "bench", at, progress=_untold)
            else:
                said = await changes.drop("email", at, progress=_untold)
            seconds = time.perf_counter() - began
        if not said.startswith(f"{jobs:,} jobs removed") or await redis.dbsize() > 2:  # noqa: PLR2004 - meta, events
            raise RuntimeError(said)
    return Cleared(seconds, Sample(pings), _peak() - before)


async def cleaned(directory: Path, jobs: int, *, archived: bool) -> Cleared:
    """Clear so many failed jobs with Node's ``queue.clean``, a thousand at once, its memory left out.

    With ``archived``, each thousand is read through the library and written to a file before.
    """
    async with _redis(directory) as (redis, settings):
        await _write(redis, jobs, "failed")
        node = shutil.which("node")
        if node is None or settings.redis_url is None:
            raise RuntimeError("Node is not installed")
        environment = os.environ | {
            "NODE_PATH": str(ROOT / "sandbox" / "node_modules"),
            "REDIS_URL": settings.redis_url.get_secret_value(),
        }
        words = [str(ROOT / "benchmarks" / "clean.js"), *([str(directory / "archive.json")] if archived else [])]
        pipe = asyncio.subprocess.PIPE
        async with _pinging(settings) as pings:
            process = await asyncio.create_subprocess_exec(node, *words, stdout=pipe, env=environment)
            output, _ = await process.communicate()
        if process.returncode or await redis.zcard(f"{KEY}:failed"):
            raise RuntimeError("Node's clean-up failed")
    return Cleared(float(output), Sample(pings), 0.0)


async def report(directory: Path) -> bool:
    """Measure everything, print it, and say whether what is promised is kept."""
    print(f"/failed-jobs email, {SHOWN:,} failed jobs in a queue of {QUEUED:,}")
    sample = await shown(directory / "shown")
    slowest, is_kept = 1000 * max(sample.seconds), max(sample.seconds) <= MOST_SECONDS
    print(f"  p50 {sample.p50:,.0f} ms, slowest {slowest:,.0f} ms of {TIMES} (promised 2,000: {stands(is_kept)})\n")
    few = await cleared(directory / "few", FEW)
    many, same = await _in_turns(directory / "archived", archived=True)
    dropped, bare = await _in_turns(directory / "dropped", archived=False)
    print(f"/clear-failed email, {CLEARED:,} failed jobs, a copy of each kept (medians of {TURNS}, in turns)")
    print(f"  the bot: archived, removed by BullMQ's script          {many.seconds:6.1f} s")
    print(f"  Node: 1,000 read and written as JSON, queue.clean      {same.seconds:6.1f} s")
    print(_verdict(many, same))
    print(f"  memory: {few.grown:.0f} MB more for {FEW:,} jobs, then {many.grown:.0f} MB more for {CLEARED:,}")
    print(f"/clear-failed email --no-archive, {CLEARED:,} failed jobs, nothing kept (medians of {TURNS}, in turns)")
    print(f"  the bot: removed by BullMQ's script                    {dropped.seconds:6.1f} s")
    print(f"  Node: queue.clean in chunks of 1,000                   {bare.seconds:6.1f} s")
    print(_verdict(dropped, bare) + "\n", flush=True)
    return is_kept and keeps(many, same) and keeps(dropped, bare)


def stands(is_kept: bool) -> str:
    """Say whether a promise is kept."""
    return "kept" if is_kept else "NOT KEPT"


def keeps(bot: Cleared, node: Cleared) -> bool:
    """Whether another client's PING waits no longer than promised, and the bot is as fast as Node."""
    return bot.pings.p99 <= MOST_PING and node.seconds / bot.seconds >= LEAST_RATIO


async def _in_turns(directory: Path, *, archived: bool) -> tuple[Cleared, Cleared]:
    """Have the bot and Node clear the same in turns; return what took the median time of each."""
    bot, node = [], []
    for turn in range(TURNS):
        bot.append(await cleared(directory / f"bot-{turn}", CLEARED, archived=archived))
        node.append(await cleaned(directory / f"node-{turn}", CLEARED, archived=archived))
    return _median(bot), _median(node)


def _median(some: list[Cleared]) -> Cleared:
    """Return the one of the median time, with the PINGs of all: what others notice is told of every turn."""
    pings = Sample([ping for one in some for ping in one.pings.seconds])
    return Cleared(statistics.median(one.seconds for one in some), pings, max(one.grown for one in some))


def _verdict(bot: Cleared, node: Cleared) -> str:
    pings, slowest = bot.pings, 1000 * max(bot.pings.seconds)
    seen = f"p50 {pings.p50:.1f} ms, p99 {pings.p99:.1f} ms, slowest {slowest:.1f} ms of {len(pings.seconds):,}"
    promise = f"promised p99 {MOST_PING:g} ms, as fast as Node: {stands(keeps(bot, node))}"
    return (
        f"  another client's PING meanwhile: {seen}\n  the bot is {node.seconds / bot.seconds:.2f}x as fast ({promise})"
    )


@asynccontextmanager
async def _redis(directory: Path) -> AsyncIterator[tuple[Redis, RedisSettings]]:
    await asyncio.to_thread(directory.mkdir, parents=True)
    server = RedisServer(directory)
    await server.start()
    try:
        settings = RedisSettings(redis_url=SecretStr(server.direct_url), queues={"email": "nova-email"})
        async with Redis.from_url(server.direct_url, socket_timeout=None) as redis:
            await redis.hset(f"{KEY}:meta", "version", "bullmq:5.65.1")
            # What is written first would have Redis write its file anew during what is measured, in another process.
            await redis.config_set("auto-aof-rewrite-percentage", 0)
            yield redis, settings
    finally:
        await server.stop()


async def _write(redis: Redis, jobs: int, state: str, start: int = 0) -> None:
    for first in range(start, start + jobs, _CHUNK):
        last = min(first + _CHUNK, start + jobs) - 1
        await redis.eval(_WRITE, 1, KEY, str(first), str(last), state)


@asynccontextmanager
async def _pinging(settings: RedisSettings) -> AsyncIterator[list[float]]:
    """Have another process send PINGs until the block ends; the list is filled then."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else ""
    pipe, words = asyncio.subprocess.PIPE, (sys.executable, "-m", "benchmarks.pinger", url)
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, cwd=ROOT)
    if process.stdout is None:
        raise RuntimeError("no pipe")
    await process.stdout.readline()
    seconds: list[float] = []
    yield seconds
    output, _ = await process.communicate(b"")
    seconds += json.loads(output)


async def _untold(message: str) -> None:
    del message


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
