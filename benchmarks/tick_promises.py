"""What is promised of a tick of the alerts, and whether the curve that was measured keeps it."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from benchmarks.tick_counts import Counted

MOST_SECONDS: Final = 2.0
MOST_MEGABYTES: Final = 200.0
# Slack waits three seconds for an ack, which is written into the database first.
MOST_WAITING: Final = 1.0
# Eight times the queues may cost so many times as much in all; linear is 8.
MOST_GROWTH: Final = 12.0
_MEGABYTE: Final = 1000**2 / 1024**2

# What was measured of each tick, by how many queues there were.
Curve = Mapping[int, Mapping[str, Counted]]


def growth(curve: Curve) -> Iterator[str]:
    """Say how much more each doubling cost, by the CPU time of the bot and of Redis, and in memory."""
    for fewer, more in pairwise(sorted(curve)):
        said = [
            f"{kind} {_spent(curve[more][kind]) / _spent(curve[fewer][kind]):.1f}x"
            for kind in curve[more]
            if kind in curve[fewer]
        ]
        memory = _memory(curve[more]) / max(_memory(curve[fewer]), 1.0)
        yield f"  {fewer:,} to {more:,} queues ({more / fewer:g}x): {', '.join(said)}, memory {memory:.1f}x"


def broken(curve: Curve) -> list[str]:
    """Return what is not kept of what is promised, a sentence each."""
    least, most = min(curve), max(curve)
    found = []
    for kind, one in curve[most].items():
        if one.total > MOST_SECONDS and not kind.startswith("the first"):
            found.append(f"{kind}: {one.total:.2f} s")
        if (waited := max(one.silence, one.turn)) > MOST_WAITING:
            found.append(f"{kind}: others waited for {waited:.2f} s")
        grown, allowed = _spent(one) / _spent(curve[least][kind]), MOST_GROWTH / 8 * most / least
        if grown > allowed:
            found.append(f"{kind}: {most / least:g}x the queues cost {grown:.1f}x")
    if (megabytes := _memory(curve[most]) / _MEGABYTE) > MOST_MEGABYTES:
        found.append(f"{megabytes:.0f} MB")
    return found


def verdict(curve: Curve) -> str:
    """Say what is promised and whether it is kept."""
    missed = broken(curve)
    promise = f"promised {MOST_SECONDS:g} s, {MOST_MEGABYTES:g} MB, nobody waits {MOST_WAITING:g} s, growth near linear"
    stands = f"NOT KEPT ({'; '.join(missed)})" if missed else "kept"
    return f"  {max(curve):,} queues, {promise}: {stands}"


def _spent(one: Counted) -> float:
    """Return the CPU seconds of the bot and of Redis: what else the machine does moves them least."""
    return max(one.cpu + one.redis_cpu, 0.001)


def _memory(ticks: Mapping[str, Counted]) -> float:
    return max(one.grown for one in ticks.values())
