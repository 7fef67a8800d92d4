"""What is good to know of a plan and decides nothing, small and last on its card."""

from typing import Final

from pydantic import JsonValue

from bot.plan import Plan
from bot.reply import Note

_FACT: Final = 24  # characters of a fact; what is longer and in one piece is an id that nobody compares by eye
_FACT_SHOWN: Final = 8


def background(plan: Plan) -> Note:
    """Return the steps, the way back, live numbers and facts."""
    steps = "; ".join(f"{number}. {step.title}" for number, step in enumerate(plan.steps, 1))
    facts = ", ".join(f"{name} {_fact(value)}" for name, value in plan.facts.items())
    lines = [f"Steps: {steps}" if steps else "", *_folded(plan.notes)]
    lines += [
        f"Can be undone afterwards: {plan.undo.title}" if plan.undo else "",
        f"Relies on: {facts}" if facts else "",
    ]
    return Note.of("\n".join(line for line in lines if line))


def _folded(notes: tuple[str, ...]) -> list[str]:
    """Say once what is the same of several: ``webhook, report: 0 waiting``."""
    names: dict[str, list[str]] = {}
    for note in notes:
        name, colon, said = note.partition(": ")
        names.setdefault(said if colon else note, []).append(name)
    return [said if named == [said] else f"{', '.join(named)}: {said}" for said, named in names.items()]


def _fact(value: JsonValue) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(str(part))}" for name, part in value.items()) or "none"
    return _short(str(value))


def _short(value: str) -> str:
    is_id = len(value) > _FACT and " " not in value
    return value[:_FACT_SHOWN] + "\u2026" if is_id else value
