"""``/rollout-status``: how far the rollouts are, pod by pod."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from bot.attempt import together, why
from bot.clients.cluster_state import WORKLOADS, DeploymentState, PodState, Rollout, Workload
from bot.clients.platform import Platform
from bot.clients.platform_words import Words
from bot.command import command
from bot.elapsed import elapsed
from bot.errors import BotError
from bot.outages import Outages
from bot.reply import Fields, Level, Line, Part, Reply, Table, say, worst
from bot.restarts import restarts
from bot.stores.samples import Samples


@command(
    "/rollout-status",
    permission="deployments:read",
    section="Adding a New Worker",
    runbook=(
        "kubectl rollout status deployment/novapulse-worker -n novapulse",
        "kubectl rollout status deployment/novapulse-api -n novapulse",
    ),
    examples=("/rollout-status", "/rollout-status worker"),
)
async def rollout_status(
    deployment: Annotated[Literal["api", "worker"] | None, Field(description="One only; both when left out")] = None,
    *,
    cluster: Platform,
    samples: Samples,
    now: datetime,
) -> Reply:
    """Show whether the deployments are rolled out, and the pods of each."""
    roles: tuple[Workload, ...] = (deployment,) if deployment else WORKLOADS
    outages = Outages(samples, now)
    shown = await together(*(_deployment(cluster, role, outages) for role in roles))
    lines = [line for line, _ in shown]
    level, words = worst(line.level for line in lines), cluster.words
    titles = {
        Level.OK: words.rolled_out,
        Level.WARNING: words.rolling_out,
        Level.CRITICAL: words.stalled,
        Level.UNKNOWN: words.unread,
    }
    parts = [part for line, more in shown for part in (line, *more)]
    return say(titles[level], *parts, level=level)


async def _deployment(cluster: Platform, role: Workload, outages: Outages) -> tuple[Line, list[Part]]:
    name, words = cluster.name(role), cluster.words
    found, rollout, pods = await together(
        outages.attempt(cluster.deployment(role)),
        outages.attempt(cluster.rollout(role)),
        outages.attempt(cluster.pods(role)),
    )
    if isinstance(found, BotError):
        return Line(level=Level.UNKNOWN, label=name, value=why(found)), []
    if isinstance(rollout, BotError):
        return Line(level=Level.UNKNOWN, label=name, value=why(rollout)), [_facts(found, words)]
    # The client's words begin with the name, which is the line's label here.
    value = rollout.message.removeprefix(name).lstrip(": ").removeprefix("is ")
    line = Line(level=_level(rollout), label=name, value=value)
    if isinstance(pods, BotError):
        return line, [
            _facts(found, words),
            Line(level=Level.UNKNOWN, label=f"{words.pod.capitalize()}s of {name}", value=why(pods)),
        ]
    return line, [_facts(found, words), *([_table(pods, outages.now, words)] if pods else [])]


def _level(rollout: Rollout) -> Level:
    if rollout.stalled:
        return Level.CRITICAL
    return Level.OK if rollout.done else Level.WARNING


def _facts(found: DeploymentState, words: Words) -> Fields:
    pairs = {
        "Wanted": f"{found.replicas}",
        "Ready": f"{found.ready}",
        "Up to date": f"{found.updated}",
    }
    if words.has_revisions:
        pairs["Revision"] = "unknown" if found.revision is None else f"{found.revision}"
    pairs["Image"] = found.image or "unknown"
    if found.paused:
        pairs["Rollouts"] = "paused"
    return Fields(pairs=tuple(pairs.items()))


def _table(pods: list[PodState], now: datetime, words: Words) -> Table:
    rows = tuple(
        (
            pod.name,
            _state(pod),
            restarts(pod.restarts, pod.last_restart_reason, pod.last_restart_at, now),
            "?" if pod.started_at is None else elapsed(now - pod.started_at),
        )
        for pod in sorted(pods, key=lambda pod: pod.name)
    )
    return Table(columns=(words.pod.capitalize(), "State", "Restarts", "Age"), rows=rows)


def _state(pod: PodState) -> str:
    if pod.terminating:
        return "stopping"
    if pod.ending is not None:
        return pod.ending.reason
    return "ready" if pod.ready else pod.waiting or pod.phase.lower()
