"""``/scale-workers``: a plan to run more or fewer pods, verified down to the queues."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from bot.attempt import is_missing, together, why
from bot.backlog import Backlog, backlog
from bot.clients.cluster_state import Autoscaler, DeploymentState, Workload
from bot.clients.platform import Platform
from bot.clients.platform_words import Words
from bot.clients.queue_layout import MissingQueue, QueueSnapshot
from bot.clients.queues import Queues
from bot.clients.working_jobs import WorkingJobs
from bot.command import command
from bot.draining import in_flight, spared
from bot.errors import BotError, Incomplete, Refused, UserError
from bot.outages import Outages
from bot.plan import Change, Plan, Step, Undo
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.request import Request
from bot.rollout_steps import CHANGE_TIMEOUT, connected
from bot.stores.samples import Samples

ROLLOUT_TIMEOUT: Final = 600.0
# So many more than run now.
_MORE: Final = r"^\+[1-9][0-9]{0,5}$"


def _unsigned(value: object) -> object:
    """Refuse a sign that says "more", which as a plain number would mean something else."""
    if isinstance(value, str) and value.strip().startswith("+"):
        raise PydanticCustomError("int_unsigned", "not a plain number")
    return value


_Replicas = Annotated[int, Field(ge=0), BeforeValidator(_unsigned)] | Annotated[str, Field(pattern=_MORE)]


@dataclass(frozen=True)
class _Scale:
    """What is asked for and what was found, the ground of every part of the plan."""

    words: Words
    role: Workload
    found: DeploymentState
    to: int
    step: int
    owners: list[Autoscaler]
    queues: dict[str, QueueSnapshot | MissingQueue] | BotError
    backlog: Backlog | None  # for workers, where the queues could be read

    @property
    def before(self) -> int:
        """How many pods are wanted now."""
        return self.found.replicas

    @property
    def verifies_queues(self) -> bool:
        """Whether the run ends with a look at who is connected to the queues."""
        return self.role == "worker" and self.to > 0 and not is_missing(self.queues)


@command(
    "/scale-workers",
    permission="workers:scale",
    section="Adding a New Worker",
    runbook=(
        "kubectl scale deployment novapulse-worker --replicas=3 -n novapulse",
        "kubectl scale deployment novapulse-worker --replicas=5 -n novapulse",
        "kubectl rollout status deployment/novapulse-worker -n novapulse",
        "docker-compose scale worker=3",
    ),
    examples=(
        "/scale-workers 5",
        "/scale-workers +2",
        "/scale-workers 4 --deployment api",
        "/scale-workers 0 --yes-zero",
    ),
)
async def scale_workers(  # noqa: PLR0913 - three arguments of the command, seven things it needs
    replicas: Annotated[_Replicas, Field(description="How many pods to run, or +2 for two more than now")],
    deployment: Annotated[Literal["api", "worker"], Field(description="Which deployment")] = "worker",
    yes_zero: Annotated[
        bool, Field(description="0 is meant: nothing runs afterwards", json_schema_extra={"form": False})
    ] = False,
    *,
    cluster: Platform,
    queues: Queues,
    working_jobs: WorkingJobs,
    samples: Samples,
    policy: PolicyFile,
    request: Request,
    now: datetime,
) -> Plan:
    """Run more or fewer worker pods (or API pods), and see that the queues are worked on.

    The plan says who would revert it and what it does to the forecast. After the approval the rollout is watched to
    its end, and for workers the connections to the queues are counted.
    """
    words = cluster.words
    if replicas == 0 and not yes_zero and request.source != "form":
        usage = "/scale-workers 0 --yes-zero" + ("" if deployment == "worker" else f" --deployment {deployment}")
        raise Incomplete(f"0 stops every {words.pod}. Say that 0 is meant.", usage=usage, argument="replicas")
    outages = Outages(samples, now)
    found, owners, seen = await together(
        outages.read(cluster.deployment(deployment)),
        outages.read(cluster.autoscalers(deployment)),
        outages.attempt(queues.snapshot()),
    )
    to = replicas if isinstance(replicas, int) else found.replicas + int(replicas)
    step = _within_limits(policy.current, deployment, to, words)
    _is_a_change(deployment, found, to, words)
    await cluster.check_scale(deployment, to)
    waiting = None
    if deployment == "worker" and not isinstance(seen, BotError):
        waiting = await backlog(seen, samples, now)
    fewer = deployment == "worker" and to < found.replicas
    lost = in_flight(await outages.attempt(working_jobs.read()), now) if fewer else ()
    return _plan(_Scale(words, deployment, found, to, step, owners, seen, waiting), lost)


def _is_a_change(deployment: str, found: DeploymentState, to: int, words: Words) -> None:
    if found.replicas == to:
        hint = f"{found.ready} of them are ready: /rollout-status {deployment} shows more."
        raise UserError(f"{found.name} is already set to {words.pods(to)}: there is nothing to change.", hint=hint)


def _within_limits(policy: Policy, deployment: Literal["api", "worker"], replicas: int, words: Words) -> int:
    limit = policy.limits.get(deployment)
    where = f"[limits.{deployment}] in the policy file"
    if limit is None:
        raise Refused(f"The policy sets no limit for scaling the {deployment} {words.workload}.", hint=f"Add {where}.")
    if replicas > limit.maximum:
        message = f"{replicas} is more than the {words.pods(limit.maximum)} that the policy allows for {deployment}."
        raise Refused(message, hint=f"The limit is `maximum` under {where}.")
    return limit.step


def _plan(scale: _Scale, lost: tuple[str, ...]) -> Plan:
    name, before, to = scale.found.name, scale.before, scale.to
    facts: dict[str, JsonValue] = {
        scale.words.workload: name,
        "uid": scale.found.uid,
        "replicas": before,
        "other scalers": ", ".join(sorted(_owner(owner) for owner in scale.owners)) or "none",
    }
    return Plan(
        title=f"Scale {name} from {before} to {to}",
        target=f"{scale.words.workload}/{name}",
        touches=(f"replicas of {name}",),
        changes=(Change(what=f"{name} {scale.words.pod}s", before=f"{before}", after=f"{to}"),),
        facts=facts,
        steps=_steps(scale),
        undo=_undo(scale),
        blast_radius=_blast_radius(scale),
        warnings=_warnings(scale),
        notes=(*(scale.backlog.forecasts(before, to) if scale.backlog else ()), *lost),
    )


def _steps(scale: _Scale) -> tuple[Step, ...]:
    role, to, name, words = scale.role, scale.to, scale.found.name, scale.words
    ready = f"{words.pods(to)} {'is' if to == 1 else 'are'}"
    scaling: dict[str, JsonValue] = {"role": role, "replicas": to, "expect_uid": scale.found.uid}
    steps = [
        Step(title=f"Scale {name} to {to}", operation="cluster.scale", arguments=scaling, timeout=CHANGE_TIMEOUT),
        Step(
            title=f"Wait for the {words.rollout}",
            kind="wait",
            operation="cluster.rollout_done",
            arguments={"role": role},
            timeout=ROLLOUT_TIMEOUT,
        ),
        Step(
            title=f"Wait until {ready} ready" if to else f"Wait until no {words.pod} is left",
            kind="wait",
            operation="cluster.pods_ready",
            arguments={"role": role, "replicas": to},
            timeout=ROLLOUT_TIMEOUT,
        ),
    ]
    if scale.verifies_queues:
        steps.append(connected(to))
    return spared(role, scale.before, to, tuple(steps), words)


def _undo(scale: _Scale) -> Undo:
    arguments: dict[str, JsonValue] = {
        "replicas": scale.before,
        "deployment": scale.role,
        "yes_zero": scale.before == 0,
    }
    return Undo(
        title=f"Back to {scale.words.pods(scale.before)}",
        command="/scale-workers",
        arguments=arguments,
        expects={"replicas": scale.to, "uid": scale.found.uid},
    )


def _blast_radius(scale: _Scale) -> tuple[str, ...]:
    more, name = scale.to - scale.before, scale.found.name
    if scale.to == 0 and scale.role == "api":
        return ("NovaPulse is down for everybody until the API is scaled up again.",)
    if scale.to == 0:
        return ("No job of any queue is worked on until workers are scaled up again.",)
    if more > 0:
        each = "each works on every queue" if scale.role == "worker" else "each takes a share of the requests"
        return (f"{scale.words.pods(more)} more of {name}; {each} and opens its own connections to Redis and MongoDB.",)
    they, are = ("it works", "is") if more == -1 else ("they work", "are")
    left = f"jobs {they} on are finished or tried again by the others" if scale.role == "worker" else "requests move"
    return (f"{scale.words.pods(-more)} of {name} {are} stopped; {left}.",)


def _warnings(scale: _Scale) -> tuple[str, ...]:
    found, change = scale.found, abs(scale.to - scale.before)
    warnings = [owner.sentence() for owner in scale.owners]
    if change > scale.step:
        warnings.append(f"That is {change} at once; the policy calls more than {scale.step} unusual.")
    if found.ready < found.replicas:
        warnings.append(
            f"Only {found.ready} of {scale.words.pods(found.replicas)} {'is' if found.ready == 1 else 'are'} ready now."
        )
    if scale.words.chooser and scale.role == "worker" and 0 < scale.to < found.replicas:
        warnings.append(scale.words.chooser)
    if found.paused:
        warnings.append("Rollouts of this deployment are paused.")
    if scale.role == "worker" and isinstance(scale.queues, BotError):
        warnings.append(f"What this does to the queues is unknown. {why(scale.queues)}")
    return (*warnings, *(scale.backlog.slower(scale.before, scale.to) if scale.backlog else ()))


def _owner(owner: Autoscaler) -> str:
    """Name an autoscaler for the facts; why one could not be read may differ from look to look."""
    if owner.problem:
        return f"{owner.kind} unknown"
    limits = "" if owner.minimum is None else f" {owner.minimum} to {owner.maximum}"
    return f"{owner.kind} {owner.name}{limits}"
