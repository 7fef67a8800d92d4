"""How often pods restarted, in words: an old kill is not taken for a new one."""

from collections.abc import Sequence
from datetime import datetime

from bot.clients.cluster_state import PodState
from bot.elapsed import elapsed


def restarts(count: int, reason: str, at: datetime | None, now: datetime) -> str:
    """Say of one pod how often, and how and how long ago the last one ended."""
    last = [reason] if reason else []
    if count and at is not None:
        last.append(f"{elapsed(now - at)} ago")
    return f"{count} ({' '.join(last)})" if last else f"{count}"


def restarts_of(pods: Sequence[PodState], now: datetime) -> str:
    """Say of several pods how their containers ended, and how long ago the last did; empty where nothing tells."""
    said = sorted({pod.last_restart_reason for pod in pods if pod.last_restart_reason})
    if times := [pod.last_restart_at for pod in pods if pod.restarts and pod.last_restart_at]:
        said.append(f"the last {elapsed(now - max(times))} ago")
    return f" ({', '.join(said)})" if said else ""
