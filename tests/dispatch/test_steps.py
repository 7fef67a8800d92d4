import asyncio

import pytest

from bot.errors import Forbidden, PermanentError, TemporaryError, Unavailable
from bot.plan import Progress, Step
from bot.reply import Level
from bot.stores.runs import StoredRun
from tests.dispatch.world import AMIR, OLGA, VERA, World, all_buttons, buttons_of, text_of

ASK = Step(title="Pull the plug", kind="ask", timeout=60)
ASK_AGAIN = Step(title="Put it back", kind="ask", timeout=60)


async def approved(world: World) -> str:
    stored = await world.propose("/scale 5")
    await world.click("approve", stored.id, AMIR)
    return stored.id


async def ran(world: World) -> StoredRun:
    return await world.ended(await approved(world))


async def asked(world: World, run_id: str, number: int) -> None:
    while True:
        run = await world.runs.get(run_id)
        assert run is not None
        assert run.status == "running"
        if run.steps[number].status == "running" and run.steps[number].message:
            return
        await asyncio.sleep(0.02)


async def test_what_cannot_be_verified_ends_the_step_and_the_next_one_begins(running: World) -> None:
    running.moods.extra = (Step(title="More", operation="cluster.restart", arguments={"stamp": "more"}),)
    seen = Progress(done=True, unverified=True, message="not verified: email (in plain lists)")
    running.cluster.sight = [Unavailable("The cluster", "busy"), seen]
    run = await ran(running)
    assert (run.status, run.outcome, run.unverified) == ("succeeded", "", "step 2 not verified")
    assert [step.status for step in run.steps] == ["done", "unverified", "done", "done"]
    assert running.cluster.changes[-1] == "restart more"
    card = await running.card(run.id)
    assert card.level == Level.UNKNOWN
    assert "step 2 not verified" in text_of(card)
    assert "? 2. " in text_of(card)
    assert seen.message in text_of(card)
    assert "undo" in buttons_of(card)
    entry = (await running.requests.search(user=OLGA.id))[0]
    assert (entry.status, entry.outcome) == ("done", "succeeded, step 2 not verified")


async def test_what_may_pass_is_tried_again(running: World) -> None:
    running.cluster.trouble = [TemporaryError("a conflict"), Unavailable("The cluster", "busy")]
    run = await ran(running)
    assert run.status == "succeeded"
    assert running.cluster.calls == ["scale", "scale", "scale", "restart"]
    assert run.steps[0].attempts == 1


async def test_what_will_not_pass_ends_the_run_and_says_how_things_stand(running: World) -> None:
    running.cluster.trouble = [PermanentError("it was made anew since then")]
    run = await ran(running)
    assert run.status == "failed"
    assert run.outcome == "Step 1 (Scale): it was made anew since then"
    assert [step.status for step in run.steps] == ["failed", "skipped", "skipped"]
    said = text_of(await running.card(run.id))
    assert "it was made anew since then" in said
    assert "step 1 may have taken effect in part; step 2, 3 not begun" in said
    entry = (await running.requests.search(user=OLGA.id))[0]
    assert (entry.status, entry.outcome) == ("failed", f"failed: {run.outcome}")
    assert await running.locks.held() == []


async def test_a_step_that_takes_back_what_others_left_is_done_in_any_case(running: World) -> None:
    tidy = Step(title="Tidy", operation="cluster.restart", arguments={"stamp": "tidy"}, always=True)
    running.moods.extra = (tidy, Step(title="More", operation="cluster.restart", arguments={"stamp": "more"}))
    running.cluster.trouble = [PermanentError("it was made anew since then")]
    run = await ran(running)
    assert [step.status for step in run.steps] == ["failed", "skipped", "skipped", "done", "skipped"]
    assert run.outcome == "Step 1 (Scale): it was made anew since then"
    assert running.cluster.changes == ["restart tidy"]


async def test_what_cannot_be_taken_back_is_said_beside_what_failed(running: World) -> None:
    running.moods.extra = (Step(title="Tidy", operation="cluster.untidy", always=True),)
    running.cluster.trouble = [PermanentError("it was made anew since then")]
    run = await ran(running)
    assert run.outcome == (
        "Step 1 (Scale): it was made anew since then Step 4 (Tidy): there is no operation cluster.untidy to do"
    )


async def test_a_condition_may_ask_when_the_run_and_the_step_began(running: World) -> None:
    running.moods.extra = (Step(title="Since", kind="wait", operation="cluster.since"),)
    run = await ran(running)
    began = run.steps[3].started_at
    assert began is not None
    assert run.steps[3].message == f"{run.started_at.isoformat()} {began.isoformat()}"


async def test_trying_again_ends_with_the_steps_time_and_says_the_last_trouble(running: World) -> None:
    running.moods.timeout = 0.2
    running.cluster.trouble = [Forbidden("The cluster", "may not scale") for _ in range(9)]
    run = await ran(running)
    assert run.status == "failed"
    assert "not done within 0.2 s, the last try said: The cluster: may not scale" in run.outcome


async def test_an_unexpected_error_fails_the_step_under_a_name(
    running: World, capsys: pytest.CaptureFixture[str]
) -> None:
    running.cluster.trouble = [ZeroDivisionError("password=hunter2")]
    run = await ran(running)
    assert run.status == "failed"
    assert "hunter2" not in run.outcome
    name = run.outcome.split("unexpected error ")[1][:8]
    assert name in capsys.readouterr().out


async def test_a_condition_that_cannot_be_seen_is_neither_met_nor_failed(running: World) -> None:
    running.cluster.sight = [Unavailable("The cluster", "busy"), Progress(done=False, message="1 of 5 ready")]
    run = await ran(running)
    assert run.status == "succeeded"
    assert run.steps[1].message == "5 of 5 ready"


async def test_a_condition_that_never_will_hold_fails_at_once(running: World) -> None:
    running.cluster.sight = [Progress(done=False, message="the image does not exist", failed=True)]
    run = await ran(running)
    assert run.outcome == "Step 2 (Ready): the image does not exist"


async def test_waiting_ends_by_the_clock_that_started_with_the_step(running: World) -> None:
    running.cluster.sight = [Progress(done=False, message="1 of 5 ready") for _ in range(1000)]
    run_id = await approved(running)
    await asked(running, run_id, 1)
    assert "1 of 5 ready" in text_of(await running.card(run_id))
    running.clock.forward(seconds=30)
    assert (await running.ended(run_id)).outcome == "Step 2 (Ready): not so after 30 s: 1 of 5 ready"


async def test_a_person_is_asked_and_confirms(running: World) -> None:
    running.moods.extra = (ASK,)
    run_id = await approved(running)
    await asked(running, run_id, 3)
    card = await running.card(run_id)
    assert [(button.action, button.value) for button in all_buttons(card)] == [
        ("confirm", f"{run_id}:3"),
        ("deny", f"{run_id}:3"),
    ]
    refused = await running.reply(await running.click("confirm", f"{run_id}:3", VERA))
    assert "workers:scale" in text_of(refused)
    await running.click("confirm", f"{run_id}:3", OLGA)
    run = await running.ended(run_id)
    assert run.steps[3].message == "confirmed by Olga Operator"
    assert "Step 4 confirmed by" in text_of(await running.card(run_id))


async def test_a_person_says_that_it_could_not_be_done(running: World) -> None:
    running.moods.extra = (ASK,)
    run_id = await approved(running)
    await asked(running, run_id, 3)
    assert "Say why" in text_of(await running.reply(await running.click("deny", f"{run_id}:3", OLGA)))
    await running.click("deny", f"{run_id}:3", OLGA, "there is no plug")
    run = await running.ended(run_id)
    assert run.outcome == "Step 4 (Pull the plug): Olga Operator says it could not be done: there is no plug"
    assert buttons_of(await running.card(run_id)) == ["undo"]


async def test_a_late_click_on_one_question_does_not_answer_the_next(running: World) -> None:
    running.moods.extra = (ASK, ASK_AGAIN)
    run_id = await approved(running)
    await asked(running, run_id, 3)
    await running.click("confirm", f"{run_id}:3", OLGA)
    await asked(running, run_id, 4)
    late = await running.reply(await running.click("confirm", f"{run_id}:3", AMIR))
    assert "Nobody is asked about this step now" in text_of(late)
    for subject in (run_id, f"{run_id}:x", f"{run_id}:0", "nonsense:1"):
        assert await running.reply(await running.click("confirm", subject, AMIR)) is not None
    run = await running.runs.get(run_id)
    assert run is not None
    assert run.steps[4].status == "running"
    await running.click("confirm", f"{run_id}:4", OLGA)
    assert (await running.ended(run_id)).status == "succeeded"


async def test_nobody_answers_a_question(running: World) -> None:
    running.moods.extra = (Step(title="Pull the plug", kind="ask", timeout=0.1),)
    assert "nobody answered within 0.1 s" in (await ran(running)).outcome


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("cluster.unmarked", "do"),
        ("cluster.ready", "do"),
        ("cluster.scale", "wait"),
        ("cluster._write", "do"),
        ("cluster.__class__", "do"),
        ("nothing.scale", "do"),
        ("scale", "do"),
    ],
)
async def test_only_marked_methods_can_be_steps(running: World, operation: str, kind: str) -> None:
    running.moods.extra = (Step.model_validate({"title": "Odd", "kind": kind, "operation": operation}),)
    run = await ran(running)
    assert f"there is no operation {operation} to {kind}" in run.outcome
    assert running.cluster.replicas == 5


async def test_a_step_of_a_system_that_is_not_configured_names_the_variable(running: World) -> None:
    running.moods.extra = (Step(title="Odd", operation="absent.scale"),)
    assert "SYSTEM_URL" in (await ran(running)).outcome


async def test_an_operation_says_how_far_it_is_while_it_goes_on(running: World) -> None:
    running.moods.extra = (Step(title="Drain", operation="cluster.drain", arguments={"jobs": 7}),)
    run_id = await approved(running)
    await asked(running, run_id, 3)
    assert "7 jobs left, token=***" in text_of(await running.card(run_id))
    running.cluster.drained.set()
    run = await running.ended(run_id)
    assert (run.status, run.steps[3].message) == ("succeeded", "drained")
