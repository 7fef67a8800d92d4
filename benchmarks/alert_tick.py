"""A whole tick of the alerts over many queues: Redis, the rules, the database; each size in a process of its own."""

import asyncio
import base64
import json
import resource
import socket
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr
from redis.asyncio import Redis

from benchmarks.tick_counts import Counted, Others, TimedQueues, TimedSamples, counting, others
from benchmarks.tick_promises import broken, growth, verdict
from bot import catalog
from bot.alerting.parts import alerting_parts
from bot.alerting.pipeline import Alerting
from bot.clients.redis import RedisServer
from bot.loading import settled
from bot.policy_file import PolicyFile
from bot.settings import RedisSettings
from bot.stores.database import Database
from schedules.threshold_alerts import threshold_alerts
from tests.servers import redis_server

QUEUES: Final = (1_250, 2_500, 5_000, 10_000)
ACTIVE_SHARE: Final = 0.2
CHANGED: Final = 200
_START: Final = datetime(2026, 7, 1, 9, tzinfo=UTC)
_TICK: Final = timedelta(seconds=30)
_POLICY: Final = Path(__file__).parents[1] / "policy.toml"
_MIB: Final = 1024
_CHUNK: Final = 250
# The first tick after a start writes every sample. The second finds what has waited for 30 s, the fourth nothing new;
# the fifth sees more jobs, the sixth rings.
_SHOWN: Final = {0: "the first of all", 1: "all alerts new", 3: "nothing changed", 5: "200 worsened"}
_GROWS: Final = 4
# A queue of BullMQ as it is after a while: its meta, its counter, the last job that was completed, what waits.
_WRITE: Final = """
for _, key in ipairs(KEYS) do
  redis.call('HSET', key .. ':meta', 'version', 'bullmq:5.65.1', 'opts.maxLenEvents', 10000)
  redis.call('SET', key .. ':id', 5000)
  redis.call('ZADD', key .. ':completed', ARGV[1], 'done')
  for i = 1, tonumber(ARGV[2]) do redis.call('LPUSH', key .. ':wait', i) end
  for _, i in ipairs({1, tonumber(ARGV[2])}) do
    if i > 0 then redis.call('HSET', key .. ':' .. i, 'timestamp', ARGV[1], 'opts', '{"attempts":5}') end
  end
end
"""


@dataclass
class World:
    """The systems of one measurement."""

    queues: TimedQueues
    redis: RedisServer
    raw: Redis
    samples: TimedSamples
    alerting: Alerting
    database: Database

    async def tick(self, number: int) -> Counted:
        """Do the whole tick while others want to live and to write, and say what it took."""
        now, begun, cpu = _START + number * _TICK, await self._asked(), time.process_time()
        with counting() as found:
            async with others(self.database, found):
                await self._do(now, found)
        found.cpu = time.process_time() - cpu
        asked = [after - before for before, after in zip(begun, await self._asked(), strict=True)]
        found.reads, found.commands, found.redis_cpu = int(asked[0]), int(asked[1]), asked[2]
        found.read, found.sampled = self.queues.seconds, self.samples.seconds
        return found

    async def _do(self, now: datetime, found: Counted) -> None:
        """Observe, then judge."""
        started = time.perf_counter()
        systems: Any = (Others(), Others(), Others())
        seen: Any = await threshold_alerts.handler(self.queues, self.redis, *systems, self.samples, now)
        found.observed = time.perf_counter() - started
        await self.alerting.tick(seen, now)
        found.judged = time.perf_counter() - started - found.observed

    async def _asked(self) -> tuple[float, float, float]:
        said = await self.raw.info("all")
        spent = said["used_cpu_user"] + said["used_cpu_sys"]
        return said["total_reads_processed"], said["total_commands_processed"], spent


async def measure(queues: int) -> dict[str, Counted]:
    """Run six ticks over so many queues, a fifth of them with a backlog."""
    busy = int(queues * ACTIVE_SHARE)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="novapulse-bench-"))
        url = stack.enter_context(redis_server(Path(folder)))
        raw = await stack.enter_async_context(Redis.from_url(url))
        await raw.config_set("maxclients", 15_000)
        names = [f"bull:nova-q{number}" for number in range(queues)]
        await _write(raw, names[:busy], 1_500)
        await _write(raw, names[busy:], 0)
        for worker in _workers(url, queues):
            stack.callback(worker.close)
        world = await _world(stack, url, f"sqlite:///{folder}/state.db", queues, raw)
        settled()  # as the bot does once it runs
        before, found = _memory(), dict[str, Counted]()
        for number in range(6):
            if number == _GROWS:
                await _write(raw, names[:CHANGED], 1_000)
            counted = await world.tick(number)
            counted.grown = _memory() - before
            if number in _SHOWN:
                found[_SHOWN[number]] = counted
    return found


async def _world(stack: AsyncExitStack, url: str, database_url: str, queues: int, raw: Redis) -> World:
    names = {f"q{number}": f"nova-q{number}" for number in range(queues)}
    settings = RedisSettings(redis_url=SecretStr(url), queues=names)
    database, commands = Database(database_url), catalog.load()
    await database.migrate()
    policy = PolicyFile(_POLICY, commands)
    alerting, _ = alerting_parts(database, policy, commands, channel="C1", clock=lambda: _START)
    world = World(TimedQueues(settings), RedisServer(settings), raw, TimedSamples(database), alerting, database)
    for part in (world.queues, world.redis, database):
        stack.push_async_callback(part.close)
    return world


async def _write(raw: Redis, keys: list[str], waiting: int) -> None:
    at = int((_START + 2 * _TICK).timestamp() * 1000)
    for start in range(0, len(keys), _CHUNK):
        these = keys[start : start + _CHUNK]
        await raw.eval(_WRITE, len(these), *these, at, waiting)


def _workers(url: str, queues: int) -> list[socket.socket]:
    """Connect one worker a queue, named as BullMQ's are."""
    found, server = [], urlsplit(url)
    for number in range(queues):
        worker = socket.create_connection((server.hostname, server.port))
        name = base64.b64encode(f"nova-q{number}".encode()).decode()
        worker.sendall(f"CLIENT SETNAME bull:{name}:w:one\r\n".encode())
        worker.recv(16)
        found.append(worker)
    return found


def _memory() -> float:
    """Return the most memory that this process has used so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB


async def report() -> tuple[str, bool]:
    """Measure each size in a process of its own; say the curve, and whether it keeps what is promised."""
    lines = ["one whole tick of the default rules; a fifth of the queues have an active alert, ms"]
    heads = (
        "read observe sample  judge  total | silence  turn |    CPU  Redis | reads commands | statements  rows |  MiB"
    )
    lines.append(f"  queues  tick               {heads}")
    curve: dict[int, dict[str, Counted]] = {}
    for queues in QUEUES:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.alert_tick", str(queues), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        curve[queues] = {kind: Counted(**values) for kind, values in json.loads(out).items()}
        lines += [_line(queues, kind, one) for kind, one in curve[queues].items()]
    return "\n".join([*lines, *growth(curve), verdict(curve)]), not broken(curve)


def _line(queues: int, kind: str, one: Counted) -> str:
    observed = one.observed - one.read - one.sampled
    times = (one.read, observed, one.sampled, one.judged, one.total)
    said = " ".join(f"{seconds * 1000:>6,.0f}" for seconds in times)
    return (
        f"  {queues:>6,}  {kind:<16} {said} | {one.silence * 1000:>7,.0f} {one.turn * 1000:>5,.0f} | "
        f"{one.cpu * 1000:>6,.0f} {one.redis_cpu * 1000:>6,.0f} | {one.reads:>5,} {one.commands:>8,} | "
        f"{one.statements:>6,} {one.rows:>7,} | {one.grown:>4.0f}"
    )


if __name__ == "__main__":
    import uvloop

    print(json.dumps({kind: asdict(one) for kind, one in uvloop.run(measure(int(sys.argv[1]))).items()}))
