"""``/set-concurrency``: a plan to change how many jobs of each queue a worker takes at a time, and to watch it."""

from typing import Annotated, Final

from pydantic import Field

from bot.attempt import together
from bot.clients.cluster_autoscalers import from_git
from bot.clients.cluster_workloads import WorkloadObject
from bot.clients.platform import Configuring, WorkloadReading
from bot.clients.platform_words import Words
from bot.command import command
from bot.config_change import changes_of, facts_of, setting
from bot.errors import Refused, UserError
from bot.plan import Plan, Step, Undo
from bot.request import Request
from bot.rollout_steps import baseline, connected, taken_up, watched

KEY: Final = "QUEUE_CONCURRENCY"
WATCHED: Final = 180.0  # seconds after the restart during which the effect is watched


@command(
    "/set-concurrency",
    permission="workers:configure",
    section="Queue Optimization",
    runbook=("kubectl edit configmap novapulse-config -n novapulse",),
    examples=("/set-concurrency 3", "/set-concurrency 8"),
)
async def set_concurrency(
    concurrency: Annotated[
        int, Field(ge=1, le=100, description="How many jobs of each queue a worker takes at a time")
    ],
    *,
    workloads: WorkloadReading,
    configuration: Configuring,
    request: Request,
) -> Plan:
    """Change QUEUE_CONCURRENCY, restart the workers and watch the effect.

    It counts per queue and worker process. Depth, rate, memory and restarts are compared
    with what they were before for three minutes after the restart.
    """
    stored, workers = await together(configuration.config_map(), workloads.read("worker"))
    words, kept = workloads.words, stored.metadata.name
    name, now, wanted = workers.metadata.name, stored.data, {KEY: str(concurrency)}
    if problem := configuration.why_ineffective(workers, "worker", KEY):
        raise Refused(problem)
    if now.get(KEY) == wanted[KEY]:
        message = f"{KEY} is {concurrency} already: there is nothing to change."
        raise UserError(message, hint="/restart worker restarts.")
    return Plan(
        title=f"Set {KEY} from {now.get(KEY, 'not set')} to {concurrency}",
        target=f"{words.workload}/{name}",
        also=(f"{words.configuration}/{kept}",),
        touches=(f"{kept} {KEY}",),
        changes=changes_of(now, wanted, kept),
        facts=facts_of(now, wanted, stored.metadata.uid) | {words.workload: name, "uid": workers.metadata.uid},
        steps=_steps(workers, setting(wanted, stored.metadata.uid, kept), request, words),
        undo=_undo(now.get(KEY, ""), concurrency, stored.metadata.uid),
        no_undo="" if now.get(KEY, "").isdecimal() else f"{KEY} had no number before",
        blast_radius=_blast_radius(workers, concurrency, words),
        warnings=(
            *_warnings(now.get(KEY, ""), concurrency, words),
            *configuration.caveats("worker"),
            *from_git(stored.metadata),
        ),
        notes=configuration.doubts(workers, "worker", KEY),
    )


def _blast_radius(workers: WorkloadObject, concurrency: int, words: Words) -> tuple[str, ...]:
    return (
        f"Every {words.pod} of {workers.metadata.name} is {words.replaced}; jobs in work are finished or tried again.",
        f"Up to {concurrency * workers.spec.replicas:,} jobs of each queue at a time, over all workers.",
    )


def _steps(workers: WorkloadObject, setting_it: Step, request: Request, words: Words) -> tuple[Step, ...]:
    name, uid, replicas = workers.metadata.name, workers.metadata.uid, workers.spec.replicas
    steps = (setting_it, *taken_up("worker", name, uid, request.id, request.received_at.isoformat(), words))
    if not replicas:
        return steps
    watching = watched("worker", name, WATCHED, request.id)
    return (baseline(request.id, "worker"), *steps, connected(replicas), watching)


def _undo(before: str, concurrency: int, uid: str) -> Undo | None:
    if not before.isdecimal():
        return None
    return Undo(
        title=f"Back to {before}",
        command="/set-concurrency",
        arguments={"concurrency": int(before)},
        expects={KEY: str(concurrency), "configuration uid": uid},
    )


def _warnings(before: str, concurrency: int, words: Words) -> tuple[str, ...]:
    if before.isdecimal() and concurrency > int(before):
        return (f"More jobs at a time need more memory; a {words.pod} over its limit is killed (OOMKilled).",)
    return ()
