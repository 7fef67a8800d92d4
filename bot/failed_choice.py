"""Which failed jobs somebody means: what is typed, checked against what is there, as ``/clear-failed`` does it.

Up to which moment they failed is read from the jobs themselves: workers write it by their own clocks, which may be
ahead of the bot's or behind it. What an approved plan says about that is what stays meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import JsonValue

from bot.attempt import attempt, why
from bot.clients.failed_selection import Selection, Survey
from bot.clients.queue_changes import QueueChanges, is_writable
from bot.clients.queue_layout import MissingQueue, QueueSnapshot
from bot.clients.queues import Queues
from bot.duration import read_duration
from bot.elapsed import elapsed
from bot.errors import BotError, Incomplete, NotFound, Refused, UsageError, UserError
from bot.nearest import nearest, shown
from bot.plan import Plan
from bot.request import Request
from bot.sentence import sentence
from bot.stores.plans import Plans

ALL: Final = "all"
_NAMED: Final = 10
TIMEOUT: Final = 6 * 3600.0  # seconds; a Redis that is slow makes the work wait
# The latest time of a failure (epoch, ms): what is dated later than in the year 5138 is no time.
ANY_TIME: Final = 1e14
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
_LOOKING: Final = 18.0  # seconds in which all queues have to be looked at; a command has 25


@dataclass(frozen=True)
class Asked:
    """What was typed, and by which request; an empty word chooses nothing."""

    queue: str
    cluster: str
    job: str
    older_than: str
    request: Request

    @property
    def at(self) -> datetime:
        """When it was asked, by the bot's clock."""
        return self.request.received_at

    @property
    def is_whole(self) -> bool:
        """Whether every job of the queue that has failed so far is meant."""
        return not (self.cluster or self.job or self.older_than)

    @property
    def until(self) -> float:
        """The latest failure (epoch, ms) that may be meant; raises UsageError."""
        if not self.older_than:
            return ANY_TIME
        try:
            return (self.at - read_duration(self.older_than)).timestamp() * 1000
        except (ValueError, OverflowError):
            message = f"{shown(self.older_than)} is no duration: write 30m, 2h or 7d."
            raise UsageError(message, argument="older_than") from None


def failed_locks(shorts: Sequence[str]) -> tuple[str, ...]:
    """Name the locks of whoever changes the failed jobs of these queues: one each.

    Two that work on different queues share what Redis can spare, for each of them waits while it is slow.
    """
    return tuple(f"failed/{short}" for short in shorts)


@dataclass(frozen=True)
class Choice:
    """What was found, one survey a queue with at least one job, and what could not be looked at."""

    asked: Asked
    surveys: tuple[Survey, ...]
    problems: tuple[str, ...] = ()

    @property
    def jobs(self) -> int:
        """How many jobs are meant, in all queues."""
        return sum(survey.chosen for survey in self.surveys)

    @property
    def locks(self) -> tuple[str, ...]:
        """What is locked while these jobs are changed."""
        return failed_locks([survey.queue.short for survey in self.surveys])

    @property
    def where(self) -> str:
        """The queues' names."""
        return ", ".join(survey.queue.short for survey in self.surveys)

    @property
    def facts(self) -> dict[str, JsonValue]:
        """What a plan relies on; how many jobs there are only shrinks, and is no fact where the times are known."""
        facts: dict[str, JsonValue] = {f"{one.queue.short} layout": one.queue.layout for one in self.surveys}
        plain = (one for one in self.surveys if one.queue.layout == "plain")
        return facts | {f"{one.queue.short} entries": one.total for one in plain}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever approves should know besides."""
        plain = [
            f"{one.queue.short} is kept in a plain list, which is taken as a whole, and only as long as it has "
            f"{one.total:,} {'entry' if one.total == 1 else 'entries'}: which are new cannot be told."
            for one in self.surveys
            if one.queue.layout == "plain"
        ]
        return (*self.problems, *plain, *(said for one in self.surveys if (said := _ahead(one, self.asked.at))))

    @property
    def notes(self) -> tuple[str, ...]:
        """How many jobs, and from when to when."""
        return tuple(map(_note, self.surveys))

    def said(self, survey: Survey) -> str:
        """Say which jobs of a queue are meant."""
        if survey.queue.layout == "plain":
            return f"{survey.queue.name}:failed, all entries"
        chosen = [f"cluster {self.asked.cluster}"] if self.asked.cluster else []
        chosen += [f"name {self.asked.job}"] if self.asked.job else []
        last = datetime.fromtimestamp(survey.until / 1000, self.asked.at.tzinfo)
        return ", ".join([f"{survey.queue.short}: failed up to {last:%Y-%m-%d %H:%M:%S} {last:%Z}", *chosen])

    def selection(self, survey: Survey) -> dict[str, JsonValue]:
        """The selection as a step's argument."""
        return Selection(survey.until, self.asked.cluster, self.asked.job).words


async def choose(asked: Asked, queues: Queues, changes: QueueChanges, plans: Plans) -> Choice:
    """Find what is meant; raises UsageError, Refused, UserError where that is nothing, and what Redis is down with.

    Planned again, no more is meant than in the plan that this request led to.
    """
    until, shorts = asked.until, _shorts(asked.queue, queues.shorts)
    approved = await plans.of_request(asked.request.id)
    moments = _moments(approved.plan) if approved else dict.fromkeys(shorts, until)
    shorts = tuple(short for short in shorts if short in moments)
    seen = await queues.snapshot()
    share = _LOOKING / max(1, len(shorts))
    found = [await attempt(_survey(asked, moments[short], seen[short], changes, share)) for short in shorts]
    problems = [one for one in found if isinstance(one, BotError)]
    if problems and len(problems) == len(shorts):
        raise problems[0]
    surveys = [one for one in found if isinstance(one, Survey)]
    if approved:  # the newest of them may be gone since
        surveys = [replace(one, until=moments[one.queue.short]) for one in surveys]
    chosen = tuple(one for one in surveys if one.chosen)
    if not chosen:
        raise _nothing(asked, surveys, problems)
    return Choice(asked, chosen, tuple(f"Left as it is: {why(problem)}" for problem in problems))


def _shorts(queue: str, known: tuple[str, ...]) -> tuple[str, ...]:
    if queue.casefold() == ALL:
        return known
    found = tuple(short for short in known if short.casefold() == queue.casefold())
    if not found:
        there = f"{', '.join(known)}, and {ALL}"
        if not queue:
            raise Incomplete(f"Say which queue: {there}.", argument="queue")
        message = f"There is no queue {shown(queue)}; there are {there}."
        raise NotFound(message, nearest=nearest(queue, (*known, ALL)), argument="queue")
    return found


def _moments(plan: Plan) -> dict[str, float]:
    """Return up to when the failed jobs of each queue are meant by a plan, 0 where it takes a plain list."""
    found = {}
    for step in plan.steps:
        selection = step.arguments.get("selection", step.arguments)
        moment = selection.get("until") if isinstance(selection, dict) else None
        found[str(step.arguments["queue"])] = float(moment) if isinstance(moment, int | float) else 0.0
    return found


async def _survey(
    asked: Asked, until: float, seen: QueueSnapshot | MissingQueue, changes: QueueChanges, seconds: float
) -> Survey:
    if isinstance(seen, MissingQueue):
        raise UserError(sentence(f"The failed jobs are unknown. {seen.sentence()}"))
    if not is_writable(seen):
        message = f"{seen.short} is of {seen.version or 'an unknown version of BullMQ'}, which is only read here."
        raise Refused(message, hint="Versions 5 and 6 are known.")
    if seen.layout != "plain":
        selection = Selection(until, asked.cluster, asked.job)
        return await changes.survey(seen, selection, seconds=seconds)
    if seen.counts.failed is None:
        raise UserError(f"What is in {seen.name}:failed is no list: how many jobs failed is unknown.")
    if not asked.is_whole:
        message = f"{seen.short} is kept in a plain list, which can only be taken as a whole."
        raise UserError(message, hint="Leave out the cluster, the name and the age.")
    return Survey(seen, seen.counts.failed, seen.counts.failed, 0.0)


def _nothing(asked: Asked, surveys: Sequence[Survey], problems: Sequence[BotError]) -> UserError:
    total = sum(survey.total for survey in surveys)
    where = f"in {asked.queue.casefold()}" if asked.queue.casefold() != ALL else "in any queue"
    unread = " ".join(map(why, problems))
    if not total:
        return UserError(f"No job has failed {where}: there is nothing to do.", hint=unread)
    if asked.is_whole:
        return UserError(f"None of the jobs that this meant is left {where}; {total:,} failed since.", hint=unread)
    clusters = sorted({name for survey in surveys for name in survey.clusters})
    names = sorted({name for survey in surveys for name in survey.names})
    message = f"None of the {total:,} failed jobs {where} is meant by this."
    if asked.cluster and clusters and asked.cluster not in clusters:
        near, argument = nearest(asked.cluster, clusters), "cluster"
        message += f" There are the clusters {', '.join(clusters[:_NAMED])}."
    elif asked.job and names and asked.job not in names:
        near, argument = nearest(asked.job, names), "job"
        message += f" There are the names {', '.join(names[:_NAMED])}."
    else:
        near, argument = "", ""
    return NotFound(message, nearest=near, argument=argument)


def _ahead(survey: Survey, asked_at: datetime) -> str:
    """Warn of a clock that is ahead: what fails before it is so late here is dated as if it had been counted."""
    ahead = timedelta(milliseconds=survey.until) - timedelta(seconds=asked_at.timestamp())
    if ahead < _CLOCKS_DIFFER:
        return ""
    return (
        f"{survey.queue.short}: the newest failure is dated {elapsed(ahead)} after this was asked. A clock is wrong, a "
        "worker's or the bot's; what fails within that time may be meant too, though it is not counted."
    )


def _note(survey: Survey) -> str:
    queue = survey.queue
    said = f"{queue.short}: {survey.chosen:,} of {survey.total:,} failed {'job' if survey.total == 1 else 'jobs'}"
    if survey.oldest and survey.newest:
        said += f", from {survey.oldest:%Y-%m-%d %H:%M} to {survey.newest:%Y-%m-%d %H:%M} {survey.newest:%Z}"
    return said
