"""``/retry-failed``: a plan to have failed jobs done once more, in waves."""

import math
from typing import Annotated, Final

from pydantic import Field, JsonValue

from bot.clients.failed_selection import Survey
from bot.clients.queue_changes import QueueChanges
from bot.clients.queues import Queues
from bot.clients.waves import seconds_of, wave_that_fits
from bot.command import command
from bot.errors import Refused
from bot.failed_choice import TIMEOUT, Asked, Choice, choose
from bot.forecast import duration
from bot.plan import Change, Plan, Step
from bot.request import Request
from bot.stores.plans import Plans

_MOST_AT_ONCE: Final = 1000
_LONGEST: Final = TIMEOUT - 3600  # seconds of pauses; the rest of a step's time is for the work


@command(
    "/retry-failed",
    permission="failed-jobs:retry",
    section="Clearing Failed Jobs",
    runbook=("Select and delete or retry",),
    examples=("/retry-failed email", "/retry-failed webhook --cluster 3fa91c02 --wave 50 --pause 10"),
)
async def retry_failed(  # noqa: PLR0913 - six arguments of the command, four things it needs
    queue: Annotated[str, Field(description="The queue's short name such as email, or all")],
    cluster: Annotated[str, Field(description="Only errors of this cluster, as /failed-jobs names it")] = "",
    job: Annotated[str, Field(description="Only jobs of this name, such as sendEmail")] = "",
    older_than: Annotated[str, Field(description="Only what failed longer ago, such as 2h or 7d")] = "",
    wave: Annotated[int, Field(ge=1, le=_MOST_AT_ONCE, description="How many jobs at once")] = 200,
    pause: Annotated[float, Field(ge=0, le=60, description="Seconds between two waves")] = 1.0,
    *,
    queues: Queues,
    changes: QueueChanges,
    plans: Plans,
    request: Request,
) -> Plan:
    """Have failed jobs done once more, the oldest first, in waves and with the priorities they had.

    What fails later than the newest job that the plan counts is not retried, nor is a job twice. What would take longer
    than five hours is refused.
    """
    choice = await choose(Asked(queue, cluster, job, older_than, request), queues, changes, plans)
    _check_time(choice, wave, pause)
    number = f"{choice.jobs:,} failed {'job' if choice.jobs == 1 else 'jobs'}"
    return Plan(
        title=f"Retry {number} of {choice.where}",
        target=choice.locks[0],
        also=choice.locks[1:],
        changes=tuple(
            Change(what=choice.said(survey), before="failed", after="waiting to be done again")
            for survey in choice.surveys
        ),
        facts=choice.facts,
        steps=tuple(_step(choice, survey, wave, pause) for survey in choice.surveys),
        no_undo="A job that a worker has taken up cannot be taken back.",
        blast_radius=(_blast_radius(choice, number, wave, pause),),
        warnings=(*choice.warnings, *_unworked(choice)),
        notes=(*choice.notes, "BullMQ forgets why a job failed when it is retried; the stack traces stay with it."),
    )


def _blast_radius(choice: Choice, number: str, wave: int, pause: float) -> str:
    return (
        f"{number} are done again, {wave:,} at once with {pause:g} s between{_taking(choice, wave, pause)}. "
        "What they did before failing, such as a mail that went out, they may do twice."
    )


def _taking(choice: Choice, wave: int, pause: float) -> str:
    seconds = sum(seconds_of(survey.chosen, wave, pause) for survey in choice.surveys)
    return f", which takes {duration(seconds)}" if seconds else ""


def _check_time(choice: Choice, wave: int, pause: float) -> None:
    """Refuse what would not be done within the time of one step, and say what would."""
    most = max(survey.chosen for survey in choice.surveys)
    seconds = seconds_of(most, wave, pause)
    if seconds <= _LONGEST:
        return
    fits = wave_that_fits(most, pause, _LONGEST)
    shorter = math.floor(100 * _LONGEST / (math.ceil(most / wave) - 1)) / 100
    message = (
        f"In waves of {wave:,} with {pause:g} s between, {most:,} jobs take {duration(seconds)} of pauses alone, and "
        f"that has to be at most {_LONGEST / 3600:g} h."
    )
    fitting = [f"--wave {fits} --pause {pause:g}"] if fits <= _MOST_AT_ONCE else []
    raise Refused(message, hint=f"{' or '.join([*fitting, f'--wave {wave} --pause {shorter:g}'])} would fit.")


def _step(choice: Choice, survey: Survey, wave: int, pause: float) -> Step:
    arguments: dict[str, JsonValue] = {"queue": survey.queue.short, "wave": wave, "pause": pause}
    if survey.queue.layout == "plain":
        name, more = "retry_list", dict[str, JsonValue](key=survey.queue.name, entries=survey.total)
    else:
        name, more = "retry", dict[str, JsonValue](selection=choice.selection(survey))
    title = f"Retry the failed jobs of {survey.queue.short}"
    return Step(title=title, operation=f"queue_changes.{name}", arguments=arguments | more, timeout=TIMEOUT)


def _unworked(choice: Choice) -> list[str]:
    """Warn where nobody would do them."""
    paused = [one.queue.short for one in choice.surveys if one.queue.is_paused]
    alone = [one.queue.short for one in choice.surveys if one.queue.workers == 0]
    said = [f"{', '.join(paused)}: paused, so that the jobs wait until it is resumed."] if paused else []
    return said + ([f"{', '.join(alone)}: no worker is connected, so that the jobs only wait."] if alone else [])
