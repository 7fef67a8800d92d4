"""``/failed-jobs``: what failed and why, put together by what the errors say."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from bot.attempt import why
from bot.clients.api import NovaPulseApi
from bot.clients.failed_cap import FAILED_KEPT
from bot.clients.failed_jobs import JOBS_READ, FailedJob, FailedJobs
from bot.clients.failed_selection import ClusterNames
from bot.clients.queue_layout import MissingQueue, QueueCounts
from bot.clients.queues import Queues
from bot.command import command
from bot.errors import BotError, Incomplete, UserError
from bot.job_view import NO_REASON, WITHHELD, job_reply
from bot.log_grouping import group_message
from bot.nearest import shown
from bot.outages import Outages
from bot.plain_text import ELLIPSIS
from bot.policy import Policy
from bot.policy_file import PolicyFile
from bot.queue_choice import ALL, chosen_queues
from bot.reply import Bold, Button, Buttons, Code, Level, Line, Log, Note, Part, Reply, Span, Text, When, say, worst
from bot.stores.samples import Samples

_CLUSTERS_SHOWN: Final = 8
# So many clusters get buttons of their own.
_OFFERED: Final = 2
_LATELY: Final = timedelta(minutes=10)
_NAMES_SHOWN: Final = 3
_SAMPLE_LIMIT: Final = 400


@dataclass(frozen=True)
class _Cluster:
    """Failed jobs of one queue whose errors say the same, the newest first where that is known."""

    queue: str
    name: str
    jobs: list[FailedJob]


@command(
    "/failed-jobs",
    permission="queues:read",
    section="Clearing Failed Jobs",
    runbook=("Navigate to failed jobs",),
    examples=("/failed-jobs", "/failed-jobs email", "/failed-jobs email 1042"),
)
async def failed_jobs(  # noqa: PLR0913 - two arguments of the command, five things it needs
    queue: Annotated[str, Field(description="One queue only, by its short name such as email")] = "",
    id: Annotated[str, Field(description="One job of that queue, by its id")] = "",  # noqa: A002 - as people call it
    *,
    queues: Queues,
    api: NovaPulseApi,
    policy: PolicyFile,
    samples: Samples,
    now: datetime,
) -> Reply:
    """Show how many jobs failed in each queue, and why: errors that say the same are counted together.

    With an id, show one job: its times, its reason, its last stack trace and log, and which fields its data has.
    """
    shorts = chosen_queues(queue or ALL, queues.shorts, failed_jobs.usage)
    if id and len(shorts) > 1:
        raise Incomplete(f"Say in which queue the job is: {', '.join(shorts)}.", argument="queue")
    if id:
        return await _one(shorts[0], id, queues)
    outages = Outages(samples, now)
    found = await outages.attempt(queues.failed_jobs(shorts))
    if isinstance(found, BotError):
        return await _without_redis(found, shorts, outages.attempt(api.queue_stats()))
    read = [seen for seen in found.values() if isinstance(seen, FailedJobs)]
    clusters = await asyncio.to_thread(_clusters, read)
    lines = [_line(short, seen, clusters, policy.current) for short, seen in found.items()]
    groups = [part for cluster in clusters[:_CLUSTERS_SHOWN] for part in _shown(cluster, now)]
    notes = [Note.of(note) for note in (_rest(clusters), *map(_plain_note, read), _part_note(read), WITHHELD) if note]
    offered = _offered(clusters, {seen.short for seen in read if seen.layout in ("bullmq5", "bullmq6")})
    level = worst(line.level for line in lines)
    # Few failed jobs are no alert, and no cause for a green sign either.
    is_some = level is Level.OK and bool(clusters)
    return say(_title(found), *lines, *groups, *offered, *notes, level=Level.INFO if is_some else level)


async def _one(short: str, job: str, queues: Queues) -> Reply:
    seen = (await queues.snapshot())[short]
    if isinstance(seen, MissingQueue):
        raise UserError(f"The job is unknown. {seen.sentence()}.")
    if seen.layout == "plain":
        raise UserError(f"{short} is kept in plain lists, where no job can be looked up by its id.")
    found = await queues.failed_job(seen, job)
    if found is None:
        raise UserError(f"There is no job {shown(job)} in {short}: it was removed, or never was.")
    return job_reply(short, found)


async def _without_redis(
    error: BotError, shorts: Sequence[str], reading: Awaitable[dict[str, QueueCounts] | BotError]
) -> Reply:
    """Say what the API counts, which does not know why jobs failed."""
    counted = await reading
    lines = [Line(level=Level.UNKNOWN, label="Redis", value=why(error))]
    if isinstance(counted, BotError):
        lines.append(Line(level=Level.UNKNOWN, label="NovaPulse API", value=why(counted)))
        return say("The failed jobs could not be read: how many there are is unknown", *lines, level=Level.UNKNOWN)
    for short in shorts:
        failed = counted[short].failed if short in counted else None
        value = "unknown" if failed is None else f"{failed:,} failed, as the NovaPulse API counts"
        lines.append(Line(level=Level.UNKNOWN, label=short, value=value))
    return say("Why jobs failed is unknown: only Redis knows", *lines, level=Level.UNKNOWN)


def _clusters(queues: Sequence[FailedJobs]) -> list[_Cluster]:
    """Put together what says the same, the most frequent first."""
    found, names = dict[tuple[str, str], _Cluster](), ClusterNames()
    for queue in queues:
        for job in queue.jobs:
            key = (queue.short, names.of(job.reason))
            found.setdefault(key, _Cluster(*key, [])).jobs.append(job)
    return sorted(found.values(), key=lambda cluster: -len(cluster.jobs))


def _title(found: dict[str, FailedJobs | MissingQueue]) -> str:
    read = [seen for seen in found.values() if isinstance(seen, FailedJobs) and seen.total is not None]
    where = f"in {next(iter(found))}" if len(found) == 1 else f"in {len(read)} of {len(found)} queues"
    if not read:
        return f"How many jobs failed {where if len(found) == 1 else ''} is unknown".replace("  ", " ")
    total = sum(seen.total or 0 for seen in read)
    more = " or more" if any(seen.is_capped for seen in read) else ""
    if len(read) == len(found) > 1:
        where = f"in all {len(found)} queues"
    return f"{total:,}{more} failed {'job' if total == 1 and not more else 'jobs'} {where}"


def _line(short: str, seen: FailedJobs | MissingQueue, clusters: Sequence[_Cluster], policy: Policy) -> Line:
    if isinstance(seen, MissingQueue):
        return Line(level=Level.UNKNOWN, label=short, value=f"unknown. {seen.sentence()}")
    if seen.total is None:
        return Line(level=Level.UNKNOWN, label=short, value="unknown. What is in its list of failed jobs is no list")
    kinds = sum(cluster.queue == short for cluster in clusters)
    said = [_failed(seen, seen.total)]
    if kinds:
        said.append(f"{kinds} {'kind' if kinds == 1 else 'kinds'} of error")
    looked_at = len(seen.jobs) + seen.unread
    if looked_at < seen.total:
        said.append(f"only {'' if seen.layout == 'plain' else 'the newest '}{looked_at:,} of them were looked at")
    if seen.unread:
        said.append(f"{seen.unread:,} could not be read: removed meanwhile, or their data is gone")
    return Line(level=_level(policy, short, seen.total), label=short, value=" · ".join(said))


def _failed(seen: FailedJobs, total: int) -> str:
    """Say how many there are, and what is known of those that are there no longer."""
    kept = seen.kept or FAILED_KEPT
    if seen.is_capped:
        return f"{total:,} or more failed (the newest {kept:,} are kept, older ones are dropped)"
    if seen.kept and total > seen.kept:
        return f"{total:,} failed (the next failure drops the oldest: {seen.kept:,} are kept)"
    return f"{total:,} failed"


def _level(policy: Policy, short: str, failed: int) -> Level:
    rules = [rule for rule in policy.alerts if rule.covers("queue_failed", {"queue": short})]
    return worst([Level.OK, *(Level(severity) for rule in rules if (severity := rule.severity_of(failed)))])


def _offered(clusters: Sequence[_Cluster], changeable: set[str]) -> list[Buttons]:
    """Offer to retry and to clear the most frequent errors."""
    names = [(one.queue, one.name) for one in clusters if one.queue in changeable][:_OFFERED]
    buttons = [
        Button(label=f"{word} cluster {name}", action="run", value=f"{line} {queue} --cluster {name}")
        for queue, name in names
        for word, line in (("Retry", "/retry-failed"), ("Clear", "/clear-failed"))
    ]
    return [Buttons(buttons=tuple(buttons))] if buttons else []


def _shown(cluster: _Cluster, now: datetime) -> list[Part]:
    """Say what a cluster's errors have in common, how many, since when; and show one of them."""
    newest = cluster.jobs[0].reason
    message = group_message(newest) or NO_REASON
    spans: list[Span] = [Bold(text=f"{len(cluster.jobs):,}x"), " ", message, "\n", " · ".join(_about(cluster))]
    moments = [job.failed_at for job in cluster.jobs if job.failed_at]
    if moments:
        spans += [" · first ", When(at=min(moments)), " · last ", When(at=max(moments)), _slope(moments, now)]
    if cluster.jobs[0].id:
        spans += ["\ncluster ", Code(text=cluster.name), f" · such as job {cluster.jobs[0].id}"]
    sample = newest if len(newest) <= _SAMPLE_LIMIT else f"{newest[:_SAMPLE_LIMIT]}{ELLIPSIS}"
    same = " ".join(newest.split()) == message or not newest
    said = Text(spans=tuple(spans))
    return [said] if same else [said, Log(text=sample, name="reason.txt")]


def _slope(moments: Sequence[datetime], now: datetime) -> str:
    """Say whether these errors become more: how many in the last ten minutes, and in the ten before."""
    lately = sum(moment > now - _LATELY for moment in moments)
    before = sum(now - 2 * _LATELY < moment <= now - _LATELY for moment in moments)
    if not lately and not before:
        return " · none in the last 20 min"
    word = "rising" if lately > before else "falling" if lately < before else "steady"
    return f" · {word}: {lately:,} in the last 10 min, {before:,} in the 10 before"


def _about(cluster: _Cluster) -> list[str]:
    names = list(dict.fromkeys(job.name for job in cluster.jobs if job.name))
    more = [f"{len(names) - _NAMES_SHOWN} other names"] if len(names) > _NAMES_SHOWN else []
    tried = [job.attempts for job in cluster.jobs if job.attempts is not None]
    return [cluster.queue, ", ".join([*names[:_NAMES_SHOWN], *more]) or "job name unknown", _attempts(tried)]


def _attempts(tried: Sequence[int]) -> str:
    if not tried:
        return "attempts unknown"
    least, most = min(tried), max(tried)
    if least != most:
        return f"{least} to {most} attempts"
    return f"{most} {'attempt' if most == 1 else 'attempts'}"


def _rest(clusters: Sequence[_Cluster]) -> str:
    rest = clusters[_CLUSTERS_SHOWN:]
    jobs = sum(len(cluster.jobs) for cluster in rest)
    return f"{len(rest)} rarer kinds of error with {jobs:,} jobs are not shown." if rest else ""


def _part_note(read: Sequence[FailedJobs]) -> str:
    """Say that a cluster may have more jobs than were counted here, and who counts all of them."""
    parts = [seen for seen in read if seen.layout != "plain" and len(seen.jobs) + seen.unread < (seen.total or 0)]
    names = ", ".join(seen.short for seen in parts)
    if not parts:
        return ""
    return (
        f"{names}: counted among the newest {JOBS_READ:,} only; a kind of error may have more jobs, or be older than "
        "these. /clear-failed and /retry-failed look at all of them, and say how many before anything is done."
    )


def _plain_note(seen: FailedJobs) -> str:
    if seen.layout != "plain" or not seen.total:
        return ""
    return (
        f"{seen.short} is kept in plain lists: which jobs are the newest cannot be told, and an entry that is only "
        "an id tells neither why nor when it failed."
    )
