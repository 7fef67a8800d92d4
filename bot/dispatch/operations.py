"""Finds the operation a step names: ``cluster.scale`` is the marked method ``scale`` of the system ``cluster``."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bot.errors import NotConfigured, PermanentError, Refused
from bot.plan import Step, kind_of

Operation = Callable[..., Awaitable[Any]]


class Operations:
    """The systems that steps may touch, by name, and of those only the methods marked for it."""

    def __init__(self, systems: Mapping[str, object]) -> None:
        self._systems = dict(systems)

    def find(self, step: Step) -> Operation:
        """Return the marked method; raises ``PermanentError``, ``NotConfigured`` or ``Refused``: nothing is touched."""
        system, _, method = step.operation.partition(".")
        owner = self._systems.get(system)
        if isinstance(owner, NotConfigured | Refused):
            raise owner
        found = getattr(owner, method, None) if method.isidentifier() and not method.startswith("_") else None
        if found is None or kind_of(found) != step.kind:
            raise PermanentError(f"there is no operation {step.operation} to {step.kind}")
        operation: Operation = found
        return operation


def asks_for(operation: Operation, name: str) -> bool:
    """Return whether an operation or condition wants what is not in its step; see ``bot.plan.operation``."""
    return name in inspect.signature(operation).parameters


def said(result: object) -> str:
    """Return what an operation's result says to people."""
    if isinstance(result, str):
        return result
    if not isinstance(result, dict):
        return ""
    if result.get("message"):
        return str(result["message"])
    if result.get("changed") is False:
        return "was so already"
    if "before" in result and "after" in result:
        return f"{result['before']} → {result['after']}"
    return ""
