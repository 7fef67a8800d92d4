"""Reads the policy file, checks it as a whole, and says the line of what is wrong."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from bot.catalog import Catalog
from bot.errors import InvalidPolicy
from bot.policy import Policy


class PolicyFile:
    """The policy in force. A reload that fails leaves the old one in force and says why."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self._path = path
        self._catalog = catalog
        self._text = ""
        self.current = self._load()

    def reload(self) -> bool:
        """Read the file again; return whether it changed. Raises ``InvalidPolicy``, and the old one stays."""
        before = self._text
        self.current = self._load()
        return self._text != before

    def _load(self) -> Policy:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidPolicy(f"{self._path} cannot be read: {error}") from error
        if text == self._text:
            return self.current
        policy = read(text, self._catalog)
        self._text = text
        return policy


def read(text: str, catalog: Catalog) -> Policy:
    """Make a policy of the file's text; raises ``InvalidPolicy`` with the line of the first thing that is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at_line = re.search(r"line (\d+)", str(error))
        raise InvalidPolicy(str(error), line=int(at_line[1]) if at_line else 0) from error
    try:
        policy = Policy.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise InvalidPolicy(f"{path}: {first['msg']}", line=line_of(text, first["loc"])) from error
    for location, problem in _problems(policy, catalog):
        raise InvalidPolicy(problem, line=line_of(text, location))
    return policy


def _problems(policy: Policy, catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    yield from _role_problems(policy, catalog)
    yield from _approval_problems(policy, catalog)
    for name in policy.schedules:
        if name not in catalog.schedules:
            yield ("schedules", name), f"there is no schedule {name!r}; there are {', '.join(catalog.schedules)}"
    for index, rule in enumerate(policy.alerts):
        for step in rule.next_steps:
            if step.split()[0] not in catalog.commands:
                yield ("alerts", index, "next_steps"), f"there is no command {step.split()[0]!r}"


def _role_problems(policy: Policy, catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
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


def _approval_problems(policy: Policy, catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if "default" not in policy.approvals:
        yield ("approvals",), "the approval rule [approvals.default] is missing"
    for name, rule in policy.approvals.items():
        changing = [command.name for command in catalog.commands.values() if command.changes]
        if name != "default" and name not in changing:
            yield ("approvals", name), f"there is no changing command {name!r}; there are {', '.join(changing)}"
        unknown = [role for role in (*rule.approvers, *rule.ask_next) if role not in policy.roles]
        if unknown:
            yield ("approvals", name, "approvers"), f"the rule for {name!r} names the role {unknown[0]!r}"
        elif len(policy.members(rule.approvers)) < rule.needed:
            yield ("approvals", name, "needed"), f"the rule for {name!r} needs more approvers than there are"
    for role in policy.break_glass.roles:
        if role not in policy.roles:
            yield ("break_glass", "roles"), f"break_glass names the role {role!r}, which does not exist"


def line_of(text: str, location: tuple[str | int, ...]) -> int:
    """Return the 1-based line of the deepest part of ``location`` that stands in the text; 0 where none does."""
    lines = text.splitlines()
    at, found = 0, 0
    for part in location:
        pattern = _array_item(lines, at, part) if isinstance(part, int) else _key_line(lines, at, part)
        if pattern is None:
            break
        at = found = pattern
    return found


def _array_item(lines: list[str], start: int, index: int) -> int | None:
    headers = [number for number, line in enumerate(lines, 1) if number >= start and line.strip().startswith("[[")]
    return headers[index] if index < len(headers) else None


def _key_line(lines: list[str], start: int, key: str) -> int | None:
    name = rf"[\"']?{re.escape(key)}[\"']?"
    pattern = re.compile(rf"\s*\[+[^\]]*\b?{name}\s*[\].]|\s*{name}\s*[=.]|.*[{{,]\s*{name}\s*=")
    for number, line in enumerate(lines, 1):
        if number >= max(start, 1) and pattern.match(line):
            return number
    return None
