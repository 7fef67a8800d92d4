"""What is wrong with a policy's alert rules, each with where it stands: what never fires, and steps to nowhere."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import Final

from bot.alert_rule import RULE_READABLE, AlertRule
from bot.catalog import Catalog
from bot.command import Command, Parameter
from bot.nearest import nearest
from bot.policy import Policy
from bot.queue_choice import ALL
from bot.routing import Problem

# A rule whose readings are further apart than this says nothing of what is wrong now.
RAREST: Final = timedelta(days=1)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_NAMED: Final = re.compile(r"(?:--)?([a-z][a-z_-]*)=(.+)")
_QUEUE: Final = "queue"
_LISTED: Final = 20  # names, of what may be a thousand queues


def rule_problems(policy: Policy, catalog: Catalog) -> Iterator[Problem]:
    """Say which rule could never fire, and which of its words stand for nothing."""
    names: set[str] = set()
    for index, rule in enumerate(policy.alerts):
        if rule.name in names:
            yield ("alerts", index, "name"), f"two alert rules are named {rule.name!r}"
        names.add(rule.name)
        yield from ((("alerts", index, "metric"), problem) for problem in _unseen(rule, policy, catalog))
        written = {"summary": (rule.summary,), "resolved": (rule.resolved,), "next_steps": rule.next_steps}
        for key, lines in written.items():
            yield from ((("alerts", index, key), problem) for problem in _unfilled(rule, key, lines, catalog))
    yield from _rare_problems(policy, catalog)


def step_problems(policy: Policy, catalog: Catalog, queues: Collection[str]) -> Iterator[Problem]:
    """Say which next step names a command, a word or a queue that does not exist; without ``queues``, any queue."""
    for index, rule in enumerate(policy.alerts):
        for step in rule.next_steps:
            yield from ((("alerts", index, "next_steps"), problem) for problem in _wrong_step(step, catalog, queues))


def _unseen(rule: AlertRule, policy: Policy, catalog: Catalog) -> Iterator[str]:
    """Say why no reading ever reaches a rule."""
    if rule.metric == RULE_READABLE:
        return
    if rule.metric not in catalog.metrics:
        meant = nearest(rule.metric, catalog.metrics)
        hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(catalog.metrics) or 'none'}"
        yield f"no schedule observes the metric {rule.metric!r}; {hint}"
        return
    observer = _observer(rule.metric, catalog)
    if observer not in policy.schedules:
        yield f"the rule {rule.name!r} never fires: {rule.metric!r} is read by [schedules.{observer}], which is missing"
    if rule.unless and rule.unless.items() <= rule.match.items():
        yield f"the rule {rule.name!r} never fires: its unless leaves out all that its match takes"


def _observer(metric: str, catalog: Catalog) -> str:
    return next(one.name for one in catalog.schedules.values() if metric in one.metrics)


def _rare_problems(policy: Policy, catalog: Catalog) -> Iterator[Problem]:
    needed = {_observer(rule.metric, catalog) for rule in policy.alerts if rule.metric in catalog.metrics}
    for name, times in policy.schedules.items():
        if name in needed and times.every is not None and times.every > RAREST:
            yield ("schedules", name, "every"), f"alert rules need what {name} reads: every is 1d at most"


def _unfilled(rule: AlertRule, key: str, lines: Iterable[str], catalog: Catalog) -> Iterator[str]:
    """Name the placeholders that stand for nothing: they would be shown, or typed into a command, as they are."""
    own = ("rule",) if rule.metric == RULE_READABLE else tuple(catalog.labels.get(rule.metric, ()))
    known = ("alert", *own)
    for name in (name for line in lines for name in _PLACEHOLDER.findall(line) if name not in known):
        meant = nearest(name, known)
        hint = f"did you mean {{{meant}}}?" if meant else f"there are {', '.join(f'{{{one}}}' for one in known)}"
        yield f"{key} of the rule {rule.name!r} has {{{name}}}, which stands for nothing; {hint}"


def _wrong_step(step: str, catalog: Catalog, queues: Collection[str]) -> Iterator[str]:
    name, *words = step.split() or [""]
    command = catalog.commands.get(name)
    if command is None:
        meant = catalog.nearest(name) if name else ""
        yield f"there is no command {name!r}" + (f"; did you mean {meant!r}?" if meant else "")
        return
    for parameter, given in _given(command, words):
        known = (*queues, ALL) if queues and parameter.name == _QUEUE else parameter.choices
        for word in given.split(","):
            if known and "{" not in word and word not in known:
                clause = "which QUEUES does not name" if parameter.name == _QUEUE else "which it does not take"
                hint = f"did you mean {meant!r}?" if (meant := nearest(word, known)) else f"there are {_some(known)}"
                yield f"the next step {step!r} names the {parameter.word} {word!r}, {clause}; {hint}"


def _some(known: Collection[str]) -> str:
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"{', '.join(list(known)[:_LISTED])}{more}"


def _given(command: Command, words: list[str]) -> Iterator[tuple[Parameter, str]]:
    """Return what each word of a step is given to, by its name or in its place."""
    places = [parameter for parameter in command.parameters if not parameter.is_flag]
    for word in words:
        named = _NAMED.fullmatch(word)
        if named and (parameter := command.parameter(named[1])):
            places = [one for one in places if one is not parameter]
            yield parameter, named[2]
        elif not word.startswith("--") and places:
            yield places.pop(0), word
