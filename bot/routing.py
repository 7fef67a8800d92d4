"""Where alerts go: the policy's ``[receivers]`` and ``[[routes]]``, in Alertmanager's words and meaning.

The routes are asked in the file's order. The first one that matches takes the alert, unless it says ``continue``; the
default route, which has no matchers and stands last, takes what no other took.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bot.alert_rule import Notifications
from bot.duration import Duration
from bot.matchers import WrittenMatcher, matches
from bot.nearest import nearest

Address = Annotated[str, Field(pattern=r"^[^\s@,<>\"]+@[^\s@,<>\"]+$", max_length=100)]
Channel = Annotated[str, Field(min_length=1, max_length=100)]
Problem = tuple[tuple[str | int, ...], str]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)


class Receiver(_Section):
    """The ways to somebody. ``true`` is the channel of ALERTS_CHANNEL and the address of ALERTS_EMAIL."""

    slack: bool | Channel = False
    pagerduty: bool = False
    mail: bool | tuple[Address, ...] = False

    @property
    def has_a_way(self) -> bool:
        """Whether it reaches anybody."""
        return bool(self.slack or self.pagerduty or self.mail)


class Route(_Section):
    """Which alerts go to which receivers; ``continue`` asks the routes after it as well.

    What it says of ``group_by``, ``group_interval`` and ``repeat_interval`` counts more than ``[notifications]``.
    """

    matchers: tuple[WrittenMatcher, ...] = ()
    receivers: tuple[str, ...] = Field(min_length=1)
    goes_on: bool = Field(default=False, alias="continue")
    group_by: tuple[str, ...] | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None

    def covers(self, other: "Route") -> bool:
        """Say whether it matches whatever the other matches, as far as their conditions tell."""
        return set(self.matchers) <= set(other.matchers)


def receivers_of(routes: Iterable[Route], labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the receivers of an alert with these labels, each once, in the routes' order."""
    found: list[str] = []
    for route in routes:
        if route.matchers and matches(route.matchers, labels):
            found += route.receivers
            if not route.goes_on:
                break
        elif not route.matchers and not found:
            found += route.receivers
    return tuple(dict.fromkeys(found))


def notified(routes: Iterable[Route], default: Notifications, labels: Mapping[str, str]) -> Notifications:
    """Return how an alert with these labels is notified: as the first route that matches says, else the default."""
    first = next((route for route in routes if matches(route.matchers, labels)), None)
    said = {} if first is None else first.model_dump(include=set(Notifications.model_fields), exclude_none=True)
    return default.model_copy(update=said)


def routing_problems(
    receivers: Mapping[str, Receiver], routes: tuple[Route, ...], second_path: str
) -> Iterator[Problem]:
    """Say what is wrong with the receivers and routes of a policy, each with its place in the file."""
    for name, receiver in receivers.items():
        if not receiver.has_a_way:
            yield ("receivers", name), f"the receiver {name!r} reaches nobody: give it slack, pagerduty or mail"
    for index, route in enumerate(routes):
        for name in route.receivers:
            if name not in receivers:
                yield ("routes", index, "receivers"), _unknown(name, receivers)
    yield from _reach_problems(receivers, routes)
    if second_path:
        yield from _second_path_problems(receivers, second_path)


def _second_path_problems(receivers: Mapping[str, Receiver], second_path: str) -> Iterator[Problem]:
    if second_path not in receivers:
        yield ("second_path",), _unknown(second_path, receivers)
    elif not (receivers[second_path].pagerduty or receivers[second_path].mail):
        yield ("second_path",), f"the second path is for when Slack is away: give {second_path!r} pagerduty or mail"


def _reach_problems(receivers: Mapping[str, Receiver], routes: tuple[Route, ...]) -> Iterator[Problem]:
    if (receivers or routes) and (not routes or routes[-1].matchers):
        place: tuple[str | int, ...] = ("routes", len(routes) - 1) if routes else ("receivers",)
        yield place, "there is no default route: the last of [[routes]] has receivers and no matchers"
        return
    for index, route in enumerate(routes):
        if not route.matchers and index < len(routes) - 1:
            yield ("routes", index), "a route without matchers is the default and has to be the last"
        if not route.matchers and route.goes_on:
            yield ("routes", index, "continue"), "after the default route there is no other to continue with"
        before = next((n for n, one in enumerate(routes[:index]) if not one.goes_on and one.covers(route)), None)
        if before is not None:
            yield ("routes", index), f"this route is never reached: route {before + 1} takes all that it matches"


def _unknown(name: str, receivers: Mapping[str, Receiver]) -> str:
    meant = nearest(name, tuple(receivers))
    hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(receivers) or 'none'}"
    return f"there is no receiver {name!r}; {hint}"
