"""The one list of commands and schedules, made by walking their packages; all else derives from it."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from types import ModuleType
from typing import TypeVar

from bot.command import Command
from bot.errors import InvalidDeclaration
from bot.schedule import Labels, Schedule

UMBRELLA = "/nova"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Catalog:
    """Every declared command by its name and every schedule by its name."""

    commands: dict[str, Command]
    schedules: dict[str, Schedule]

    def nearest(self, name: str) -> str:
        """Return the declared command that looks most like ``name``, or the empty string."""
        wanted = "/" + name.lstrip("/")
        begins = [command for command in self.commands if len(wanted) > 1 and command.startswith(wanted)]
        return next(iter(begins or get_close_matches(wanted, self.commands, n=1, cutoff=0.5)), "")

    @property
    def permissions(self) -> frozenset[str]:
        """Every permission that some command asks for."""
        return frozenset(each for command in self.commands.values() for each in command.permissions)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that some schedule observes."""
        return tuple(self.labels)

    @property
    def labels(self) -> dict[str, Labels]:
        """The labels of every metric that some schedule observes."""
        return {metric: labels for each in self.schedules.values() for metric, labels in each.metrics.items()}


def load() -> Catalog:
    """Import everything below ``commands`` and ``schedules``; raises ``InvalidDeclaration`` on a second of a name."""
    commands: dict[str, Command] = {}
    schedules: dict[str, Schedule] = {}
    for module in _modules("commands"):
        for value in vars(module).values():
            if isinstance(value, Command) and value.handler.__module__ == module.__name__:
                _add(commands, value.name, value)
    for module in _modules("schedules"):
        for value in vars(module).values():
            if isinstance(value, Schedule) and value.handler.__module__ == module.__name__:
                _add(schedules, value.name, value)
    return Catalog(dict(sorted(commands.items())), dict(sorted(schedules.items())))


def _modules(package: str) -> Iterator[ModuleType]:
    root = importlib.import_module(package)
    for found in sorted(pkgutil.walk_packages(root.__path__, f"{package}."), key=lambda module: module.name):
        yield importlib.import_module(found.name)


def _add(found: dict[str, _T], name: str, value: _T) -> None:
    if name in found or name == UMBRELLA:
        raise InvalidDeclaration(f"{name} is declared twice")
    found[name] = value
