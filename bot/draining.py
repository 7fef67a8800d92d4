"""What a plan says and does about the jobs in flight on the workers it takes away."""

from collections import Counter
from datetime import datetime

from pydantic import JsonValue

from bot.attempt import is_missing, why
from bot.clients.platform_words import Words
from bot.clients.working_jobs import Working
from bot.errors import BotError
from bot.plan import Step


def in_flight(working: Working | BotError, now: datetime) -> tuple[str, ...]:
    """Say how many jobs of which queue are worked on, and which has been for the longest; nothing without a Redis.

    Of a queue that does not tell it says that, and never that nothing is worked on.
    """
    if isinstance(working, BotError):
        return () if is_missing(working) else (f"Which jobs are in flight is unknown. {why(working)}",)
    unknown = [f"{queue}: which jobs are in flight is unknown ({why})" for queue, why in working.unknown.items()]
    return (*_known(working, now), *unknown)


def _known(working: Working, now: datetime) -> tuple[str, ...]:
    if not working.known:
        return ()
    if not working.jobs:
        return (f"No job of {', '.join(working.known)} is in flight." if working.unknown else "No job is in flight.",)
    counts = Counter(job.queue for job in working.jobs)
    said = ", ".join(f"{queue} {count}" for queue, count in counts.items())
    first = f"Jobs in flight: {said}{' or more' if working.more else ''}."
    longest = working.longest
    return (first, f"The longest: {longest.sentence(now)}.") if longest else (first,)


def spared(role: str, before: int, to: int, scaling: tuple[Step, ...], words: Words) -> tuple[Step, ...]:
    """Return the steps of a scaling; a scale-down of workers begins with marks at those who are busy and ends without.

    The marks let idle pods go first. They come off in any case, as they would mislead whoever scales down next.
    Where the platform chooses for itself there is nothing to mark.
    """
    if words.chooser or role != "worker" or not 0 < to < before:
        return scaling
    arguments: dict[str, JsonValue] = {"role": role}
    mark = Step(title="Let idle pods go first", operation="pods.spare_the_busy", arguments=arguments)
    unmark = Step(title="Take the marks off again", operation="pods.unmark", arguments=arguments, always=True)
    return (mark, *scaling, unmark)
