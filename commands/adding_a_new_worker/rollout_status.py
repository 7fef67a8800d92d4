"""``/rollout-status``: how far the rollouts are, pod by pod."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from bot.attempt import attempt, why
from bot.clients.cluster import Cluster
from bot.clients.cluster_state import WORKLOADS, DeploymentState, PodState, Rollout, Workload
from bot.command import command
from bot.errors import BotError
from bot.forecast import duration
from bot.reply import Fields, Level, Line, Part, Reply, Table, say

_WORST_FIRST = (Level.CRITICAL, Level.WARNING, Level.UNKNOWN, Level.OK)


@command(
    "/rollout-status",
    permission="deployments:read",
    section="Adding a New Worker",
    runbook=("kubectl rollout status deployment/novapulse-worker -n novapulse",),
    examples=("/rollout-status", "/rollout-status worker"),
)
async def rollout_status(
    deployment: Annotated[Literal["api", "worker"] | None, Field(description="One only; both when left out")] = None,
    *,
    cluster: Cluster,
    now: datetime,
) -> Reply:
    """Show whether the deployments are rolled out, and the pods of each."""
    roles: tuple[Workload, ...] = (deployment,) if deployment else WORKLOADS
    shown = await asyncio.gather(*(_deployment(cluster, role, now) for role in roles))
    lines = [line for line, _ in shown]
    worst = next(level for level in _WORST_FIRST if level in {line.level for line in lines})
    titles = {
        Level.OK: "Rolled out",
        Level.WARNING: "Rolling out",
        Level.CRITICAL: "A rollout does not get on",
        Level.UNKNOWN: "The rollout could not be read",
    }
    parts = [part for line, more in shown for part in (line, *more)]
    return say(titles[worst], *parts, level=worst)


async def _deployment(cluster: Cluster, role: Workload, now: datetime) -> tuple[Line, list[Part]]:
    name = cluster.name(role)
    found, rollout, pods = await asyncio.gather(
        attempt(cluster.deployment(role)), attempt(cluster.rollout(role)), attempt(cluster.pods(role))
    )
    if isinstance(found, BotError):
        return Line(level=Level.UNKNOWN, label=name, value=why(found)), []
    if isinstance(rollout, BotError):
        return Line(level=Level.UNKNOWN, label=name, value=why(rollout)), [_facts(found)]
    line = Line(level=_level(rollout), label=name, value=rollout.message)
    if isinstance(pods, BotError):
        return line, [_facts(found), Line(level=Level.UNKNOWN, label=f"Pods of {name}", value=why(pods))]
    return line, [_facts(found), *([_table(pods, now)] if pods else [])]


def _level(rollout: Rollout) -> Level:
    if rollout.stalled:
        return Level.CRITICAL
    return Level.OK if rollout.done else Level.WARNING


def _facts(found: DeploymentState) -> Fields:
    pairs = {
        "Wanted": f"{found.replicas}",
        "Ready": f"{found.ready}",
        "Up to date": f"{found.updated}",
        "Revision": "unknown" if found.revision is None else f"{found.revision}",
        "Image": found.image or "unknown",
    }
    if found.paused:
        pairs["Rollouts"] = "paused"
    return Fields(pairs=tuple(pairs.items()))


def _table(pods: list[PodState], now: datetime) -> Table:
    rows = tuple(
        (
            pod.name,
            _state(pod),
            f"{pod.restarts}" + (f" ({pod.last_restart_reason})" if pod.last_restart_reason else ""),
            "?" if pod.started_at is None else duration((now - pod.started_at).total_seconds()).removeprefix("about "),
        )
        for pod in sorted(pods, key=lambda pod: pod.name)
    )
    return Table(columns=("Pod", "State", "Restarts", "Age"), rows=rows)


def _state(pod: PodState) -> str:
    if pod.terminating:
        return "stopping"
    return "ready" if pod.ready else pod.waiting or pod.phase.lower()
