"""``/set-pool-size``: a plan to change how many connections each process keeps to MongoDB."""

from typing import Annotated, Final

from pydantic import Field

from bot.attempt import together
from bot.clients.cluster_autoscalers import from_git
from bot.clients.cluster_workloads import WorkloadObject
from bot.clients.platform import Configuring, WorkloadReading
from bot.clients.platform_words import Words
from bot.command import command
from bot.config_change import changes_of, facts_of, setting
from bot.errors import Conflicting, Refused, UserError
from bot.plan import Plan, Step, Undo
from bot.request import Request
from bot.rollout_steps import baseline, connected, healthy, taken_up, watched

MOST, LEAST = "MONGO_MAX_POOL_SIZE", "MONGO_MIN_POOL_SIZE"
WATCHED: Final = 120.0
_ROLES: Final = ("api", "worker")


@command(
    "/set-pool-size",
    permission="deployments:configure",
    section="Database Optimization",
    runbook=("MONGO_MAX_POOL_SIZE=20", "MONGO_MIN_POOL_SIZE=5"),
    examples=("/set-pool-size 20 5", "/set-pool-size 50 10"),
)
async def set_pool_size(
    maximum: Annotated[int, Field(ge=1, le=1000, description="The most connections a process opens to MongoDB")],
    minimum: Annotated[int, Field(ge=0, le=1000, description="How many it keeps open at least")],
    *,
    workloads: WorkloadReading,
    configuration: Configuring,
    request: Request,
) -> Plan:
    """Change the size of the connection pools to MongoDB for the API and the workers, and restart both."""
    if minimum > maximum:
        raise Conflicting(
            f"A pool cannot keep at least {minimum} connections open and at most {maximum}.", argument="minimum"
        )
    found = await together(*(workloads.read(role) for role in _ROLES))
    stored, read = await configuration.config_map(), dict(zip(_ROLES, found, strict=True))
    for role, one in read.items():
        if problem := next(filter(None, (configuration.why_ineffective(one, role, key) for key in (MOST, LEAST))), ""):
            raise Refused(problem)
    now, wanted = stored.data, {MOST: str(maximum), LEAST: str(minimum)}
    if wanted.items() <= now.items():
        raise UserError(f"The pool is {minimum} to {maximum} already: there is nothing to change.")
    words, kept, pods = workloads.words, stored.metadata.name, sum(one.spec.replicas for one in found)
    return Plan(
        title=f"Set MongoDB's pools to {minimum} to {maximum} connections",
        target=f"{words.configuration}/{kept}",
        also=tuple(f"{words.workload}/{one.metadata.name}" for one in found),
        touches=tuple(f"{kept} {key}" for key in wanted),
        changes=changes_of(now, wanted, kept),
        facts=facts_of(now, wanted, stored.metadata.uid)
        | {f"{role} uid": one.metadata.uid for role, one in read.items()},
        steps=_steps(read, setting(wanted, stored.metadata.uid, kept), request, words),
        undo=_undo(now.get(MOST, ""), now.get(LEAST, ""), wanted, stored.metadata.uid),
        no_undo="" if _numbers(now.get(MOST, ""), now.get(LEAST, "")) else f"{kept} had no numbers before",
        blast_radius=_blast_radius(maximum, pods, words),
        warnings=(
            *from_git(stored.metadata),
            *dict.fromkeys(said for role in _ROLES for said in configuration.caveats(role)),
        ),
        notes=_doubts(configuration, read),
    )


def _blast_radius(maximum: int, pods: int, words: Words) -> tuple[str, ...]:
    return (
        f"Every {words.pod} of the API and of the workers is {words.replaced}.",
        f"MongoDB has to bear up to {maximum * pods:,} connections of {words.pods(pods)}.",
    )


def _doubts(configuration: Configuring, read: dict[str, WorkloadObject]) -> tuple[str, ...]:
    return tuple(
        said for role, one in read.items() for key in (MOST, LEAST) for said in configuration.doubts(one, role, key)
    )


def _steps(read: dict[str, WorkloadObject], setting_it: Step, request: Request, words: Words) -> tuple[Step, ...]:
    running = [role for role, one in read.items() if one.spec.replicas]
    steps = [baseline(request.id, *running)] if running else []
    steps.append(setting_it)
    for role, one in read.items():
        steps += taken_up(role, one.metadata.name, one.metadata.uid, request.id, request.received_at.isoformat(), words)
    if read["api"].spec.replicas:
        steps.append(healthy())
    replicas = read["worker"].spec.replicas
    if replicas:
        steps.append(connected(replicas))
    watching = (watched(role, read[role].metadata.name, WATCHED, request.id) for role in running)
    return (*steps, *watching)


def _undo(most: str, least: str, wanted: dict[str, str], uid: str) -> Undo | None:
    if not _numbers(most, least):
        return None
    return Undo(
        title=f"Back to {least} to {most}",
        command="/set-pool-size",
        arguments={"maximum": int(most), "minimum": int(least)},
        expects={**wanted, "configuration uid": uid},
    )


def _numbers(*values: str) -> bool:
    return all(value.isdecimal() for value in values)
