"""The other plans and runs for the same target, as a card that waits for a decision names them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from bot.reply import Code, Level, Line, Part, Person, Text
from bot.request import Actor

State = Literal["waits", "approved", "runs", "watches"]

_NAMED: Final = 3
_WHAT: Final[dict[State, str]] = {
    "waits": "Another plan for this target waits: ",
    "approved": "Another plan for this target is approved and starts before this: ",
    "runs": "A run holds this target now: ",
    "watches": "A run for this target only watches what it did, which ends when this starts: ",
}


@dataclass(frozen=True)
class Neighbour:
    """Another plan for the same target, and how far it is."""

    id: str
    line: str
    requester: Actor
    state: State

    @property
    def is_first(self) -> bool:
        """Whether it changes something before a plan that waits for approval can start."""
        return self.state in ("approved", "runs")


def neighbour_lines(neighbours: tuple[Neighbour, ...]) -> Iterator[Part]:
    """Name who competes for the target, and warn where an approval of now is likely to be void."""
    if first := [other.id for other in neighbours if other.is_first]:
        yield Line(level=Level.WARNING, label="Warning", value=_goes_first(first))
    for other in neighbours[:_NAMED]:
        by = Person(id=other.requester.id, name=other.requester.name)
        yield Text.of(_WHAT[other.state], Code(text=other.id), " (", Code(text=other.line), ") by ", by)
    if len(neighbours) > _NAMED:
        yield Text.of(f"{len(neighbours) - _NAMED} more plans for this target wait: /approvals")


def _goes_first(first: list[str]) -> str:
    names, goes, has = (first[0], "goes", "has") if len(first) == 1 else (", ".join(first), "go", "have")
    return (
        f"{names} {goes} first. Where that moves what this relies on, an approval given before is void: "
        f"better decide when {names} {has} ended."
    )
