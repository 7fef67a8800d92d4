"""What is wrong with a policy's alert rules, each with where it stands: what never fires, and steps to nowhere."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta
from typing import Final

from bot.alert import Severity
from bot.alert_rule import RULE_READABLE, SEVERITIES, AlertRule
from bot.catalog import Catalog
from bot.command import Command, Parameter
from bot.nearest import nearest
from bot.policy import Policy
from bot.queue_choice import ALL
from bot.routing import Problem

# A rule whose readings are further apart than this says nothing of what is wrong now.
RAREST: Final = timedelta(days=1)
# What is beyond its threshold for longer than this without a word is found by people.
LONGEST_HOLD: Final = timedelta(days=1)
_EVERY_DAY: Final = ["*"] * 3  # a cron line's day of month, month and day of week
_YES_OR_NO: Final = ("_up", "_readable", "_ok")  # what these end with is 1 where all is well, else 0
_SHARE: Final = "_percent"
_WHOLE: Final = 100
_WORD: Final = re.compile(r"""(?:"[^"]*"|\S)+""")
_OPTION: Final = re.compile(r"--.+|-[A-Za-z].*")
_MATCHER: Final = re.compile(r"[A-Za-z_][\w-]*(?:=~|!~|!=|=).+")
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
        yield from ((("alerts", index, key), problem) for key, problem in _unreached(rule))
        if max(rule.hold.values(), default=timedelta(0)) > LONGEST_HOLD:
            yield ("alerts", index, "for"), f"the rule {rule.name!r} says nothing for too long: for is 1d at most"
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
        if name in needed and times.cron and times.cron.split()[2:] != _EVERY_DAY:
            why = "its cron has to fire every day, so its last three fields are *"
            yield ("schedules", name, "cron"), f"alert rules need what {name} reads: {why}"


def _unreached(rule: AlertRule) -> Iterator[tuple[Severity, str]]:
    """Say which threshold no value is ever beyond, or every value always is."""
    for severity in SEVERITIES:
        threshold = rule.threshold(severity)
        if threshold is None:
            continue
        if rule.metric.endswith(_YES_OR_NO) and not (rule.below and threshold <= 1):
            needed = f"needs below = true and {severity} = 1"
            yield severity, f"the rule {rule.name!r} {needed}: {rule.metric!r} is 1 where all is well, else 0"
        if rule.metric.endswith(_SHARE) and not rule.below and threshold >= _WHOLE:
            yield severity, f"the rule {rule.name!r} never fires: {rule.metric!r} is never above 100 %"


def _unfilled(rule: AlertRule, key: str, lines: Iterable[str], catalog: Catalog) -> Iterator[str]:
    """Name the placeholders that stand for nothing: they would be shown, or typed into a command, as they are."""
    own = ("rule",) if rule.metric == RULE_READABLE else tuple(catalog.labels.get(rule.metric, ()))
    known = ("alert", *own)
    for name in (name for line in lines for name in _PLACEHOLDER.findall(line) if name not in known):
        meant = nearest(name, known)
        hint = f"did you mean {{{meant}}}?" if meant else f"there are {', '.join(f'{{{one}}}' for one in known)}"
        yield f"{key} of the rule {rule.name!r} has {{{name}}}, which stands for nothing; {hint}"


def _wrong_step(step: str, catalog: Catalog, queues: Collection[str]) -> Iterator[str]:
    name, *words = _WORD.findall(step) or [""]
    command = catalog.commands.get(name)
    if command is None:
        meant = catalog.nearest(name) if name else ""
        yield f"there is no command {name!r}" + (f"; did you mean {meant!r}?" if meant else "")
        return
    for parameter, given in _given(command, [word.replace('"', "") for word in words]):
        if parameter is None:
            yield f"the next step {step!r} has {given!r}, which {name} does not take; it is {command.usage}"
        else:
            yield from _wrong_words(step, parameter, given, queues)


def _wrong_words(step: str, parameter: Parameter, given: str, queues: Collection[str]) -> Iterator[str]:
    known = (*queues, ALL) if queues and parameter.name == _QUEUE else parameter.choices
    for word in given.split(","):
        if known and "{" not in word and word not in known:
            clause = "which QUEUES does not name" if parameter.name == _QUEUE else "which it does not take"
            hint = f"did you mean {meant!r}?" if (meant := nearest(word, known)) else f"there are {_some(known)}"
            yield f"the next step {step!r} names the {parameter.word} {word!r}, {clause}; {hint}"


def _some(known: Collection[str]) -> str:
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"{', '.join(list(known)[:_LISTED])}{more}"


def _given(command: Command, words: list[str]) -> Iterator[tuple[Parameter | None, str]]:
    """Return what each word of a step is given to, by its name or in its place; None for what nothing takes."""
    places = [parameter for parameter in command.parameters if not parameter.is_flag]
    waiting = iter(words)
    for word in waiting:
        parameter, value = _by_name(command, word)
        if parameter is not None:
            places = [one for one in places if one is not parameter]
            if value is None and not parameter.is_flag:
                value = next(waiting, "")
            yield parameter, value or ""
        elif _OPTION.fullmatch(word) or not (places or _is_matcher(command, word)):
            yield None, word
        elif places and places[0].takes_rest:
            return
        elif not _is_matcher(command, word):
            yield places.pop(0), word


def _by_name(command: Command, word: str) -> tuple[Parameter | None, str | None]:
    """Return the parameter that a word names, and the value that it gives it there, if any."""
    named = _NAMED.fullmatch(word)
    name = named[1] if named else word if _OPTION.fullmatch(word) else ""
    return command.parameter(name) if name else None, named[2] if named else None


def _is_matcher(command: Command, word: str) -> bool:
    return any(one.matchers for one in command.parameters) and _MATCHER.fullmatch(word) is not None
