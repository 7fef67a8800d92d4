"""Plans to pause and to resume queues: what the commands that do so have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from bot.clients.queue_layout import MissingQueue, QueueSnapshot
from bot.clients.queue_pause import why_not
from bot.errors import Refused
from bot.plan import Step
from bot.sentence import sentence


@dataclass(frozen=True)
class Pausable:
    """The queues that were asked for and can be paused, and why the others cannot."""

    found: tuple[QueueSnapshot, ...]
    problems: tuple[str, ...]

    @classmethod
    def of(cls, shorts: Sequence[str], seen: Mapping[str, QueueSnapshot | MissingQueue]) -> "Pausable":
        """Sort them; raises Refused where there is none."""
        problems = tuple(reason for short in shorts if (reason := why_not(seen.get(short), short)))
        found = (queue for short in shorts if isinstance(queue := seen.get(short), QueueSnapshot))
        usable = tuple(queue for queue in found if not why_not(queue, queue.short))
        if not usable:
            raise Refused(f"{'. '.join(problems)}.")
        return cls(usable, problems)

    def paused(self, *, are: bool) -> tuple[str, ...]:
        """Name those that are paused now, or those that are not."""
        return tuple(queue.short for queue in self.found if bool(queue.is_paused) is are)

    @property
    def facts(self) -> dict[str, JsonValue]:
        """What a plan relies on: each queue's library, and whether it is paused."""
        facts: dict[str, JsonValue] = {f"{queue.short} library": queue.version for queue in self.found}
        return facts | {f"{queue.short} paused": bool(queue.is_paused) for queue in self.found}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is left as it is, and why."""
        return tuple(sentence(f"Left as it is: {problem}") for problem in self.problems)

    @property
    def notes(self) -> tuple[str, ...]:
        """How many jobs wait and are in work."""
        return tuple(
            f"{queue.short}: {_number(queue.counts.ready)} waiting, {_number(queue.counts.active)} in work, "
            f"{_number(queue.counts.delayed)} delayed"
            for queue in self.found
        )


def queue_locks(shorts: Sequence[str]) -> tuple[str, ...]:
    """Name the locks of whoever pauses or resumes these queues, or relies on none being paused: one each."""
    return tuple(f"queue/{short}" for short in shorts)


def pausing_steps(shorts: Sequence[str], *, pause: bool) -> tuple[Step, ...]:
    """Pause or resume each of these queues, and see that it is so."""
    verb, state = ("Pause", "paused") if pause else ("Resume", "not paused any more")
    steps = [
        Step(title=f"{verb} {short}", operation=f"queue_pause.{verb.lower()}", arguments={"queue": short}, timeout=120)
        for short in shorts
    ]
    seen = Step(
        title=f"See that {', '.join(shorts)} {'is' if len(shorts) == 1 else 'are'} {state}",
        kind="wait",
        operation="queue_pause.seen_paused",
        arguments={"queues": list(shorts), "paused": pause},
        timeout=60,
    )
    return (*steps, seen)


def _number(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"
