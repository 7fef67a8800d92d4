"""``/top-pods``: what the pods use of what they may, with the runbook's marks."""

from typing import Final

from bot.attempt import attempt, together, why
from bot.clients.cluster_quantities import as_cores, as_memory
from bot.clients.cluster_usage import ListedPod, PodUsage
from bot.clients.platform import PodReading
from bot.clients.platform_words import Words
from bot.command import command
from bot.effect import HIGH
from bot.errors import BotError
from bot.pod_share import Kind, is_limited, worst_share
from bot.reply import Level, Line, Note, Part, Reply, Table, say

CPU_MARK: Final = 0.80  # the runbook: "High CPU usage (> 80%)"


@command(
    "/top-pods",
    permission="deployments:read",
    section="High Memory Usage",
    runbook=("kubectl top pods -n novapulse",),
    examples=("/top-pods",),
)
async def top_pods(*, pod_metrics: PodReading) -> Reply:
    """Show the memory and CPU of each pod against its requests and limits.

    Over 85 % of the memory limit or 80 % of the CPU limit is marked.
    """
    words = pod_metrics.words
    usage, pods = await together(attempt(pod_metrics.usage()), attempt(pod_metrics.pods()))
    if isinstance(usage, BotError):
        more = (
            () if isinstance(pods, BotError) else (Note.of(f"{len(pods)} {words.pod}s are there: /pods shows them."),)
        )
        line = Line(level=Level.UNKNOWN, label="Usage", value=why(usage))
        return say(f"What the {words.pod}s use is unknown", line, *more, level=Level.UNKNOWN)
    known = {} if isinstance(pods, BotError) else {pod.name: pod for pod in pods if pod.ending is None}
    used = {one.pod: one for one in usage}
    rows = sorted(used.keys() | known.keys(), key=lambda name: -(_memory(used.get(name))))
    marked = [name for name in rows if _marks(used.get(name), known.get(name))]
    free = [name for name in rows if name in known and not is_limited("memory", known[name])]
    parts: list[Part] = [
        Table(
            columns=(words.pod.capitalize(), "Memory", "asked / limit", "CPU", "asked / limit", ""),
            rows=tuple(_row(name, used.get(name), known.get(name)) for name in rows),
        )
    ]
    if isinstance(pods, BotError):
        parts.append(Line(level=Level.UNKNOWN, label="Requests and limits", value=why(pods)))
    if free:
        parts.append(Note.of(f"Without a limit of memory, so of no share: {', '.join(free)}."))
    return _said(rows, marked, used, parts, words)


def _said(rows: list[str], marked: list[str], used: dict[str, PodUsage], parts: list[Part], words: Words) -> Reply:
    unknown = [name for name in rows if name not in used]
    if not rows:
        return say(f"There are no {words.pod}s in {words.home}", level=Level.WARNING)
    if unknown:
        parts.append(Note.of(f"Not measured (yet): {', '.join(unknown)}."))
    measured = sorted(one.at for one in used.values() if one.at)
    if measured:
        parts.append(Note.of(f"Measured at {measured[0]:%H:%M:%S} UTC."))
    if marked:
        return say(f"{len(marked)} of {words.pods(len(rows))} use much of what they may", *parts, level=Level.WARNING)
    level = Level.UNKNOWN if unknown or any(isinstance(p, Line) for p in parts) else Level.OK
    return say(f"What {words.pods(len(rows))} {'uses' if len(rows) == 1 else 'use'}", *parts, level=level)


def _row(name: str, used: PodUsage | None, pod: ListedPod | None) -> tuple[str, ...]:
    memory, cpu = (used.memory, used.cpu) if used else (None, None)
    return (
        name,
        as_memory(memory) + _share(used, pod, "memory"),
        _bounds(pod, "memory"),
        as_cores(cpu) + _share(used, pod, "cpu"),
        _bounds(pod, "cpu"),
        ", ".join(_marks(used, pod)),
    )


def _share(used: PodUsage | None, pod: ListedPod | None, kind: Kind) -> str:
    """Say the worst container's share; its name where there are several."""
    share = worst_share(kind, pod, used)
    if share is None:
        return ""
    where = f" in {share.container}" if pod and len(pod.container_limits) > 1 else ""
    return f" ({share.of_limit:.0%}{where})"


def _bounds(pod: ListedPod | None, name: str) -> str:
    if pod is None:
        return "?"
    written = as_memory if name == "memory" else as_cores
    return " / ".join("none" if bound[name] is None else written(bound[name]) for bound in (pod.requested, pod.limits))


def _marks(used: PodUsage | None, pod: ListedPod | None) -> list[str]:
    marks: dict[Kind, float] = {"memory": HIGH, "cpu": CPU_MARK}
    shares = {kind: worst_share(kind, pod, used) for kind in marks}
    return [f"{kind} high" for kind, share in shares.items() if share and share.of_limit > marks[kind]]


def _memory(used: PodUsage | None) -> float:
    return (used.memory or 0.0) if used else 0.0
