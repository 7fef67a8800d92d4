"""``/runs``: what ran, step by step."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from bot.command import command
from bot.elapsed import elapsed
from bot.errors import UserError
from bot.nearest import shown
from bot.reply import Bold, Code, Level, Line, Note, Part, Person, Reply, Text, When, say
from bot.sentence import sentence
from bot.stores.plans import Plans, StoredPlan
from bot.stores.runs import Runs, StoredRun, StoredStep

SHOWN: Final = 15
_LEVELS: Final = {"running": Level.INFO, "succeeded": Level.OK, "failed": Level.CRITICAL}
_STEP_LEVELS: Final = {
    "waiting": Level.UNKNOWN,
    "running": Level.INFO,
    "done": Level.OK,
    "unverified": Level.UNKNOWN,
    "failed": Level.CRITICAL,
    "skipped": Level.UNKNOWN,
}


@command("/runs", permission="runs:read", section="Administration", examples=("/runs", "/runs k3v9x2mq7a"))
async def runs(
    id: Annotated[str, Field(description="One run, with its steps")] = "",  # noqa: A002 - as people type it
    *,
    runs: Runs,
    plans: Plans,
    now: datetime,
) -> Reply:
    """Show the newest runs and how they ended, or one run with its steps, times and approvers."""
    if id:
        return await _one(id, runs, plans, now)
    found = await runs.recent(SHOWN)
    if not found:
        return say("Nothing has run yet")
    parts = [_summary(run, await plans.get(run.id), now) for run in found]
    return say("The newest runs", *parts, Note.of("One with its steps: ", Code(text="/runs <id>")))


def _summary(run: StoredRun, plan: StoredPlan | None, now: datetime) -> Text:
    title = plan.plan.title if plan else run.target
    by = (" by ", Person(id=plan.requester.id, name=plan.requester.name)) if plan else ()
    ended = f", {run.outcome}" if run.outcome else ""
    how = f"{run.status} after {_took(run.started_at, run.finished_at, now)}{ended}\n"
    return Text.of(Bold(text=title), *by, " ", When(at=run.started_at), f"\n{how}", Code(text=run.id))


async def _one(run_id: str, runs: Runs, plans: Plans, now: datetime) -> Reply:
    run, plan = await runs.get(run_id), await plans.get(run_id)
    if run is None and plan is not None:
        words = sentence(
            f"The plan {run_id} has not run: it is {plan.status}{f', {plan.reason}' if plan.reason else ''}"
        )
        raise UserError(words, hint="/approvals shows what waits.")
    if run is None:
        raise UserError(f"There is no run {shown(run_id)}.", hint="/runs shows the newest.")
    parts = [*_about(run, plan), *await _approvers(plan, plans), *(_step(step, now) for step in run.steps)]
    if run.undone_by:
        parts.append(Note.of("Taken back by ", Code(text=run.undone_by)))
    title = plan.plan.title if plan else f"Run {run.id}"
    how = f"{run.status}, {run.unverified}" if run.unverified else run.status
    level = Level.UNKNOWN if run.unverified and run.status == "succeeded" else _LEVELS[run.status]
    return say(f"{title}: {how}", *parts, level=level)


def _about(run: StoredRun, plan: StoredPlan | None) -> list[Part]:
    by = (" by ", Person(id=plan.requester.id, name=plan.requester.name)) if plan else ()
    ended = (", ended ", When(at=run.finished_at)) if run.finished_at else (", still running",)
    outcome = [Text.of(run.outcome)] if run.outcome else []
    return [Text.of("Started ", When(at=run.started_at), *by, *ended, " on ", Code(text=run.target)), *outcome]


async def _approvers(plan: StoredPlan | None, plans: Plans) -> list[Part]:
    votes = await plans.votes(plan.id) if plan else ()
    said = {"approve": "approved by", "break_glass": "run alone (break glass) by"}
    return [
        Note.of(f"{said[vote.action]} {vote.actor.name}{f': {vote.reason}' if vote.reason else ''} ", When(at=vote.at))
        for vote in votes
        if vote.action in said
    ]


def _step(step: StoredStep, now: datetime) -> Line:
    took = f" after {_took(step.started_at, step.finished_at, now)}" if step.started_at else ""
    tries = f", begun {step.attempts} times" if step.attempts > 1 else ""
    message = f": {step.message}" if step.message else ""
    return Line(
        level=_STEP_LEVELS[step.status],
        label=f"{step.number + 1}. {step.title}",
        value=f"{step.status}{took}{tries}{message}",
    )


def _took(started: datetime, finished: datetime | None, now: datetime) -> str:
    return elapsed((finished or now) - started)
