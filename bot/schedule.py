"""How a schedule is declared, and what it observes. When it fires is the policy's to say, under its name."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, get_type_hints

from bot.errors import InvalidDeclaration
from bot.reply import Reply

# The labels of what a metric observes, each with every value that it can have; none is any value.
Labels = Mapping[str, tuple[str, ...]]
# Stands in an observation's summary for how long a rule waits before it fires.
FOR: Final = "{for}"


class Observation(NamedTuple):
    """One reading at one moment: ``value`` is None where it could not be read, and ``reason`` says why.

    ``summary`` is what an alert about it says where the rule's own summary would be too rough. ``is_expected`` is False
    where nobody expects to read it, such as of a system that is not configured.
    """

    metric: str
    labels: dict[str, str]
    value: float | None
    at: datetime
    reason: str = ""
    summary: str = ""
    is_expected: bool = True


ScheduleHandler = Callable[..., Awaitable[Reply | list[Observation]]]


@dataclass(frozen=True)
class Schedule:
    """A declared schedule: a reply goes to the alerts channel, observations go through the alert rules.

    ``metrics`` are the names of what it observes with their labels; whatever in the policy names others is refused.
    """

    name: str
    description: str
    dependencies: dict[str, Any]
    metrics: Mapping[str, Labels]
    handler: ScheduleHandler

    @property
    def observes(self) -> bool:
        """Whether it returns observations instead of a reply."""
        return bool(self.metrics)


class Schedules(Protocol):
    """Runs a schedule now, for whoever asks; what it returns is not posted."""

    async def run(self, name: str) -> Reply:
        """Run the schedule of this name; raises ``KeyError`` where there is none."""


def schedule(
    name: str, *, metrics: tuple[str, ...] | Mapping[str, Labels] = ()
) -> Callable[[ScheduleHandler], Schedule]:
    """Declare a schedule whose handler asks for its dependencies by type; raises ``InvalidDeclaration``.

    A handler that observes names its ``metrics``, and the labels of those that have any.
    """

    def declare(handler: ScheduleHandler) -> Schedule:
        hints = get_type_hints(handler)
        returned = hints.pop("return", None)
        description = " ".join((inspect.getdoc(handler) or "").partition("\n\n")[0].split())
        if not description:
            raise InvalidDeclaration(f"{name}: the docstring is the description, and there is none")
        if returned is not Reply and returned != list[Observation]:
            raise InvalidDeclaration(f"{name}: the handler must return Reply or list[Observation]")
        if (returned is Reply) == bool(metrics):
            raise InvalidDeclaration(f"{name}: whoever returns list[Observation] names its metrics, nobody else")
        if not inspect.iscoroutinefunction(handler):
            raise InvalidDeclaration(f"{name}: the handler must be async")
        if missing := inspect.signature(handler).parameters.keys() - hints.keys():
            raise InvalidDeclaration(f"{name}: {', '.join(sorted(missing))} has no type to look it up by")
        labels = metrics if isinstance(metrics, Mapping) else {metric: {} for metric in metrics}
        return Schedule(name, description, hints, labels, handler)

    return declare
