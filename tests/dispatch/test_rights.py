"""Who may decide what about a plan as it stands, asked directly."""

from datetime import timedelta
from typing import Any

import pytest

from bot.dispatch.rights import refusal
from bot.plan import Plan
from bot.request import Actor, Decision, DecisionAction
from bot.stores.plans import PlanStatus, StoredPlan
from tests.dispatch.world import AMIR, OLGA, OTTO, START, VERA, policy

LATER = START + timedelta(minutes=30)


def stored(**changes: Any) -> StoredPlan:
    values: dict[str, Any] = {"id": "p-1", "request_id": "r-1", "command": "/scale", "arguments": {"replicas": 5}}
    values |= {"plan": Plan(title="Scale", target="deployment/worker", changes=(), steps=(), no_undo="a test")}
    values |= {"digest": "d", "requester": OLGA, "channel": "C1", "source": "slash", "undo_of": None, "needed": 1}
    values |= {"status": "waiting", "reason": "", "created_at": START, "approve_by": LATER, "execute_by": None}
    values |= {"asked_next_at": None, "break_glass": False, "closed_at": None}
    return StoredPlan(**values | changes)


def said(plan: StoredPlan, action: DecisionAction, actor: Actor, **later: float) -> str:
    """Return the refusal's words with its hint; empty where the decision can be taken."""
    decision = Decision(id="c-1", actor=actor, action=action, subject=plan.id, received_at=START)
    found = refusal(policy(), plan, decision, START + timedelta(**later), alone=(OTTO.id,))
    return "" if found is None else f"{found} {found.hint}"


@pytest.mark.parametrize(
    ("action", "actor", "words"),
    [
        ("approve", AMIR, ""),
        ("approve", OLGA, "You asked for this, so somebody else has to approve it. Who may: Amir Approver, Sana"),
        ("approve", VERA, "Deciding on /scale needs one of the roles approver."),
        ("deny", AMIR, ""),
        ("deny", VERA, "Deciding on /scale needs one of the roles approver."),
        ("deny", OLGA, "You asked for this"),
        ("cancel", OLGA, ""),
        ("cancel", AMIR, "Only Olga Operator, who asked for it, can cancel it. Approvers deny, with a reason."),
        ("break_glass", OTTO, ""),
        ("break_glass", AMIR, "Breaking the glass needs one of the roles oncall. Who may: Otto Oncall."),
    ],
)
def test_who_may_decide_on_a_plan_that_waits(action: DecisionAction, actor: Actor, words: str) -> None:
    found = said(stored(), action, actor)
    assert found.startswith(words)
    assert bool(found) == bool(words)


def test_an_approver_does_not_approve_what_he_asked_for_himself() -> None:
    assert said(stored(requester=AMIR), "approve", AMIR).startswith("You asked for this")


def test_the_glass_is_broken_only_for_commands_that_have_the_rule() -> None:
    assert said(stored(command="/free"), "break_glass", OTTO).startswith("/free has no break-glass rule")


@pytest.mark.parametrize(
    ("status", "possible"),
    [
        ("waiting", {"approve", "deny", "cancel", "break_glass"}),
        ("approved", {"deny", "cancel"}),
        *((status, set[str]()) for status in ("started", "denied", "cancelled", "expired", "stale")),
    ],
)
def test_what_can_still_be_decided_follows_from_where_the_plan_stands(status: PlanStatus, possible: set[str]) -> None:
    who: dict[DecisionAction, Actor] = {"approve": AMIR, "deny": AMIR, "cancel": OLGA, "break_glass": OTTO}
    answers = {action: said(stored(status=status), action, actor) for action, actor in who.items()}
    assert {action for action, words in answers.items() if not words} == possible
    others = {words.strip() for words in answers.values() if words}
    assert others <= {f"p-1 is {status} already: this changes nothing."}


@pytest.mark.parametrize("action", ["approve", "deny", "cancel", "break_glass"])
def test_nothing_can_be_decided_from_the_moment_at_which_the_time_is_over(action: DecisionAction) -> None:
    actor = {"cancel": OLGA, "break_glass": OTTO}.get(action, AMIR)
    assert said(stored(), action, actor, minutes=29, seconds=59) == ""
    over = said(stored(), action, actor, minutes=30)
    assert over == "The time to decide on p-1 is over: it has expired. Plan it again."


def test_an_approved_plan_has_its_own_time_to_start_in() -> None:
    plan = stored(status="approved", execute_by=START + timedelta(minutes=40))
    assert said(plan, "cancel", OLGA, minutes=39) == ""
    assert "it has expired" in said(plan, "cancel", OLGA, minutes=40)
