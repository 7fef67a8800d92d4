"""Numbers for people: percentiles of a sample, and what the machine is."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """Durations in seconds, in the order in which they were measured."""

    seconds: Sequence[float]
    failed: int = 0

    @property
    def p50(self) -> float:
        """The median, in milliseconds."""
        return 1000 * statistics.median(self.seconds)

    @property
    def p99(self) -> float:
        """What 99 of 100 stay below, in milliseconds; of a small sample it is close to the slowest."""
        return 1000 * statistics.quantiles(self.seconds, n=100, method="inclusive")[98]

    def line(self, name: str) -> str:
        """Return a row of the table: how many, p50, p99."""
        failed = f"  {self.failed} failed" if self.failed else ""
        return f"  {name:<44}{len(self.seconds):>5}{self.p50:>11.1f}{self.p99:>11.1f}{failed}"


HEAD = f"  {'':<44}{'n':>5}{'p50 ms':>11}{'p99 ms':>11}"


def ratio(name: str, one: Sample, other: Sample) -> str:
    """Return the row that divides one sample by the other."""
    return f"  {name:<44}{'':>5}{one.p50 / other.p50:>10.2f}x{one.p99 / other.p99:>10.2f}x"


def machine() -> str:
    """Return what the numbers were measured on: cores, how busy they were, the processor, Python."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores ({_processor()}), load {load:.1f} before, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
