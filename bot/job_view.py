"""One failed job as a reply: its times, reason, last stack trace and log, and which fields its data has."""

from typing import Final

from bot.clients.failed_job import JobDetails
from bot.clients.failed_selection import ClusterNames
from bot.reply import Bold, Code, Level, Log, Note, Part, Reply, Span, Text, When, say

WITHHELD: Final = "Job data is never shown: it may hold personal data and secrets."
NO_REASON: Final = "(no reason is recorded)"


def job_reply(queue: str, found: JobDetails) -> Reply:
    """Show a job of a queue; what is in it is masked."""
    parts: list[Part] = [_state(found), Text.of(found.job.reason or NO_REASON)]
    parts += [Log(text=found.stack, name="stack.txt")] if found.stack else []
    if found.logs:
        parts.append(Note.of(f"The last {len(found.logs)} of {found.log_lines:,} lines of its log:"))
        parts.append(Log(text="\n".join(found.logs), name="log.txt"))
    data = f"Its data has {', '.join(found.data)}." if found.data else "Its data has no fields."
    level = Level.CRITICAL if found.is_failed else Level.INFO
    title = f"Job {found.job.id} of {queue}: {found.job.name or 'its name is unknown'}"
    return say(title, *parts, Note.of(f"{data} {WITHHELD}"), level=level)


def _state(found: JobDetails) -> Text:
    allowed = f" of {found.allowed}" if found.allowed is not None else ""
    tried = "attempts unknown" if found.job.attempts is None else f"attempt {found.job.attempts}{allowed}"
    spans: list[Span] = [Bold(text="failed" if found.is_failed else "not among the failed jobs (any more)")]
    spans += [f" · {tried} · cluster ", Code(text=ClusterNames().of(found.job.reason))]
    spans += [f" · priority {found.priority}"] if found.priority else []
    for word, at in (("added", found.added_at), ("last begun", found.started_at), ("failed", found.job.failed_at)):
        spans += [f" · {word} ", When(at=at)] if at else []
    return Text(spans=tuple(spans))
