from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dispatch.cards import CardView, card
from bot.dispatch.neighbours import Neighbour
from bot.dispatch.run_cards import duration
from bot.plan import Change, Plan, Step, Undo
from bot.reply import Buttons, Code, Level, Note, Reply
from bot.stores.plans import PlanStatus, StoredPlan, Vote
from bot.stores.runs import RunStatus, StepStatus, StoredRun, StoredStep
from tests.dispatch.world import AMIR, OLGA, OTTO, SANA, START, all_buttons, buttons_of, text_of, words_of

PLAN = Plan(
    title="Scale the workers from 2 to 5",
    target="deployment/worker",
    changes=(Change(what="replicas", before="2", after="5"),),
    facts={"replicas": 2},
    steps=(Step(title="Scale", operation="cluster.scale"), Step(title="Look", kind="ask")),
    undo=Undo(title="Scale back to 2", command="/scale"),
)
STORED = StoredPlan(
    id="k3v9x2mq7a",
    request_id="r",
    command="/scale",
    arguments={"replicas": 5},
    plan=PLAN,
    digest="d",
    requester=OLGA,
    channel="C1",
    source="slash",
    undo_of=None,
    needed=2,
    status="waiting",
    reason="",
    created_at=START,
    approve_by=START + timedelta(minutes=30),
    execute_by=None,
    asked_next_at=None,
    break_glass=False,
    closed_at=None,
)
VIEW = CardView(stored=STORED, line="/scale 5", approvers=(AMIR, SANA), break_glass=True, alone=(OTTO,), notify=True)


def at(status: PlanStatus, reason: str = "") -> CardView:
    stored = replace(STORED, status=status, reason=reason, execute_by=START + timedelta(minutes=40))
    return replace(VIEW, stored=stored, notify=False)


def run(status: RunStatus, *steps: StepStatus, outcome: str = "") -> CardView:
    made = tuple(
        StoredStep(number, title, step, "", 1, START, START + timedelta(seconds=3) if step == "done" else None)
        for number, (title, step) in enumerate(zip(("Scale", "Look"), steps, strict=True))
    )
    finished = None if status == "running" else START + timedelta(seconds=440)
    ran = StoredRun("k3v9x2mq7a", "deployment/worker", status, outcome, "one", START, finished, None, made)
    return replace(at("started"), run=ran)


@pytest.mark.parametrize(
    ("view", "says", "buttons"),
    [
        (VIEW, "Waits for approval, 0 of 2", ["approve", "deny", "cancel", "break_glass"]),
        (replace(VIEW, alone=()), "Nobody may act alone at present.", ["approve", "deny", "cancel"]),
        (replace(VIEW, break_glass=False, alone=()), "Needs 2 more of: ", ["approve", "deny", "cancel"]),
        (at("approved"), "Approved, about to start", ["cancel"]),
        (at("approved", "the target is held"), "the target is held", ["cancel"]),
        (at("denied"), "Denied, nothing was changed", []),
        (at("cancelled"), "Cancelled, nothing was changed", []),
        (at("expired", "Nobody came."), "Nobody came.", ["replan"]),
        (at("stale", "a\nb"), "• a\\n• b", ["replan"]),
        (at("started"), "About to start", []),
        (run("running", "waiting", "waiting"), "About to start", []),
        (run("running", "running", "waiting"), "Running, step 1 of 2", []),
        (run("running", "done", "running"), "✓ 1. Scale", ["confirm", "deny"]),
        (run("succeeded", "done", "done"), "Done after 7 min 20 s", []),
        (run("succeeded", "done", "unverified"), "Done after 7 min 20 s, step 2 not verified", []),
        (run("failed", "unverified", "failed"), "step 1 not verified; step 2 may have taken effect in part", []),
        (replace(run("succeeded", "done", "done"), undo_offered=True), "Scale back to 2", ["undo"]),
        (run("failed", "failed", "skipped", outcome="Step 1 (Scale): no"), "Step 1 (Scale): no", []),
    ],
)
def test_a_card_says_how_things_stand_and_offers_what_applies(view: CardView, says: str, buttons: list[str]) -> None:
    made = card(view)
    assert says in text_of(made)
    assert buttons_of(made) == buttons
    assert made.summary.startswith("Scale the workers from 2 to 5: ")
    assert Reply.model_validate_json(made.model_dump_json()) == made


def test_who_approved_is_named_and_no_longer_asked() -> None:
    vote = Vote(AMIR, "approve", "", START)
    said = text_of(card(replace(VIEW, votes=(vote,))))
    assert "1 of 2" in said
    assert said.count("Amir Approver") == 1
    assert "Needs 1 more of" in said


def test_what_may_be_wanted_instead_is_a_form_while_it_waits() -> None:
    plan = PLAN.model_copy(update={"offers": ("/set-env both MONGO_URI",)})
    offering = replace(STORED, plan=plan)
    button = all_buttons(card(replace(VIEW, stored=offering)))[-1]
    assert (button.label, button.action, button.value) == (
        "/set-env both MONGO_URI instead…",
        "form",
        "/set-env both MONGO_URI",
    )
    assert "form" not in buttons_of(card(replace(VIEW, stored=replace(offering, status="denied"))))
    assert "offers" not in PLAN.model_dump_json(), "what was stored before reads the same"


def test_nobody_is_left_to_approve() -> None:
    assert "nobody at present" in text_of(card(replace(VIEW, approvers=())))


def test_who_acted_alone_is_named_with_the_reason() -> None:
    said = text_of(card(replace(at("approved"), votes=(Vote(OTTO, "break_glass", "fire", START),))))
    assert "Started alone by" in said
    assert "fire" in said


def test_a_failed_run_is_red_and_an_undone_one_says_so() -> None:
    failed = run("failed", "done", "failed")
    assert (card(failed).level, card(failed).title) == (Level.CRITICAL, f"Failed: {PLAN.title}")
    assert "step 1 done; step 2 may have taken effect in part" in text_of(card(failed))
    done = run("succeeded", "done", "done")
    assert done.run is not None
    undone = replace(done, run=replace(done.run, undone_by="another"))
    assert "has been undone since" in text_of(card(undone))


@pytest.mark.parametrize(
    ("at_once", "says"),
    [(True, "It is done at once: nobody has to approve it."), (False, "It needs an approval of its own.")],
)
def test_an_undo_says_whether_somebody_has_to_approve_it(at_once: bool, says: str) -> None:
    done = replace(run("succeeded", "done", "done"), undo_offered=True, undo_at_once=at_once)
    assert f"Undo: Scale back to 2. {says}" in words_of(card(done))


def test_the_plans_that_compete_are_named_up_to_three() -> None:
    others = tuple(
        Neighbour(f"plan{number}", f"/scale {number}", SANA, "waits" if number else "runs") for number in range(5)
    )
    said = words_of(card(replace(VIEW, neighbours=others)))
    assert "A run holds this target now: `plan0` (`/scale 0`) by ?" in said
    assert "Another plan for this target waits: `plan2` (`/scale 2`) by ?" in said
    assert "plan3" not in said
    assert "2 more plans for this target wait" in said
    assert "plan0" not in words_of(card(replace(at("denied"), neighbours=others)))


def test_an_undo_and_the_run_it_takes_back_name_each_other() -> None:
    assert "Undoes `first`" in words_of(card(replace(VIEW, stored=replace(STORED, undo_of="first"))))
    done = run("succeeded", "done", "done")
    requested = card(replace(done, undo_offered=True, no_undo=("Undo requested: ", Code(text="later"))))
    assert "Undo requested: `later`" in words_of(requested)
    assert buttons_of(requested) == []
    assert done.run is not None
    undone = card(replace(done, run=replace(done.run, undone_by="later")))
    assert "Undone by `later`" in words_of(undone)
    assert buttons_of(undone) == []


def test_what_decides_comes_first_and_the_rest_is_one_small_note() -> None:
    uid = "3f2a91bc-1111-2222-3333-444455556666"
    facts = {"replicas": 2, "uid": uid, "other scalers": "HPA novapulse-api-hpa 3 to 10"}
    plan = PLAN.model_copy(
        update={
            "facts": facts,
            "notes": ("email: 3 waiting", "webhook: 0 waiting", "report: 0 waiting", "No trend", "No: more"),
            "blast_radius": ("2 pods",),
        }
    )
    parts = card(replace(VIEW, stored=replace(STORED, plan=plan))).parts
    (note,) = (part for part in parts if isinstance(part, Note))
    assert parts[-2:] == (note, parts[-1])
    assert isinstance(parts[-1], Buttons)
    (background,) = note.spans
    assert isinstance(background, str)
    assert background.splitlines() == [
        "Steps: 1. Scale; 2. Look",
        "email: 3 waiting",
        "webhook, report: 0 waiting",
        "No trend",
        "No: more",
        "Can be undone afterwards: Scale back to 2",
        "Relies on: replicas 2, uid 3f2a91bc…, other scalers HPA novapulse-api-hpa 3 to 10",
    ]
    assert [part.kind for part in parts] == ["text", "table", "text", "text", "note", "buttons"]


def test_facts_of_several_and_effects_that_are_sentences_are_readable() -> None:
    uid = "3f2a91bc-1111-2222-3333-444455556666"
    facts = {"pods": {"worker-a": uid, "worker-b": uid}, "revision": 3}
    plan = PLAN.model_copy(update={"facts": facts, "blast_radius": ("Every pod is replaced.", "MongoDB waits.")})
    words = words_of(card(replace(VIEW, stored=replace(STORED, plan=plan))))
    assert "Relies on: pods worker-a 3f2a91bc…, worker-b 3f2a91bc…, revision 3" in words
    assert "Every pod is replaced; MongoDB waits\n" in words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (440, "7 min 20 s"), (7500, "2 h 5 min"), (-5, "0 s")],
)
def test_a_duration_is_said_in_words(seconds: float, words: str) -> None:
    assert duration(START, START + timedelta(seconds=seconds)) == words
    assert duration(START, None) == "an unknown time"


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_makes_a_card(text: str, reason: str) -> None:
    plan = PLAN.model_copy(update={"title": text, "warnings": (text,), "notes": (text,), "blast_radius": (text,)})
    for status in ("waiting", "stale", "expired", "approved"):
        view = replace(VIEW, stored=replace(STORED, plan=plan, status=status, reason=reason), line=text)
        assert Reply.model_validate_json(card(view).model_dump_json()) == card(view)
