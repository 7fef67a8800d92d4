"""Which labels alerts can have, and with which values: what a policy or a silence names besides is a mistake."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bot.alert_rule import EVERY_LABEL, RULE_READABLE, SEVERITIES, AlertRule
from bot.matchers import Matcher
from bot.nearest import nearest, shown
from bot.policy import Policy
from bot.routing import Problem
from bot.schedule import Labels

_LISTED: Final = 20  # names, of what may be a thousand queues
_NOBODYS: Final = "which no alert has"
_NOT_NAMED: Final = {"queue": "which QUEUES does not name"}


@dataclass(frozen=True)
class KnownLabels:
    """The labels of the alerts that a policy's rules can make; None is any value."""

    values: Mapping[str, Collection[str] | None]

    def problem(self, matcher: Matcher) -> str:
        """Say what a condition names that no alert has, with what was probably meant; empty where all is known."""
        written, known = shown(str(matcher)), self.values.get(matcher.label)
        if matcher.label not in self.values:
            return f"{written} names {self.no_label(matcher.label)}"
        if known is None or not (wrong := matcher.impossible(known)):
            return ""
        clause = _NOT_NAMED.get(matcher.label, _NOBODYS)
        return f"{written} names the {matcher.label} {shown(wrong)}, {clause}; {_hint(wrong, known)}"

    def no_label(self, name: str) -> str:
        """Return the clause about a label that there is not."""
        return f"the label {shown(name)}, {_NOBODYS}; {_hint(name, self.values)}"


def known_labels(policy: Policy, metrics: Mapping[str, Labels], queues: Collection[str]) -> KnownLabels:
    """Return the labels of the alerts that the rules can make; without ``queues``, any queue."""
    rules, of_metric = tuple(rule.name for rule in policy.alerts), _of_metric(policy, metrics, queues)
    found: dict[str, Collection[str] | None] = {"alert": rules, "severity": SEVERITIES}
    for rule in policy.alerts:
        own = {name: (value,) for name, value in rule.labels.items()}
        for labels in (of_metric.get(rule.metric, {}), own):
            for name, values in labels.items():
                before = found.get(name, ())
                found[name] = None if before is None or not values else tuple(dict.fromkeys((*before, *values)))
    return KnownLabels(dict(sorted(found.items())))


def _of_metric(policy: Policy, metrics: Mapping[str, Labels], queues: Collection[str]) -> dict[str, Labels]:
    """Return the labels of every metric, with what the settings and the policy say of their values."""
    own = {"queue": tuple(queues)}
    found: dict[str, Labels] = {
        metric: {name: own.get(name, values) for name, values in labels.items()} for metric, labels in metrics.items()
    }
    return found | {RULE_READABLE: {"rule": tuple(rule.name for rule in policy.alerts)}}


def label_problems(policy: Policy, metrics: Mapping[str, Labels], queues: Collection[str]) -> Iterator[Problem]:
    """Say where the policy names a label that no alert has, or a value that its label never has."""
    of_metric = _of_metric(policy, metrics, queues)
    for index, rule in enumerate(policy.alerts):
        for key, named in (("match", rule.match), ("unless", rule.unless)):
            for problem in _rule_problems(rule, named, of_metric.get(rule.metric, {})):
                yield ("alerts", index, key), f"the rule {rule.name!r} names {problem}"
    known = known_labels(policy, metrics, queues)
    for place, matchers in _conditions(policy):
        yield from ((place, problem) for problem in map(known.problem, matchers) if problem)
    for place, names in _named(policy):
        unknown = [name for name in names if name not in known.values and name != EVERY_LABEL]
        yield from ((place, f"{place[-1]} names {known.no_label(name)}") for name in unknown)


def _rule_problems(rule: AlertRule, named: Mapping[str, str], labels: Labels) -> Iterator[str]:
    for name, value in named.items():
        if name not in labels:
            hint = _hint(name, labels) if labels else "it has none"
            yield f"the label {name!r}, which the metric {rule.metric!r} does not have; {hint}"
        elif labels[name] and value not in labels[name]:
            clause = _NOT_NAMED.get(name, "which is never observed")
            yield f"the {name} {value!r}, {clause}; {_hint(value, labels[name])}"


def _conditions(policy: Policy) -> Iterator[tuple[tuple[str | int, ...], tuple[Matcher, ...]]]:
    for index, route in enumerate(policy.routes):
        yield ("routes", index, "matchers"), route.matchers
    for index, inhibition in enumerate(policy.inhibitions):
        yield ("inhibitions", index, "source"), inhibition.source
        yield ("inhibitions", index, "target"), inhibition.target


def _named(policy: Policy) -> Iterator[tuple[tuple[str | int, ...], tuple[str, ...]]]:
    yield ("notifications", "group_by"), policy.notifications.group_by
    for index, route in enumerate(policy.routes):
        yield ("routes", index, "group_by"), route.group_by or ()
    for index, inhibition in enumerate(policy.inhibitions):
        yield ("inhibitions", index, "equal"), inhibition.equal


def _hint(name: str, known: Collection[str]) -> str:
    if meant := nearest(name, known):
        return f"did you mean {meant!r}?"
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"there are {', '.join(list(known)[:_LISTED])}{more}"
