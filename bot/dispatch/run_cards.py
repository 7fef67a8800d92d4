"""The parts of a card that tell about a run: its steps with sign and time, how it ended, what state things are in."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from bot.elapsed import elapsed
from bot.plan import Plan
from bot.reply import Bold, Code, Level, Line, Note, Part, Span, Text, When
from bot.stores.runs import StoredRun, StoredStep

_SIGNS: Final = {"waiting": "○", "running": "▶", "done": "✓", "unverified": "?", "failed": "✗", "skipped": "-"}

_STANDING: Final = {
    "done": "done",
    "unverified": "not verified",
    "failed": "may have taken effect in part",
    "skipped": "not begun",
}


def duration(start: datetime | None, end: datetime | None) -> str:
    """Return the time between two moments, where both are known."""
    return "an unknown time" if start is None or end is None else elapsed(end - start)


def run_headline(run: StoredRun, ended: str, *, watches: bool = False) -> tuple[str, Level]:
    """Return how a run stands and how bad that is; ``ended`` is how what it did has come to an end since."""
    if run.status == "succeeded":
        undone = ", and has been undone since" if run.undone_by else f", {ended}" * bool(ended)
        unverified, level = (f", {run.unverified}", Level.UNKNOWN) if run.unverified else ("", Level.OK)
        early = f", {run.outcome}" if run.outcome else ""
        return f"done after {duration(run.started_at, run.finished_at)}{unverified}{early}{undone}", level
    if run.status == "failed":
        return f"failed after {duration(run.started_at, run.finished_at)}", Level.CRITICAL
    if is_about_to_start(run):
        return "about to start", Level.INFO
    number = next((step.number for step in run.steps if step.status in ("running", "waiting")), len(run.steps) - 1)
    watching = "only watches, " if watches else ""
    return f"running, {watching}step {number + 1} of {len(run.steps)}", Level.INFO


def only_watches(plan: Plan, run: StoredRun) -> bool:
    """Whether all that is left of a run tells what it did and changes nothing: the next change may end that."""
    left = [step for step in run.steps if step.status in ("waiting", "running")]
    if run.status != "running" or not left or any(step.status == "failed" for step in run.steps):
        return False
    return all(plan.steps[step.number].watches and plan.steps[step.number].kind == "wait" for step in left)


def is_about_to_start(run: StoredRun) -> bool:
    """Whether the run is on record and nobody has begun its first step."""
    return run.status == "running" and all(step.status == "waiting" for step in run.steps)


def step_lines(run: StoredRun) -> Text:
    """Return one line a step: its sign, its title, how long it took or since when it runs, what it says."""
    spans: list[Span] = []
    for step in run.steps:
        spans += ["\n" if spans else "", f"{_SIGNS[step.status]} {step.number + 1}. {step.title}", *_detail(step)]
    return Text(spans=tuple(span for span in spans if span != ""))


def _detail(step: StoredStep) -> Iterator[Span]:
    if step.status == "running" and step.started_at is not None:
        yield " · since "
        yield When(at=step.started_at)
    elif step.finished_at is not None:
        yield f" · {duration(step.started_at, step.finished_at)}"
    if step.attempts > 1:
        yield f" · taken up again {step.attempts - 1}x after a restart"
    if step.message:
        yield f" · {step.message}"


def closing(
    run: StoredRun, plan: Plan, *, undo: bool, no_undo: tuple[Span, ...] = (), at_once: bool = False
) -> Iterator[Part]:
    """Return what is to be said of a run's end and of its ``undo``, which may be done ``at_once``.

    ``no_undo`` is why what could be undone is not to be any more.
    """
    if is_about_to_start(run):
        return
    if run.status == "running":
        yield Note.of("Running since ", When(at=run.started_at))
        if not only_watches(plan, run):
            return
        yield Note.of("All is changed that was to be changed; the next change of the same ends the watching.")
    if run.status == "failed":
        yield Line(level=Level.CRITICAL, label="Failed", value=run.outcome)
        yield Text.of(Bold(text="How things stand:"), " " + standing(run))
    if run.undone_by:
        yield Text.of("Undone by ", Code(text=run.undone_by))
    yield from _way_back(plan, undo=undo, no_undo=no_undo, at_once=at_once)


def _way_back(plan: Plan, *, undo: bool, no_undo: tuple[Span, ...], at_once: bool) -> Iterator[Part]:
    if no_undo:
        yield Text.of(*no_undo)
    elif undo and plan.undo is not None:
        how = "It is done at once: nobody has to approve it." if at_once else "It needs an approval of its own."
        yield Note.of("Undo: ", plan.undo.title, ". ", how)
    elif plan.undo is None:
        yield Note.of("Cannot be undone: ", plan.no_undo or "there is no way back known")


def standing(run: StoredRun) -> str:
    """Say which steps of a failed run took effect, which may have, and which were never begun."""
    said = []
    for status, words in _STANDING.items():
        steps = [str(step.number + 1) for step in run.steps if step.status == status]
        if steps:
            said.append(f"step {', '.join(steps)} {words}")
    return "; ".join(said) + "."
