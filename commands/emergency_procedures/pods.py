"""``/pods``: which pods there are, whether they are ready, and why they restarted."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from bot.clients.cluster_usage import ListedPod
from bot.clients.platform import PodReading, WorkloadReading
from bot.command import command
from bot.elapsed import elapsed
from bot.errors import NotFound
from bot.forecast import duration
from bot.nearest import nearest, shown
from bot.reply import Level, Note, Part, Reply, Table, Text, say
from bot.restarts import restarts

_READY: Final = "ready"
_KEPT: Final = "Nothing runs in a {pod} that has ended; it is listed until somebody deletes it, or the cluster does"


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
    listed = found if app is None else _of(app, found, workloads)
    if not listed:
        whose = f" of {app}; /rollout-status says how many are wanted" if found else ""
        return say(f"There are no {words.pod}s{whose}", level=Level.WARNING)
    present = [pod for pod in listed if pod.ending is None]
    ended = [pod for pod in listed if pod.ending is not None]
    unwell = [pod for pod in present if pod.state != _READY]
    nodes = any(pod.node for pod in listed)
    title = f"{words.pods(len(present))}, " if present else f"No {words.pod} runs"
    title += (f"{len(unwell)} not ready" if unwell else "all ready") if present else ""
    title += f"; {len(ended)} {'has' if len(ended) == 1 else 'have'} ended" if ended else ""
    parts: list[Part] = [
        Table(
            columns=(words.pod.capitalize(), "State", "Ready", "Restarts", "Age", *(("Node",) if nodes else ())),
            rows=tuple((*_row(pod, now), *((pod.node or "none",) if nodes else ())) for pod in (*present, *ended)),
        )
    ]
    parts += [Note.of(_KEPT.format(pod=words.pod))] if ended else []
    images = "\n".join(sorted({f"{pod.app or pod.name}: {pod.image or 'image unknown'}" for pod in listed}))
    return say(title, *parts, Text.of(images), level=Level.OK if present and not unwell else Level.WARNING)


def _of(app: str, found: list[ListedPod], workloads: WorkloadReading) -> list[ListedPod]:
    """Return an app's pods, by its name or by its role; raises NotFound naming those that exist."""
    roles = {role: workloads.name(role) for role in ("api", "worker", "redis")}
    wanted = roles.get(app.lower(), app.lower())
    known = sorted({pod.app for pod in found if pod.app})
    listed = [pod for pod in found if pod.app.lower() == wanted]
    if listed or wanted in {name.lower() for name in roles.values()}:
        return listed
    message = f"There are no {workloads.words.pod}s of {shown(app)}: there are some of {', '.join(known) or 'nothing'}."
    raise NotFound(message, nearest=nearest(app, [*roles, *known]), argument="app")


def _row(pod: ListedPod, now: datetime) -> tuple[str, ...]:
    often = restarts(pod.restarts, pod.reason, pod.restarted_at, now)
    state = f"{pod.state} {elapsed(now - pod.ending.at)} ago" if pod.ending and pod.ending.at else pod.state
    began = pod.created_at or pod.started_at
    age = "?" if began is None else duration((now - began).total_seconds()).removeprefix("about ")
    return (pod.name, state, f"{pod.ready}/{pod.containers}", often, age)
