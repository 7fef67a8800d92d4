"""``/clear-failed``: a plan to remove failed jobs, into an archive from which they can be brought back."""

import hashlib
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, JsonValue

from bot.archived import KEPT_FOR
from bot.clients.failed_cap import FAILED_KEPT
from bot.clients.queue_changes import QueueChanges
from bot.clients.queues import Queues
from bot.command import command
from bot.errors import Conflicting, UserError
from bot.failed_choice import TIMEOUT, Asked, Choice, choose, failed_locks
from bot.nearest import shown
from bot.plan import Change, Plan, Step, Undo
from bot.request import Request
from bot.stores.archive import Archive
from bot.stores.plans import Plans

_FLOWS: Final = "A failed job of a flow is left where another job still waits for it."
_FORMAT: Final = "%Y-%m-%d %H:%M UTC"


@command(
    "/clear-failed",
    permission="failed-jobs:clear",
    section="Clearing Failed Jobs",
    runbook=(
        "DEL nova:email:failed",
        "DEL nova:webhook:failed",
        "DEL nova:workflow:failed",
        "DEL nova:report:failed",
        "Select and delete or retry",
    ),
    examples=(
        "/clear-failed email",
        "/clear-failed all --older-than 7d",
        "/clear-failed webhook --cluster 3fa91c02",
        "/clear-failed email --no-archive",
        "/clear-failed --restore 5d41402abc",
    ),
)
async def clear_failed(  # noqa: PLR0913 - six arguments of the command, six things it needs
    queue: Annotated[str, Field(description="The queue's short name such as email, or all")] = "",
    cluster: Annotated[str, Field(description="Only errors of this cluster, as /failed-jobs names it")] = "",
    job: Annotated[str, Field(description="Only jobs of this name, such as sendEmail")] = "",
    older_than: Annotated[str, Field(description="Only what failed longer ago, such as 2h or 7d")] = "",
    no_archive: Annotated[bool, Field(description="Keep no copy: faster, and cannot be undone")] = False,
    restore: Annotated[str, Field(description="Bring back what this archive holds")] = "",
    *,
    queues: Queues,
    changes: QueueChanges,
    archive: Archive,
    plans: Plans,
    request: Request,
    now: datetime,
) -> Plan:
    """Remove failed jobs, wholly and without slowing Redis; for seven days they can be brought back.

    What fails later than the newest job that the plan counts is not touched. What is removed is copied into the bot's
    own database first.
    """
    asked = Asked(queue, cluster, job, older_than, request)
    if restore:
        if queue or no_archive or not asked.is_whole:
            raise Conflicting("An archive is brought back as a whole.", usage=f"/clear-failed --restore {restore[:40]}")
        return await _restoring(restore, archive, now)
    if no_archive and (cluster or job):
        raise Conflicting("Without an archive a queue is cleared as a whole.", argument="no_archive")
    if not no_archive:
        archive.check()
    choice = await choose(asked, queues, changes, plans)
    if no_archive:
        return _dropping(choice)
    return _clearing(choice, hashlib.sha256(request.id.encode()).hexdigest()[:10])


def _clearing(choice: Choice, archive: str) -> Plan:
    return Plan(
        title=f"Clear {_jobs(choice.jobs)} of {choice.where}",
        target=choice.locks[0],
        also=choice.locks[1:],
        touches=(f"archive/{archive}",),
        changes=tuple(
            Change(what=choice.said(survey), before="kept", after=f"removed, archived as {archive}")
            for survey in choice.surveys
        ),
        facts=choice.facts | {"archive": archive},
        steps=_steps(choice, archive),
        undo=Undo(
            title="Bring them back as failed",
            command="/clear-failed",
            arguments={"restore": archive},
            expects={"archive": archive},
        ),
        blast_radius=(
            (
                f"{_jobs(choice.jobs)} can then only be retried after they were brought back. Jobs that wait, run or "
                "fail from now on are not touched."
            ),
        ),
        warnings=choice.warnings,
        notes=(
            *choice.notes,
            _FLOWS,
            f"The archive is in the bot's own database for {KEPT_FOR.days} days, sealed, job data included.",
        ),
    )


def _dropping(choice: Choice) -> Plan:
    plain = next((one.queue.short for one in choice.surveys if one.queue.layout == "plain"), None)
    if plain:
        raise Conflicting(f"{plain} is kept in a plain list, which is always archived.", argument="no_archive")
    return Plan(
        title=f"Clear {_jobs(choice.jobs)} of {choice.where} for good",
        target=choice.locks[0],
        also=choice.locks[1:],
        changes=tuple(Change(what=choice.said(survey), before="kept", after="removed") for survey in choice.surveys),
        facts=choice.facts,
        steps=tuple(
            Step(
                title=f"Remove the failed jobs of {survey.queue.short}",
                operation="queue_changes.drop",
                arguments={"queue": survey.queue.short, "until": survey.until},
                timeout=TIMEOUT,
            )
            for survey in choice.surveys
        ),
        no_undo="No copy is kept.",
        blast_radius=(
            (
                f"{_jobs(choice.jobs)} are gone, and can neither be looked at nor retried. Jobs that wait, run or fail "
                "from now on are not touched."
            ),
        ),
        warnings=choice.warnings,
        notes=(*choice.notes, _FLOWS),
    )


def _steps(choice: Choice, archive: str) -> tuple[Step, ...]:
    steps = []
    for survey in choice.surveys:
        short = survey.queue.short
        arguments: dict[str, JsonValue] = {
            "queue": short,
            "archive": archive,
            "at": choice.asked.at.timestamp() * 1000,
        }
        if survey.queue.layout == "plain":
            name, more = "clear_list", dict[str, JsonValue](key=survey.queue.name, entries=survey.total)
        else:
            name, more = "clear", dict[str, JsonValue](selection=choice.selection(survey))
        title = f"Archive and remove the failed jobs of {short}"
        step = Step(title=title, operation=f"queue_changes.{name}", arguments=arguments | more, timeout=TIMEOUT)
        steps.append(step)
    return tuple(steps)


async def _restoring(name: str, archive: Archive, now: datetime) -> Plan:
    held = [one for one in await archive.find(name) if now - one.created_at < KEPT_FOR]
    if not held:
        hint = f"The card of the clean-up names it; it is kept for {KEPT_FOR.days} days."
        raise UserError(f"There is no archive {shown(name)}.", hint=hint)
    there = [one for one in held if one.jobs]
    if not there:
        raise UserError(f"Everything in the archive {name} was brought back before.")
    jobs, locks = sum(one.jobs for one in there), failed_locks([one.queue for one in there])
    return Plan(
        title=f"Bring back {_jobs(jobs)} of {', '.join(one.queue for one in there)}",
        target=locks[0],
        also=locks[1:],
        touches=(f"archive/{name}",),
        changes=tuple(
            Change(what=f"{one.queue}: {_jobs(one.jobs)}", before=f"archive {name}", after="failed") for one in there
        ),
        facts={"archive": name, "jobs": jobs},
        steps=tuple(
            Step(
                title=f"Bring back the failed jobs of {one.queue}",
                operation="queue_changes.restore",
                arguments={"queue": one.queue, "archive": name},
                timeout=TIMEOUT,
            )
            for one in there
        ),
        no_undo="They can be cleared again.",
        blast_radius=("They are failed jobs again, with their logs. Nothing is retried by this.",),
        warnings=(
            (
                f"NovaPulse's workers are set to keep {FAILED_KEPT:,} failed jobs: where there are more, the oldest go "
                "when the next one fails."
            ),
        ),
        notes=(f"Removed on {there[0].created_at:{_FORMAT}}.",),
    )


def _jobs(number: int) -> str:
    return f"{number:,} failed {'job' if number == 1 else 'jobs'}"
