"""A change from the question to the outcome: who may decide, what counts, and what each click makes of it."""

import pytest

from sandbox.slack_page import Message, button
from tests.scenarios.changing import asked
from tests.scenarios.world import World, labels, plan_id, text, together

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def cancel(world: World, card: Message) -> None:
    await world.click("operator", card, "Cancel my request")
    assert labels(await world.becomes(card, "Cancelled, nothing was changed", "Cancelled by")) == []


async def test_what_would_leave_the_workers_behind_offers_the_form_for_both(world: World) -> None:
    card = await asked(world, "operator", "/set-env api LOG_LEVEL", "left behind")
    offer = "/set-env both LOG_LEVEL instead…"
    view = await world.form("operator", lambda: world.click("operator", card, offer))
    assert "LOG_LEVEL" in str(view)
    known = world.shown("ops")
    await world.submit("operator", value="debug")
    both = await world.new("ops", known, "Set LOG_LEVEL on novapulse-api and novapulse-worker")
    assert not any("instead" in label for label in labels(both))
    for one in (card, both):
        await world.click("operator", one, "Cancel my request")
        await world.becomes(one, "Cancelled")


async def test_a_second_person_approves_and_what_was_approved_runs_once(world: World) -> None:
    before = len(world.scaled())
    card = await world.plan("/scale-workers 4")
    refusal = await world.press("operator", card, "Approve", "somebody else has to approve")
    assert "Who may: approver, second_approver, oncall." in text(refusal)
    assert refusal["ephemeral_to"] == "U0OPERATOR"
    await world.press("viewer", card, "Approve", "needs one of the roles approver")
    assert len(world.scaled()) == before
    await world.click("approver", card, "Approve")
    done = await world.becomes(card, "Done after", "Approved by", "workers connected: email 4", "Undo: Back to 2 pods")
    assert labels(done) == ["Undo"]
    assert len(world.scaled()) == before + 1
    assert world.sandbox.cluster is not None
    assert len(world.sandbox.cluster.ready_pods("novapulse-worker")) == 4
    await world.press("second_approver", card, "Approve", "is started already: this changes nothing")


async def test_the_undo_is_planned_and_approved_like_any_change(world: World) -> None:
    card = await world.plan("/scale-workers 3")
    await world.click("approver", card, "Approve")
    done = await world.becomes(card, "Done after")
    back = await world.press("operator", done, "Undo", "from 3 to 2", "Waits for approval", f"Undoes `{plan_id(done)}`")
    await world.becomes(card, f"Undo requested: `{plan_id(back)}`")
    await world.shows_buttons(card)
    await world.press("approver", done, "Undo", "Undoing", "is under way already")
    await world.press("operator", back, "Approve", "somebody else has to approve")
    await world.click("second_approver", back, "Approve")
    await world.becomes(back, "Done after")
    undone = await world.becomes(card, "and has been undone since", f"Undone by `{plan_id(back)}`")
    assert labels(undone) == []


async def test_two_approvals_are_two_people(world: World) -> None:
    async with world.rule(("needed = 1", "needed = 2")):
        card = await world.plan("/scale-workers 3")
        assert "0 of 2" in text(card)
        await world.click("approver", card, "Approve")
        await world.becomes(card, "Waits for approval, 1 of 2", "Approved by")
        await world.press("approver", card, "Approve", "You have already approved this", "1 of 2, still needed: 1 more")
        await world.press("operator", card, "Approve", "somebody else has to approve")
        await world.click("second_approver", card, "Approve")
        await world.becomes(card, "Done after")
    outcomes = "select outcome from requests where plan_id = ? and kind = 'decision' and actor_id = 'U0APPROVER'"
    assert world.rows(outcomes, plan_id(card)) == [("approved, 1 of 2",), ("had approved this before",)]


async def test_a_double_click_is_one_approval_and_one_run(world: World) -> None:
    before = len(world.scaled())
    card = await world.plan("/scale-workers 3")
    clicks = (world.click(person, card, "Approve") for person in ("approver", "approver", "second_approver", "oncall"))
    await together(*clicks)
    await world.becomes(card, "Done after")
    assert len(world.scaled()) == before + 1


async def test_denying_needs_a_reason_that_the_card_shows(world: World) -> None:
    card = await world.plan("/scale-workers 3")
    await world.form("approver", lambda: world.click("approver", card, "Deny"))
    await world.submit("approver", reason="   ")
    assert "Denying needs a reason" in (await world.field_errors())["argument:reason"]
    await world.submit("approver", reason="<!channel> *not* before noon, token=hunter2")
    denied = await world.becomes(card, "Denied, nothing was changed", "before noon")
    assert labels(denied) == []
    shown = text(denied)
    assert "<!channel>" not in shown
    assert "hunter2" not in shown
    await world.press("approver", card, "Approve", "is denied already: this changes nothing")


async def test_the_requester_may_not_deny_nor_a_viewer(world: World) -> None:
    card = await world.plan("/scale-workers 3")
    opened = len(world.page.views)
    for person, words in (("operator", "somebody else has to approve"), ("viewer", "needs one of the roles approver")):
        await world.press(person, card, "Deny", words)
    assert len(world.page.views) == opened  # nobody writes a reason only to be refused
    await cancel(world, card)
    await world.press("approver", card, "Deny", "is cancelled already: this changes nothing")


async def test_only_who_asked_cancels(world: World) -> None:
    card = await world.plan("/scale-workers 3")
    await world.press("approver", card, "Cancel my request", "Only operator, who asked for it, can cancel it.")
    await cancel(world, card)
    await world.press("approver", card, "Approve", "is cancelled already")


async def test_an_expired_plan_says_so_and_is_planned_again(world: World) -> None:
    async with world.rule(('approve_within = "10m"', 'approve_within = "2s"')):
        card = await world.plan("/scale-workers 3")
        expired = await world.becomes(card, "Expired, nothing was changed", "Nobody gave the 1 approval(s)")
        assert labels(expired) == ["Plan again"]
        await world.press("approver", card, "Approve", "is expired already")
    again = await world.press("operator", expired, "Plan again", "Waits for approval", "from 2 to 3")
    assert plan_id(again) != plan_id(expired)
    await cancel(world, again)


async def test_what_changed_since_the_plan_is_said_and_nothing_runs(world: World) -> None:
    before = len(world.scaled())
    card = await world.plan("/scale-workers 5")
    await world.replicas(3)
    await world.click("approver", card, "Approve")
    stale = await world.becomes(card, "the plan no longer fits, nothing was changed", "What is different now")
    assert "replicas: 2 → 3" in text(stale) or "replicas was 2, is now 3" in text(stale)
    assert labels(stale) == ["Plan again"]
    assert len(world.scaled()) == before
    again = await world.press("operator", stale, "Plan again", "from 3 to 5")
    await world.click("approver", again, "Approve")
    await world.becomes(again, "Done after")
    assert len(world.scaled()) == before + 1


async def test_a_second_run_waits_for_the_first_and_names_it(world: World) -> None:
    async with world.fault("workers-crash"):
        first = await world.plan("/scale-workers 3")
        await world.click("approver", first, "Approve")
        # Planned from then on, the second one begins with what the first has made.
        await world.becomes(first, "Running, step 2 of 4", "updated replicas are available")
        second = await world.plan("/scale-workers 4")
        await world.click("approver", second, "Approve")
        held = await world.becomes(second, "Approved, has to wait", "deployment/novapulse-worker is held by")
        number = plan_id(second)
        assert "/scale-workers 3 of operator" in text(held)
        assert f"({number})" not in text(held)
        assert labels(held) == ["Cancel my request"]
    finished = await world.becomes(first, "Done after")
    await world.becomes(second, "Done after")
    await world.shows_buttons(finished)


async def test_breaking_the_glass_is_for_whoever_is_on_call_with_a_reason_and_is_announced(world: World) -> None:
    card = await world.plan("/scale-workers 3")
    await world.becomes(card, "In an emergency oncall may act alone, with a reason.")
    needs = "needs being on call at level 1 and the permission to run it."
    await world.press("approver", card, "Break glass", needs, "Who may: oncall.")
    await world.form("oncall", lambda: world.click("oncall", card, "Break glass"))
    known = world.shown("novapulse-alerts")
    await world.submit("oncall", reason="x")
    assert "at least 10 characters" in (await world.field_errors())["argument:reason"]
    await world.submit("oncall", reason="customers wait, nobody answers")
    words = ("customers wait", "on call at level 1, acts without a second person")
    await world.new("novapulse-alerts", known, "Break glass", *words)
    await world.becomes(card, "Done after", "Started alone by", "customers wait")


async def test_what_waits_can_be_decided_from_the_list(world: World) -> None:
    card = await world.plan("/scale-workers 3")
    mine = await world.ask("operator", "/approvals", "1 plan waits", "0 of 1 approvals")
    assert labels(mine) == []
    theirs = await world.ask("approver", "/approvals", "1 plan waits")
    assert labels(theirs) == ["Approve", "Deny"]
    assert button(theirs, "Approve")["value"] == plan_id(card)
    await world.click("approver", theirs, "Approve")
    await world.becomes(card, "Done after")
    await world.ask("viewer", "/approvals", "Nothing waits for approval")


async def test_it_is_all_on_record(world: World) -> None:
    card = await world.plan("/scale-workers 3")
    number = plan_id(card)
    await world.press("operator", card, "Approve", "somebody else has to approve")
    await world.click("approver", card, "Approve")
    await world.becomes(card, "Done after")
    await world.ask(
        "viewer", f"/runs {number}", "from 2 to 3: succeeded", "approved by approver", "4. See that workers"
    )
    audit = text(await world.ask("approver", "/audit 5", number, "approver"))
    assert "You asked for this, so somebody else" in audit
    assert "refused" in audit
