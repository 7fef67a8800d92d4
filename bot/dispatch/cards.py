"""What the card of a plan says at each moment of its life: one message, from the question to the outcome.

Pure functions from what is stored to a ``Reply``. Buttons are those that still apply, and no others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from bot.dispatch.background import background
from bot.dispatch.change_list import change_list
from bot.dispatch.neighbours import Neighbour, neighbour_lines
from bot.dispatch.proposal import AGAIN
from bot.dispatch.run_cards import closing, only_watches, run_headline, step_lines
from bot.next_steps import offered
from bot.plan import Plan
from bot.reply import (
    FAILED,
    Bold,
    Button,
    Buttons,
    Code,
    Level,
    Line,
    Link,
    Note,
    Part,
    Person,
    Reply,
    Span,
    Text,
    When,
)
from bot.request import Actor
from bot.stores.plans import StoredPlan, Vote
from bot.stores.runs import StoredRun

_VERBS: Final = {
    "approve": "Approved",
    "deny": "Denied",
    "cancel": "Cancelled",
    "break_glass": "Started alone",
    "stop_watching": "Watching ended",
}
_ANSWERS: Final = {"confirm": "confirmed", "deny": "said not to be done"}
_NAMED: Final = 5  # of those who may act alone


@dataclass(frozen=True)
class CardView:
    """Everything a card shows. ``approvers`` may decide; ``notify`` rings them, which only the first posting does.

    ``alone`` may act alone at present, where ``break_glass`` says that the command has such a rule.
    ``no_undo`` is why a run that could be undone is not to be any more, ``undo_at_once`` that nobody has to approve
    it, ``ended`` how its effect came to an end, ``renewed`` the plan that the bot made in the place of this one.
    """

    stored: StoredPlan
    line: str
    votes: tuple[Vote, ...] = ()
    run: StoredRun | None = None
    approvers: tuple[Actor, ...] = ()
    break_glass: bool = False
    alone: tuple[Actor, ...] = ()
    undo_offered: bool = False
    undo_at_once: bool = False
    no_undo: tuple[Span, ...] = ()
    ended: str = ""
    neighbours: tuple[Neighbour, ...] = ()
    renewed: str = ""
    notify: bool = field(default=False)


def card(view: CardView) -> Reply:
    """Return the card of a plan as it stands."""
    headline, level = _headline(view)
    title = view.stored.plan.title
    return Reply(
        title=f"{FAILED}{title}" if level is Level.CRITICAL else title,
        level=level,
        parts=(*_parts(view, headline), *_buttons(view)),
        summary=f"{title}: {headline}",
    )


def _headline(view: CardView) -> tuple[str, Level]:
    if view.run is not None:
        return run_headline(view.run, view.ended, watches=only_watches(view.stored.plan, view.run))
    stored = view.stored
    if stored.status == "approved":
        return ("approved, has to wait" if stored.reason else "approved, about to start"), Level.INFO
    return {
        "waiting": (f"waits for approval, {len(approvals(view.votes))} of {stored.needed}", Level.INFO),
        "denied": ("denied, nothing was changed", Level.INFO),
        "cancelled": ("cancelled, nothing was changed", Level.INFO),
        "expired": ("expired, nothing was changed", Level.INFO),
        "stale": ("not started: the plan no longer fits, nothing was changed", Level.WARNING),
    }.get(stored.status, ("about to start", Level.INFO))


def _parts(view: CardView, headline: str) -> Iterator[Part]:
    stored = view.stored
    yield Text.of(Bold(text=headline[0].upper() + headline[1:]), " · ", Code(text=stored.id), *_requested(view))
    yield from change_list(stored.plan)
    if view.run is not None:
        yield step_lines(view.run)
        yield from closing(
            view.run, stored.plan, undo=view.undo_offered, no_undo=view.no_undo, at_once=view.undo_at_once
        )
        yield from _decided(view)
        yield from () if stored.needed else _considerations(stored.plan)  # nobody has read it before
        return
    if stored.status in ("waiting", "approved"):
        yield from _considerations(stored.plan)
        yield from neighbour_lines(view.neighbours)
    yield from _decided(view)
    yield from _reason(stored)
    if view.renewed:
        card_of = Link(text=f"the card of {view.renewed}", key=f"plan:{view.renewed}")
        yield Text.of("It is planned again, to be approved afresh: ", card_of, ".")
    yield from _asked(view)
    if stored.status in ("waiting", "approved"):
        yield background(stored.plan)


def _requested(view: CardView) -> Iterator[Span]:
    yield "\nRequested by "
    yield _person(view.stored.requester)
    yield " at "
    yield When(at=view.stored.created_at)
    yield " with "
    yield Code(text=view.line)
    if view.stored.undo_of:
        yield "\nUndoes "
        yield Code(text=view.stored.undo_of)
    if view.stored.request_id.startswith(AGAIN):
        yield "\nIn the place of "
        yield Code(text=view.stored.request_id.removeprefix(AGAIN))
        yield ", which another run has overtaken"


def _considerations(plan: Plan) -> Iterator[Part]:
    for warning in plan.warnings:
        yield Line(level=Level.WARNING, label="Warning", value=warning)
    if plan.blast_radius:
        yield Text.of(Bold(text="Affects:"), " " + "; ".join(one.rstrip(".") for one in plan.blast_radius))
    if plan.undo is None:
        yield Text.of(Bold(text="Cannot be undone:"), " " + (plan.no_undo or "there is no way back known"))


def _decided(view: CardView) -> Iterator[Part]:
    for vote in view.votes:
        action, _, step = vote.action.partition(":")
        verb = f"Step {int(step) + 1} {_ANSWERS.get(action, action)}" if step else _VERBS.get(action, action)
        said = f": {vote.reason}" if vote.reason else ""
        yield Text.of(f"{verb} by ", _person(vote.actor), " at ", When(at=vote.at), said)


def _asked(view: CardView) -> Iterator[Part]:
    stored = view.stored
    if not stored.needed:
        yield Note.of(f"Nobody has to approve it: the policy asks for none for {stored.command}.")
    if stored.status == "waiting":
        needed = stored.needed - len(approvals(view.votes))
        until = ("\nCan be approved until ", When(at=stored.approve_by), "; after that it expires.")
        yield Text.of(f"Needs {needed} more of: ", *_people(view), *until, *_alone(view))
    if stored.status == "approved" and stored.execute_by is not None:
        yield Note.of("Has to start until ", When(at=stored.execute_by), "; after that it expires.")


def _alone(view: CardView) -> Iterator[Span]:
    """Name those for whom it is true at present; who has it by being on call changes with the rota."""
    if not view.break_glass:
        return
    if not view.alone:
        yield "\nNobody may act alone at present."
        return
    yield "\nIn an emergency "
    for number, actor in enumerate(view.alone[:_NAMED]):
        yield from (" or ",) if number else ()
        yield _person(actor)
    more = len(view.alone) - _NAMED
    yield f"{f' or {more} more' if more > 0 else ''} may act alone, with a reason."


def _people(view: CardView) -> tuple[Span, ...]:
    done = {vote.actor.id for vote in approvals(view.votes)}
    spans: list[Span] = []
    for actor in view.approvers:
        if actor.id not in done:
            spans += [", ", Person(id=actor.id, name=actor.name, notify=view.notify)]
    return tuple(spans[1:]) or ("nobody at present",)


def _reason(stored: StoredPlan) -> Iterator[Part]:
    if not stored.reason or stored.status == "denied":
        return
    if stored.status == "stale":
        moved = "\n".join(f"• {reason}" for reason in stored.reason.splitlines())
        yield Text.of(Bold(text="What is different now"), "\n", moved)
    else:
        yield Text.of(stored.reason)


def _buttons(view: CardView) -> Iterator[Part]:
    if buttons := tuple(_run_buttons(view) if view.run is not None else _plan_buttons(view)):
        yield Buttons(buttons=buttons)


def _plan_buttons(view: CardView) -> Iterator[Button]:
    stored = view.stored
    if stored.status == "waiting":
        yield Button(label="Approve", action="approve", value=stored.id, style="primary")
        yield Button(label="Deny", action="deny", value=stored.id, style="danger")
    if stored.status in ("waiting", "approved"):
        yield Button(label="Cancel my request", action="cancel", value=stored.id)
    if stored.status == "waiting" and view.alone:
        yield Button(label="Break glass", action="break_glass", value=stored.id, style="danger")
    yield from offered(stored.plan.offers if stored.status == "waiting" else ())
    if stored.status in ("stale", "expired") and not view.renewed:
        yield Button(label="Plan again", action="replan", value=stored.id)


def _run_buttons(view: CardView) -> Iterator[Button]:
    if view.run is None:
        return
    if view.undo_offered and not view.no_undo:
        yield Button(label="Undo", action="undo", value=view.run.id)
    if only_watches(view.stored.plan, view.run):
        yield Button(label="Stop watching", action="stop_watching", value=view.run.id)
    if view.run.status != "running":
        return
    asked = next((step for step in view.run.steps if step.status == "running"), None)
    if asked is not None and view.stored.plan.steps[asked.number].kind == "ask":
        # The step stands in the value, so that a late click on one question never answers the next.
        value = f"{view.run.id}:{asked.number}"
        yield Button(label="Yes, done", action="confirm", value=value, style="primary")
        yield Button(label="Could not be done", action="deny", value=value, style="danger")


def approvals(votes: tuple[Vote, ...]) -> tuple[Vote, ...]:
    """Return the approvals among the votes; there is at most one a person."""
    return tuple(vote for vote in votes if vote.action == "approve")


def _person(actor: Actor) -> Person:
    return Person(id=actor.id, name=actor.name)
