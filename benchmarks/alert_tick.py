"""One evaluation of the alert rules over many queues, in a process of its own, so that its memory is its own."""

import asyncio
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot import catalog
from bot.alerting.evaluate import AlertState, evaluate
from bot.policy_file import PolicyFile
from bot.schedule import Observation
from bot.stores.database import Database
from bot.stores.incidents import Incidents

QUEUES = (1_250, 2_500, 5_000, 10_000)
ACTIVE_SHARE = 0.2
_METRICS = ("queue_waiting", "queue_failed", "queue_oldest_seconds", "queue_stalled_seconds", "queue_workers")
_QUIET = {"queue_workers": 2.0}
_POLICY = Path(__file__).parents[1] / "policy.toml"
_MIB = 1024
_TICK = timedelta(seconds=30)


def observations(queues: int, now: datetime) -> list[Observation]:
    """Return what is seen of so many queues, a fifth of them with a backlog."""
    busy = int(queues * ACTIVE_SHARE)
    return [
        Observation(
            metric=metric,
            labels={"queue": f"q{number}"},
            value=1500.0 if metric == "queue_waiting" and number < busy else _QUIET.get(metric, 0.0),
            at=now,
        )
        for number in range(queues)
        for metric in _METRICS
    ]


async def one_tick(queues: int) -> tuple[float, float, int]:
    """Return the seconds that the third tick's evaluation and its remembering take, and how many alerts are active."""
    rules = PolicyFile(_POLICY, catalog.load()).current.alerts
    now, states = datetime(2026, 7, 1, 9, tzinfo=UTC), dict[str, AlertState]()
    with tempfile.TemporaryDirectory(prefix="novapulse-bench-") as folder:
        database = Database(f"sqlite:///{folder}/state.db")
        await database.migrate()
        incidents = Incidents(database)
        evaluated = remembered = 0.0
        for tick in range(3):
            at = now + tick * _TICK
            seen = observations(queues, at)
            started = time.perf_counter()
            found = evaluate(rules, seen, states, at)
            evaluated = time.perf_counter() - started
            states = {one.alert.fingerprint: one.state for one in found if one.state.is_active}
            stored = {name: state.model_dump(mode="json") for name, state in states.items()}
            async with database.transaction() as connection:
                await incidents.remember(stored, at, connection=connection)
            remembered = time.perf_counter() - started - evaluated
        await database.close()
    return evaluated, remembered, len(states)


def _memory() -> float:
    """Return the most memory that this process has used so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB


async def report() -> str:
    """Measure each size in a process of its own, and say the curve: linear is a ratio near that of the sizes."""
    lines = ["one evaluation of the default rules: queues, active alerts, evaluated, remembered, more memory"]
    first = 0.0
    for queues in QUEUES:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.alert_tick", str(queues), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        evaluated, remembered, active, memory = (float(part) for part in out.split())
        total = evaluated + remembered
        first = first or total
        ratio = f"{queues / QUEUES[0]:.0f}x queues: {total / first:.1f}x time"
        lines.append(
            f"  {queues:>6,} {active:>6,.0f} {evaluated * 1000:>7.0f} ms {remembered * 1000:>7.0f} ms "
            f"{memory:>5.0f} MiB   {ratio}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(one_tick(1))  # what is loaded once is no part of a tick
    before = _memory()
    print(*asyncio.run(one_tick(int(sys.argv[1]))), _memory() - before)
