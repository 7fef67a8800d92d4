"""What an approval binds, and what it leaves free."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError

from bot.plan import Change, Plan, Step, Undo, condition, differences, kind_of, operation

PLAN = Plan(
    title="Scale worker from 2 to 5",
    target="deployment/worker",
    changes=(Change(what="replicas", before="2", after="5"),),
    facts={"replicas": 2, "uid": "u1"},
    steps=(Step(title="Scale", operation="cluster.scale", arguments={"replicas": 5, "role": "worker"}),),
    undo=Undo(title="Back to 2", command="/scale-workers", arguments={"replicas": 2}),
    notes=("email: 1,000 waiting",),
)
ARGUMENTS: dict[str, JsonValue] = {"replicas": 5}


def digest(command: str = "/scale-workers", arguments: dict[str, JsonValue] | None = None, **changed: Any) -> str:
    return PLAN.model_copy(update=changed).digest(command, ARGUMENTS if arguments is None else arguments)


@pytest.mark.parametrize(
    "changed",
    [
        {"command": "/other"},
        {"arguments": {"replicas": 6}},
        {"arguments": {}},
        {"target": "deployment/api"},
        {"also": ("deployment/api",)},
        {"facts": {"replicas": 3, "uid": "u1"}},
        {"facts": {"replicas": "2", "uid": "u1"}},
        {"facts": {}},
        {"changes": ()},
        {"changes": (Change(what="replicas", before="2", after="6"),)},
        {"steps": ()},
        {"steps": (*PLAN.steps, *PLAN.steps)},
        {"steps": (PLAN.steps[0].model_copy(update={"timeout": 31.0}),)},
    ],
)
def test_what_an_approval_binds(changed: dict[str, Any]) -> None:
    assert digest(**changed) != digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"notes": ("email: 1,001 waiting",)},
        {"warnings": ("careful",)},
        {"blast_radius": ("much",)},
        {"title": "Scale"},
        {"facts": {"uid": "u1", "replicas": 2}},
    ],
)
def test_what_it_leaves_free(changed: dict[str, Any]) -> None:
    assert digest(**changed) == digest()


def test_the_digest_is_the_same_tomorrow() -> None:
    assert digest() == Plan.model_validate_json(PLAN.model_dump_json()).digest("/scale-workers", ARGUMENTS)
    assert digest() == "32d4dbf39703719d04b782a0f1c1a8e642c9a4955d2994daa1662da39394c83d"


def test_a_step_that_may_be_ended_early_is_the_same_to_those_who_approved_it() -> None:
    """Plans that were approved before there was such a thing stay valid."""
    watching = PLAN.model_copy(
        update={"steps": (*PLAN.steps[:-1], PLAN.steps[-1].model_copy(update={"watches": True}))}
    )
    assert watching.digest("/scale-workers", ARGUMENTS) == PLAN.digest("/scale-workers", ARGUMENTS)
    assert '"watches":true' in watching.model_dump_json()
    assert "watches" not in PLAN.model_dump_json()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5), _JSON, max_size=4))
def test_a_stored_plan_keeps_its_digest(facts: dict[str, Any]) -> None:
    plan = PLAN.model_copy(update={"facts": facts})
    again = Plan.model_validate_json(plan.model_dump_json())
    assert again.digest("/x", facts) == plan.digest("/x", facts)


def test_differences_say_what_moved() -> None:
    fresh = PLAN.model_copy(
        update={
            "facts": {"replicas": 3, "uid": "u1", "hpa": "none"},
            "changes": (Change(what="replicas", before="3", after="5"),),
        }
    )
    assert differences(PLAN, fresh) == [
        "hpa was not there, is now none",
        "replicas was 2, is now 3",
        "no longer planned: replicas 2 → 5",
        "now planned: replicas 3 → 5",
    ]
    assert differences(PLAN, PLAN) == []
    assert differences(PLAN, PLAN.model_copy(update={"steps": ()})) == ["the steps are different"]
    assert differences(PLAN, PLAN.model_copy(update={"notes": ()})) == []


class Client:
    """Has one of each."""

    @operation
    async def scale(self) -> None:
        """Change something."""

    @condition
    async def is_scaled(self) -> None:
        """Look at something."""

    async def close(self) -> None:
        """Is not for steps."""


def test_only_marked_methods_are_for_steps() -> None:
    client = Client()
    assert [kind_of(found) for found in (client.scale, client.is_scaled, client.close, None)] == ["do", "wait", "", ""]


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"interval": -1}, {"kind": "hope"}, {"surprise": 1}])
def test_a_wrong_step_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Step.model_validate({"title": "x"} | wrong)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"webhook layout": "bullmq5"}, {}, "webhook layout was bullmq5, is no longer there"),
        ({}, {"webhook layout": "bullmq5"}, "webhook layout was not there, is now bullmq5"),
        ({"email paused": False}, {"email paused": True}, "email paused was no, is now yes"),
        ({"email library": None}, {"email library": "bullmq:5"}, "email library was none, is now bullmq:5"),
        ({"labels": {}}, {"labels": {"app": "api", "old": True}}, "labels was none, is now app api, old yes"),
        ({"pods": ["a", "b"]}, {"pods": []}, "pods was a, b, is now none"),
        ({"keys": [["a", 1], "b"]}, {"keys": ""}, "keys was (a, 1), b, is now none"),
        ({"replicas": 0}, {"replicas": 1.5}, "replicas was 0, is now 1.5"),
    ],
)
def test_facts_are_said_in_words(old: dict[str, Any], new: dict[str, Any], said: str) -> None:
    before, after = (PLAN.model_copy(update={"facts": facts}) for facts in (old, new))
    assert differences(before, after) == [said]


_WORDS = st.text("abc", max_size=5)
_WORDED = st.recursive(
    st.none() | st.booleans() | st.integers() | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(_WORDS, _WORDED, max_size=4), st.dictionaries(_WORDS, _WORDED, max_size=4))
def test_no_difference_is_said_in_python(old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = (PLAN.model_copy(update={"facts": facts}) for facts in (old, new))
    said = " ".join(differences(before, after))
    assert not [word for word in ("None", "True", "False", "{", "}", "[", "]", "'") if word in said]
