"""``/pods``: which pods there are, whether they are ready, and why they restarted."""

from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Final

from pydantic import Field

from bot.clients.cluster_usage import ListedPod
from bot.clients.platform import PodReading, WorkloadReading
from bot.command import command
from bot.errors import NotFound
from bot.forecast import duration
from bot.masking import cut
from bot.reply import Level, Reply, Table, Text, say

_WELL: Final = frozenset({"ready", "succeeded", "Completed"})


@command(
    "/pods",
    permission="deployments:read",
    section="Emergency Procedures",
    runbook=(
        "kubectl get pods -l app=novapulse-worker -n novapulse",
        "kubectl get pods -l app=novapulse-api -n novapulse",
    ),
    examples=("/pods", "/pods worker", "/pods redis"),
)
async def pods(
    app: Annotated[str | None, Field(description="One app only, such as api, worker or redis")] = None,
    *,
    workloads: WorkloadReading,
    pod_metrics: PodReading,
    now: datetime,
) -> Reply:
    """Show the pods: ready, restarts and why, age, node and image."""
    found, words = await pod_metrics.pods(), workloads.words
    shown = found if app is None else _of(app, found, workloads)
    if not shown:
        whose = f" of {app}; /rollout-status says how many are wanted" if found else ""
        return say(f"There are no {words.pod}s{whose}", level=Level.WARNING)
    unwell = [pod for pod in shown if pod.state not in _WELL]
    nodes = any(pod.node for pod in shown)
    title = f"{words.pods(len(shown))}, "
    title += f"{len(unwell)} not ready" if unwell else "all ready"
    parts = [
        Table(
            columns=(words.pod.capitalize(), "State", "Ready", "Restarts", "Age", *(("Node",) if nodes else ())),
            rows=tuple((*_row(pod, now), *((pod.node or "none",) if nodes else ())) for pod in shown),
        )
    ]
    images = "\n".join(sorted({f"{pod.app or pod.name}: {pod.image or 'image unknown'}" for pod in shown}))
    return say(title, *parts, Text.of(images), level=Level.WARNING if unwell else Level.OK)


def _of(app: str, found: list[ListedPod], workloads: WorkloadReading) -> list[ListedPod]:
    """Return an app's pods, by its name or by its role; raises UsageError naming those that exist."""
    roles = {role: workloads.name(role) for role in ("api", "worker", "redis")}
    wanted = roles.get(app.lower(), app.lower())
    known = sorted({pod.app for pod in found if pod.app})
    shown = [pod for pod in found if pod.app.lower() == wanted]
    if shown or wanted in {name.lower() for name in roles.values()}:
        return shown
    nearest = get_close_matches(app.lower(), [*roles, *known], n=1)
    message = (
        f"There are no {workloads.words.pod}s of {cut(app, 60)!r}: there are some of {', '.join(known) or 'nothing'}."
    )
    raise NotFound(message, nearest=nearest[0] if nearest else "", argument="app")


def _row(pod: ListedPod, now: datetime) -> tuple[str, ...]:
    restarts = f"{pod.restarts}" + (f" ({pod.reason})" if pod.reason else "")
    began = pod.created_at or pod.started_at
    age = "?" if began is None else duration((now - began).total_seconds()).removeprefix("about ")
    return (pod.name, pod.state, f"{pod.ready}/{pod.containers}", restarts, age)
