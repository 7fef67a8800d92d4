"""Who may: deny by default, and a refusal names the rule and who may instead."""

from datetime import UTC, datetime

import pytest

from bot.access import approver_refusal, break_glass_refusal, may_act_alone, refusal
from bot.oncall import OnCall
from bot.policy import BreakGlass, Policy
from bot.request import Actor
from bot.rota import Rota

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)

POLICY = Policy.model_validate(
    {
        "people": {"U1": {"name": "ann"}, "U2": {"name": "bob"}, "U3": {"name": "cyn"}},
        "roles": {
            "viewer": {"permissions": ["queues:read"], "members": ["U3"]},
            "operator": {"includes": ["viewer"], "permissions": ["workers:scale"], "members": ["U1"]},
            "lead": {"includes": ["operator"], "members": ["U2"]},
            "empty": {"permissions": ["dragons:ride"]},
        },
        "approvals": {"default": {"approvers": ["lead"]}, "/scale": {"approvers": ["operator"]}},
        "limits": {},
        "schedules": {},
        "alerts": [],
    }
)
ANN, BOB, CYN, EVE = (Actor(id=f"U{number}", name="whoever") for number in (1, 2, 3, 9))


@pytest.mark.parametrize("actor", [ANN, BOB, CYN])
def test_a_role_and_those_it_includes_allow(actor: Actor) -> None:
    assert refusal(POLICY, actor, "queues:read") is None


def test_a_refusal_names_the_permission_the_roles_and_who_may() -> None:
    refused = refusal(POLICY, CYN, "workers:scale")
    assert refused
    assert refused.message == "This needs the permission workers:scale, which your roles (viewer) do not have."
    assert refused.hint == "Who may: ann, bob."


def test_a_stranger_may_nothing() -> None:
    refused = refusal(POLICY, EVE, "queues:read")
    assert refused
    assert "your roles (none)" in refused.message


def test_a_permission_that_nobody_has_says_so() -> None:
    refused = refusal(POLICY, BOB, "dragons:ride")
    assert refused
    assert refused.hint == "Who may: nobody at present."


def test_the_name_somebody_gives_themselves_counts_for_nothing() -> None:
    assert refusal(POLICY, Actor(id="U9", name="bob"), "queues:read")


def test_an_approver_may_decide_but_never_on_their_own() -> None:
    assert approver_refusal(POLICY, BOB, command="/scale", requester="U1") is None
    own = approver_refusal(POLICY, ANN, command="/scale", requester="U1")
    assert own
    assert own.message == "You asked for this, so somebody else has to approve it."
    assert own.hint == "Who may: bob. Cancel takes it back."


def test_who_has_not_the_role_may_not_approve() -> None:
    refused = approver_refusal(POLICY, ANN, command="/other", requester="U3")
    assert refused
    assert refused.message == "Deciding on /other needs one of the roles lead."
    assert refused.hint == "Who may: bob."
    alone = approver_refusal(POLICY, CYN, command="/other", requester="U2")
    assert alone
    assert alone.hint == "Who may: nobody at present."


def rota(*people: str) -> Rota:
    """Return a rota with one person at each level."""
    return Rota(OnCall.model_validate({"levels": [{"title": "L", "people": [one]} for one in people]}))


def alone(rule: BreakGlass, on_call: Rota) -> tuple[str, ...]:
    policy = POLICY.model_copy(update={"break_glass": rule})
    return may_act_alone(policy, on_call, "/scale", "workers:scale", NOW)


def test_who_may_act_alone_is_a_rule_of_its_own() -> None:
    refused = break_glass_refusal(POLICY, ANN, "/scale", ())
    assert refused
    assert refused.message == "/scale has no break-glass rule, so it needs its approvals."
    rule = BreakGlass(roles=("lead",), commands=("/scale",))
    policy = POLICY.model_copy(update={"break_glass": rule})
    assert alone(rule, rota()) == ("U2",)
    assert break_glass_refusal(policy, BOB, "/scale", ("U2",)) is None
    refused = break_glass_refusal(policy, ANN, "/scale", ("U2",))
    assert refused
    assert refused.message == "Breaking the glass needs one of the roles lead."
    assert refused.hint == "Who may: bob."


def test_who_is_on_call_acts_alone_only_where_the_policy_says_so_and_with_the_commands_own_permission() -> None:
    silent = BreakGlass(commands=("/scale",))
    rule = BreakGlass(on_call=(1,), commands=("/scale",))
    assert alone(silent, rota("U1")) == ()
    assert alone(rule, rota("U1", "U2")) == ("U1",), "of the levels that are named"
    assert alone(rule, rota("U3")) == (), "being on call gives no rights"
    assert alone(rule, rota("U9")) == ()
    assert alone(rule, rota()) == ()
    assert alone(rule.model_copy(update={"commands": ()}), rota("U1")) == ()
    policy = POLICY.model_copy(update={"break_glass": rule})
    refused = break_glass_refusal(policy, BOB, "/scale", ("U1",))
    assert refused
    assert refused.message == "Breaking the glass needs being on call at level 1 and the permission to run it."
    assert refused.hint == "Who may: ann."
    both = policy.model_copy(update={"break_glass": rule.model_copy(update={"roles": ("lead",), "on_call": (1, 2)})})
    refused = break_glass_refusal(both, CYN, "/scale", ("U1",))
    assert refused
    assert "at level 1 or 2 and the permission to run it, or one of the roles lead." in refused.message
    nobody = policy.model_copy(update={"break_glass": silent})
    refused = break_glass_refusal(nobody, BOB, "/scale", ())
    assert refused
    assert refused.message == "Breaking the glass needs a role, and the policy names none."
