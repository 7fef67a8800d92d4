"""A change as data: what will be different, what that relies on, the steps, and the way back.

A plan is made by reading only. What was approved is what runs: the digest binds the approval to the command, its
arguments, the changes, the facts and the steps; live numbers belong into ``notes``, which it leaves out.
"""

import hashlib
import json
import operator
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

_F = TypeVar("_F", bound=Callable[..., Awaitable[Any]])

# What an operation that asks for ``progress`` calls with a line for the card while it goes on.
Report = Callable[[str], Awaitable[None]]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(_Data):
    """One thing that will be different afterwards."""

    what: str
    before: str
    after: str


class Step(_Data):
    """One thing to do, to wait for, or to ask a person.

    ``do`` calls the operation (``cluster.scale``) with ``arguments``; ``wait`` calls a condition until it is done
    or ``timeout`` seconds have passed; ``ask`` shows ``title`` and waits for a person's click.
    """

    title: str
    kind: Literal["do", "wait", "ask"] = "do"
    operation: str = ""
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    timeout: float = Field(default=30.0, gt=0, description="seconds")
    interval: float = Field(default=2.0, gt=0, description="seconds between two looks of a wait")
    # Left out where it is not so: the digests of plans that were approved before there was such a thing stay theirs.
    always: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="done after a failed step too, to take back what that left",
    )
    watches: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="of a wait: only tells what the run did, so that it may be ended early",
    )


class Undo(_Data):
    """The way back: a command with its arguments, planned and approved afresh when somebody presses Undo.

    It is offered while ``expects`` (facts as the run left them) can still be found in the fresh plan's facts.
    """

    title: str
    command: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    expects: dict[str, JsonValue] = Field(default_factory=dict)


class Plan(_Data):
    """A proposed change. ``warnings`` and ``blast_radius`` are for the people who decide."""

    title: str
    target: str = Field(description="what is locked while it runs, such as deployment/novapulse-worker")
    also: tuple[str, ...] = Field(default=(), description="what else it changes, which is locked together with it")
    touches: tuple[str, ...] = Field(
        default=(), exclude_if=operator.not_, description="what it changes, where that is not what it locks"
    )
    changes: tuple[Change, ...]
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    steps: tuple[Step, ...]
    undo: Undo | None = None
    no_undo: str = Field(default="", description="why it cannot be undone, where it cannot")
    blast_radius: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    offers: tuple[str, ...] = Field(
        default=(), exclude_if=operator.not_, description="command lines whose forms may be wanted in its place"
    )
    thread: str = Field(default="", description="the key of the message in whose thread its card belongs")

    @property
    def targets(self) -> tuple[str, ...]:
        """All that is locked while it runs, always in the same order, so that no two runs wait for each other."""
        return tuple(sorted({self.target, *self.also}))

    @property
    def touched(self) -> frozenset[str]:
        """All that it changes: a later run that touches some of it ends an earlier one's way back."""
        return frozenset(self.touches or self.targets)

    def digest(self, command: str, arguments: dict[str, JsonValue]) -> str:
        """Return the SHA-256 (hex) of what an approval binds, as canonical JSON."""
        bound = {
            "command": command,
            "arguments": arguments,
            "targets": list(self.targets),
            "changes": [change.model_dump(mode="json") for change in self.changes],
            "facts": self.facts,
            # Whether one may be ended early changes nothing of what was approved.
            "steps": [step.model_dump(mode="json", exclude={"watches"}) for step in self.steps],
        }
        canonical = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


def differences(approved: Plan, fresh: Plan) -> list[str]:
    """Return one sentence for each thing that moved between the approved plan and the fresh one."""
    found: list[str] = []
    for name in sorted(approved.facts.keys() | fresh.facts.keys()):
        if name not in fresh.facts:
            found.append(f"{name} was {_in_words(approved.facts[name])}, is no longer there")
        elif name not in approved.facts:
            found.append(f"{name} was not there, is now {_in_words(fresh.facts[name])}")
        elif approved.facts[name] != fresh.facts[name]:
            found.append(f"{name} was {_in_words(approved.facts[name])}, is now {_in_words(fresh.facts[name])}")
    found += [f"no longer planned: {c.what} {c.before} → {c.after}" for c in approved.changes if c not in fresh.changes]
    found += [f"now planned: {c.what} {c.before} → {c.after}" for c in fresh.changes if c not in approved.changes]
    if approved.steps != fresh.steps and not found:
        found.append("the steps are different")
    return found


def _in_words(value: JsonValue) -> str:
    """Write a fact as people do, who read no JSON and no Python; what is in something else stands in brackets."""
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_inside(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_inside, value))
    return str(value)


def _inside(value: JsonValue) -> str:
    return f"({_in_words(value)})" if isinstance(value, dict | list) and value else _in_words(value)


class Progress(_Data):
    """What a condition saw: whether it holds, whether it never will, and a line for the card.

    ``unverified`` with ``done``: whether it holds will never be known, so that nobody waits for it; the line says why.
    """

    done: bool
    message: str
    failed: bool = False
    unverified: bool = False


def operation(method: _F) -> _F:
    """Mark a client's method as one that steps may call: JSON in, JSON out, safe to repeat with the same end.

    One that takes long may ask for ``progress: Report`` by keyword.
    """
    method.__operation__ = "do"  # type: ignore[attr-defined]
    return method


def condition(method: _F) -> _F:
    """Mark a client's method as one that steps may wait for; it returns ``Progress`` and changes nothing.

    One that looks at what happened since may ask for ``run_began`` and ``step_began``, moments, by keyword.
    """
    method.__operation__ = "wait"  # type: ignore[attr-defined]
    return method


def kind_of(method: object) -> str:
    """Return ``do`` or ``wait`` for a marked method, the empty string for any other."""
    return str(getattr(method, "__operation__", ""))
