"""What a change did to a workload: what was read before it and since, side by side, and a plain verdict."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from bot.clients.cluster_quantities import as_memory

HIGH: Final = 0.85  # of the limit: the runbook's "High memory usage (> 85%)"
_SLOWER: Final = 0.8  # of the rate before; what differs by less is noise
_SHOWN: Final = 8  # queues that are named


class Reading(BaseModel):
    """A workload and its queues at one moment. None, or a key that is not there, is unknown.

    ``memory`` and ``limit`` (bytes) are those of the process nearest to its limit, ``restarts`` counts by pod uid,
    ``per_minute`` the jobs that ended in the last minutes, ``paused`` names the queues that are known to be paused,
    ``pool`` the connections to MongoDB, ``health`` is empty where the API was not asked.
    """

    model_config = ConfigDict(frozen=True)

    at: datetime
    waiting: dict[str, int | None] = {}
    per_minute: float | None = None
    paused: tuple[str, ...] = ()
    memory: float | None = None
    limit: float | None = None
    restarts: dict[str, int] = {}
    reasons: tuple[str, ...] = ()
    pool: float | None = None
    is_healthy: bool | None = None
    health: str = ""

    @property
    def share(self) -> float | None:
        """How much of its limit the process uses."""
        return self.memory / self.limit if self.memory is not None and self.limit else None


def compared(before: Reading | None, now: Reading, role: str) -> str:
    """Say the verdict first, then what it rests on."""
    parts = _api(before, now) if role == "api" else _work(before, now)
    return "; ".join((_verdict(before, now, role), *parts, _memory(before, now), _restarts(before, now)))


def _verdict(before: Reading | None, now: Reading, role: str) -> str:
    if against := "; ".join(_against(before, now)):
        return f"{against}: consider undo"
    unknown = [name for name, is_known in _known(before, now, role).items() if not is_known]
    said = "nothing that is known speaks for undo" if unknown else "nothing speaks for undo"
    if held := _held_up(before, now):
        said = f"{held}, which is no reason for undo; {said.replace('nothing', 'nothing else')}"
    return f"{said}; unknown: {', '.join(unknown)}" if unknown else said


def _held_up(before: Reading | None, now: Reading) -> str:
    """Say that fewer jobs end because queues are paused; empty where they do not, or none is."""
    if not now.paused or not (now.per_minute == 0 or _fell(before, now)):
        return ""
    if set(now.waiting) <= set(now.paused):
        return "no job is begun: the queues are paused"
    are = "is" if len(now.paused) == 1 else "are"
    names = ", ".join(now.paused[:_SHOWN]) + (", ..." if len(now.paused) > _SHOWN else "")
    return f"jobs that end: {_rate(now.per_minute)}, because {names} {are} paused"


def _fell(before: Reading | None, now: Reading) -> bool:
    rate, after = before.per_minute if before else None, now.per_minute
    return rate is not None and after is not None and after < rate * _SLOWER


def _against(before: Reading | None, now: Reading) -> Iterator[str]:
    if count := _restarted(before, now):
        why = f" ({', '.join(now.reasons)})" if now.reasons else ""
        yield f"restarted {count} {'time' if count == 1 else 'times'} since{why}"
    was, share = before.share if before else None, now.share
    if share is not None and share > HIGH:
        rose = was is not None and was < share
        yield (
            f"memory rose from {was:.0%} to {share:.0%} of the limit" if rose else f"memory is {share:.0%} of the limit"
        )
    if before and _fell(before, now) and any(now.waiting.values()) and not now.paused:
        yield f"jobs that end fell from {_rate(before.per_minute)} to {_rate(now.per_minute)} while jobs wait"
    if now.is_healthy is False:
        yield "the API is not healthy"


def _known(before: Reading | None, now: Reading, role: str) -> Mapping[str, bool]:
    known = {"what was before": before is not None, "memory": now.share is not None}
    if role == "api":
        return known | {"health": now.is_healthy is not None}
    rates = now.per_minute is not None and (before is None or before.per_minute is not None)
    return known | {"rate": rates, "queues": bool(now.waiting) and None not in now.waiting.values()}


def _restarted(before: Reading | None, now: Reading) -> int:
    earlier = before.restarts if before else {}
    return sum(max(0, count - earlier.get(uid, 0)) for uid, count in now.restarts.items())


def _work(before: Reading | None, now: Reading) -> tuple[str, ...]:
    was = before.waiting if before else {}
    queues = [f"{name} {_count(value)}{_was(was, name)}" for name, value in list(now.waiting.items())[:_SHOWN]]
    if more := len(now.waiting) - len(queues):
        queues.append(f"{more} more")
    rate = f"jobs that ended: {_rate(now.per_minute)} (was {_rate(before.per_minute if before else None)})"
    return (f"waiting: {', '.join(queues) or 'unknown'}", rate)


def _was(was: Mapping[str, int | None], name: str) -> str:
    return f" (was {_count(was.get(name))})"


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _rate(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f} a minute"


def _api(before: Reading | None, now: Reading) -> tuple[str, ...]:
    pool = "unknown, the API gives no sample of it"
    if now.pool is not None:
        was = "unknown" if before is None or before.pool is None else f"{before.pool:,.0f}"
        pool = f"{now.pool:,.0f} (was {was})"
    return (now.health or "health unknown", f"connections to MongoDB: {pool}")


def _memory(before: Reading | None, now: Reading) -> str:
    if now.memory is None:
        return "memory unknown"
    was = before.share if before else None
    share = "" if now.share is None else f" of {as_memory(now.limit or 0.0)} ({now.share:.0%})"
    return f"memory at most {as_memory(now.memory)}{share}, was {'unknown' if was is None else f'{was:.0%}'}"


def _restarts(before: Reading | None, now: Reading) -> str:
    return f"restarts since: {_restarted(before, now) or 'none'}"
