"""Reads the policy file, checks it as a whole, and says the line of what is wrong."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path

from pydantic import ValidationError

from bot.backup import backup_problems
from bot.catalog import Catalog
from bot.errors import InvalidPolicy
from bot.labels import KnownLabels, known_labels, label_problems
from bot.oncall_check import Problem, oncall_problems
from bot.policy import ApprovalRule, Policy
from bot.policy_words import fault
from bot.routing import routing_problems
from bot.rule_check import rule_problems, step_problems

_NAME = r"""(?:"[^"]*"|'[^']*'|[\w-]+)"""
_DOTTED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_PART = re.compile(r"""["']([^"']*)["']|([\w-]+)""")

Clock = Callable[[], datetime]


class PolicyFile:
    """The policy in force. A reload that fails leaves the old one in force and says why.

    ``queues`` are those that the alert rules and their matchers may name; without them, any. Without a ``clock``
    nobody is missed whose time on call is over.
    """

    def __init__(
        self, path: Path, catalog: Catalog, queues: Collection[str] = (), *, clock: Clock | None = None
    ) -> None:
        self.path = path
        self._catalog = catalog
        self._queues = tuple(queues)
        self._clock = clock
        self._text: str | None = None
        self.current = self._load()

    @property
    def labels(self) -> KnownLabels:
        """The labels that alerts can have while this policy is in force."""
        return known_labels(self.current, self._catalog.labels, self._queues)

    def reload(self) -> bool:
        """Read the file again; return whether it changed. Raises ``InvalidPolicy``, and the old one stays."""
        before = self._text
        self.current = self._load()
        return self._text != before

    def _load(self) -> Policy:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidPolicy(f"{self.path} cannot be read: {error}") from error
        if text == self._text:
            return self.current
        if not any(line.partition("#")[0].strip() for line in text.splitlines()):
            raise InvalidPolicy(f"{self.path.name} is empty: it names nobody who may do anything")
        policy = read(text, self._catalog, self._queues, now=self._clock() if self._clock else None)
        self._text = text
        return policy


def read(text: str, catalog: Catalog, queues: Collection[str] = (), *, now: datetime | None = None) -> Policy:
    """Make a policy of the file's text; raises ``InvalidPolicy`` with the line of the first thing that is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at_line = re.search(r"line (\d+)", str(error))
        line = int(at_line[1]) if at_line else len(text.splitlines())
        raise InvalidPolicy(str(error).partition(" (at ")[0], line=line) from error
    try:
        policy = Policy.model_validate(data)
    except ValidationError as error:
        sentence, where = fault(error.errors(include_url=False), data)
        raise InvalidPolicy(sentence, line=line_of(text, where)) from error
    found = (
        _problems(policy, catalog, now),
        rule_problems(policy, catalog),
        routing_problems(policy.receivers, policy.routes, policy.second_path),
        label_problems(policy, catalog.labels, queues),
        step_problems(policy, catalog, queues),
    )
    for location, problem in chain(*found):
        raise InvalidPolicy(problem, line=line_of(text, location))
    return policy


def _problems(policy: Policy, catalog: Catalog, now: datetime | None) -> Iterator[Problem]:
    yield from _role_problems(policy, catalog)
    yield from _approval_problems(policy, catalog)
    for name in policy.schedules:
        if name not in catalog.schedules:
            yield ("schedules", name), f"there is no schedule {name!r}; there are {', '.join(catalog.schedules)}"
    yield from backup_problems(policy.backups)
    yield from oncall_problems(policy, catalog, now)
    yield from _login_problems(policy)


def _login_problems(policy: Policy) -> Iterator[Problem]:
    logins: dict[str, str] = {}
    for person, entry in policy.people.items():
        if entry.console and logins.setdefault(entry.console, person) != person:
            both = f"{logins[entry.console]!r} and {person!r}"
            yield ("people", person, "console"), f"{both} have the same login name {entry.console!r}"


def _role_problems(policy: Policy, catalog: Catalog) -> Iterator[Problem]:
    for name, role in policy.roles.items():
        for person in role.members:
            if person not in policy.people:
                yield ("roles", name, "members"), f"role {name!r} names {person!r}, who is not under [people]"
        for included in role.includes:
            if included not in policy.roles:
                yield ("roles", name, "includes"), f"role {name!r} includes {included!r}, which does not exist"
        for permission in role.permissions:
            if permission not in catalog.permissions:
                yield ("roles", name, "permissions"), f"no command asks for the permission {permission!r}"


def _approval_problems(policy: Policy, catalog: Catalog) -> Iterator[Problem]:
    if "default" not in policy.approvals:
        yield ("approvals",), "the approval rule [approvals.default] is missing"
    changing = [command.name for command in catalog.commands.values() if command.changes]
    for name, rule in policy.approvals.items():
        if name != "default" and name not in changing:
            yield ("approvals", name), f"there is no changing command {name!r}; there are {', '.join(changing)}"
        yield from _rule_problems(policy, name, rule)
    for role in policy.break_glass.roles:
        if role not in policy.roles:
            yield ("break_glass", "roles"), f"break_glass names the role {role!r}, which does not exist"
    for name in policy.break_glass.commands:
        if name not in changing:
            yield ("break_glass", "commands"), f"break_glass names {name!r}, which is no changing command"


def _rule_problems(policy: Policy, name: str, rule: ApprovalRule) -> Iterator[Problem]:
    for key, roles in (("approvers", rule.approvers), ("ask_next", rule.ask_next)):
        for role in roles:
            if role not in policy.roles:
                yield ("approvals", name, key), f"the rule for {name!r} names the role {role!r}, which does not exist"
    if name == "default" and not rule.needed:
        problem = "the rule for every command that has none of its own must need a person: name those that need nobody"
        yield ("approvals", name, "needed"), problem
    approvers = policy.members(rule.approvers)
    if len(approvers) < rule.needed:
        yield ("approvals", name, "needed"), f"the rule for {name!r} needs more approvers than there are"
    for person in policy.members(rule.ask_next):
        if person not in approvers:
            problem = f"the rule for {name!r} asks {policy.name(person)} next, who may not approve"
            yield ("approvals", name, "ask_next"), problem


def line_of(text: str, location: tuple[str | int, ...]) -> int:
    """Return the 1-based line of the deepest part of ``location`` that stands in the text; 0 where none does."""
    found, depth = 0, 0
    for number, path in _places(text):
        shared = min(len(path), len(location))
        if shared > depth and path[:shared] == location[:shared]:
            found, depth = number, shared
    return found


def _places(text: str) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """Walk the lines that hold a table's header or a key, each with its whole path."""
    table: tuple[str | int, ...] = ()
    seen: Counter[tuple[str | int, ...]] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _path(header[2])
            if header[1] == "[[":
                yield number, table
                seen[table] += 1
                table = (*table, seen[table] - 1)
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_path(key[1]))


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(bare or quoted for quoted, bare in _PART.findall(dotted))
