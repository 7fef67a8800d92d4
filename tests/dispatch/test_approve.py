import asyncio
from datetime import timedelta

import pytest

from bot.reply import Person, Text
from bot.stores.plans import StoredPlan
from tests.dispatch.world import (
    AMIR,
    OLGA,
    OTTO,
    SANA,
    VERA,
    World,
    all_buttons,
    buttons_of,
    policy,
    text_of,
)


async def refusal(world: World, request_id: str) -> str:
    said = await world.reply(request_id)
    assert said is not None
    assert said.private
    return text_of(said)


async def test_a_plan_waits_with_everything_that_people_need_to_decide(world: World) -> None:
    stored = await world.propose("/scale 5")
    card = await world.card(stored.id)
    said = text_of(card)
    for words in (
        "Scale the workers from 2 to 5",
        "Waits for approval, 0 of 1",
        "Olga Operator",
        "/scale 5",
        "replicas",
        "autoscaler may revert",
        "2 workers",
        "120 jobs wait",
        "Scale back to 2",
        "Can be approved until",
        stored.id,
    ):
        assert words in said
    assert buttons_of(card) == ["approve", "deny", "cancel", "break_glass"]
    assert {button.value for button in all_buttons(card)} == {stored.id}
    assert stored.status == "waiting"
    assert world.cluster.calls == []


def rung(card_parts: object) -> set[str]:
    assert isinstance(card_parts, tuple)
    spans = [span for part in card_parts if isinstance(part, Text) for span in part.spans]
    return {span.id for span in spans if isinstance(span, Person) and span.notify}


async def test_only_the_first_posting_rings_and_only_those_who_may(world: World) -> None:
    world.policy.current = policy(needed=2)
    stored = await world.propose("/scale 5", AMIR)
    assert rung((await world.card(stored.id)).parts) == {SANA.id}
    await world.propose("/scale 6", OLGA)
    await world.clocks.tick(world.clock())
    assert rung((await world.card(stored.id)).parts) == {SANA.id}  # Slack has not got it yet, so nobody was rung
    posted = await world.outbox.posted(f"plan:{stored.id}")
    assert posted is not None
    await world.outbox.sent(posted, world.clock(), channel="C1", ts="1.1")
    await world.click("approve", stored.id, SANA)
    assert rung((await world.card(stored.id)).parts) == set()


async def test_the_same_request_makes_one_plan(world: World) -> None:
    request = world.request("/scale 5")
    await world.dispatcher.accept(request)
    await asyncio.gather(world.dispatcher.handle(request), world.dispatcher.handle(request))
    assert len(await world.plans.undecided()) == 1


@pytest.mark.parametrize(("actor", "says"), [(OLGA, "somebody else has to approve"), (VERA, "needs one of the roles")])
async def test_neither_the_requester_nor_who_has_no_role_approves(world: World, actor: object, says: str) -> None:
    stored = await world.propose()
    click = await world.click("approve", stored.id, actor)  # type: ignore[arg-type]
    assert says in await refusal(world, click)
    assert (await world.plan(stored.id)).status == "waiting"
    entry = await world.record(click)
    assert (entry.kind, entry.command, entry.status, entry.plan_id) == ("decision", "approve", "refused", stored.id)


async def test_an_approver_does_not_approve_their_own(world: World) -> None:
    stored = await world.propose("/scale 5", AMIR)
    await world.click("approve", stored.id, AMIR)
    assert (await world.plan(stored.id)).status == "waiting"


async def test_two_needed_are_two_different_people(world: World) -> None:
    world.policy.current = policy(needed=2)
    stored = await world.propose()
    await world.click("approve", stored.id, AMIR)
    await world.click("approve", stored.id, AMIR)
    assert (await world.plan(stored.id)).status == "waiting"
    assert "1 of 2" in text_of(await world.card(stored.id))
    await world.click("approve", stored.id, SANA)
    assert (await world.plan(stored.id)).status != "waiting"


async def test_who_decides_the_same_again_is_told_how_things_stand(world: World) -> None:
    world.policy.current = policy(needed=2)
    stored = await world.propose()
    await world.click("approve", stored.id, AMIR)
    said = await refusal(world, again := await world.click("approve", stored.id, AMIR))
    assert "You have already approved this" in said
    assert "1 of 2, still needed: 1 more of Sana Approver." in said
    entry = await world.record(again)
    assert (entry.status, entry.outcome) == ("done", "had approved this before")
    await world.click("approve", stored.id, SANA)
    assert f"{stored.id} is started." in await refusal(world, await world.click("approve", stored.id, AMIR))


async def test_two_approvals_at_once_make_one_quorum(world: World) -> None:
    world.policy.current = policy(needed=2)
    stored = await world.propose()
    await asyncio.gather(world.click("approve", stored.id, AMIR), world.click("approve", stored.id, SANA))
    assert (await world.plan(stored.id)).status in ("approved", "started")
    assert len(await world.plans.votes(stored.id)) == 2
    assert len(await world.runs.recent()) <= 1


async def test_an_approval_counts_only_while_its_giver_may_approve(world: World) -> None:
    world.policy.current = policy(needed=2)
    stored = await world.propose()
    await world.click("approve", stored.id, AMIR)
    roles = world.policy.current.roles
    without = roles["approver"].model_copy(update={"members": ("U3",)})
    world.policy.current = world.policy.current.model_copy(update={"roles": roles | {"approver": without}})
    await world.click("approve", stored.id, SANA)
    assert (await world.plan(stored.id)).status == "waiting"


async def test_a_policy_that_asks_for_more_binds_the_plans_that_wait(world: World) -> None:
    stored = await world.propose()
    world.policy.current = policy(needed=2)
    await world.click("approve", stored.id, AMIR)
    waiting = await world.plan(stored.id)
    assert (waiting.status, waiting.needed) == ("waiting", 2)
    await world.click("approve", stored.id, SANA)
    assert (await world.plan(stored.id)).status == "started"


@pytest.mark.parametrize("action", ["deny", "cancel"])
async def test_a_click_that_took_effect_before_the_process_died_is_not_recorded_as_refused(
    world: World, action: str
) -> None:
    stored = await world.propose()
    actor = AMIR if action == "deny" else OLGA
    first = await world.click(action, stored.id, actor, "not now")
    again = await world.click(action, stored.id, actor, "not now")
    assert [(await world.record(click)).status for click in (first, again)] == ["done", "done"]


async def test_denying_needs_a_reason_and_an_approver(world: World) -> None:
    stored = await world.propose()
    assert "needs a reason" in await refusal(world, await world.click("deny", stored.id, AMIR, "  "))
    assert "somebody else" in await refusal(world, await world.click("deny", stored.id, OLGA, "no"))
    await world.click("deny", stored.id, AMIR, "not on a Friday, password=hunter2")
    assert (await world.plan(stored.id)).status == "denied"
    card = await world.card(stored.id)
    assert "not on a Friday" in text_of(card)
    assert "hunter2" not in text_of(card)
    assert buttons_of(card) == []
    entry = await world.record(stored.request_id)
    assert entry.status == "refused"
    assert "denied by Amir Approver: not on a Friday" in entry.outcome


async def test_only_the_requester_cancels(world: World) -> None:
    stored = await world.propose()
    assert "can cancel it" in await refusal(world, await world.click("cancel", stored.id, AMIR))
    await world.click("cancel", stored.id, OLGA)
    assert (await world.plan(stored.id)).status == "cancelled"
    assert buttons_of(await world.card(stored.id)) == []


async def test_a_decision_is_final(world: World) -> None:
    stored = await world.propose()
    await world.click("cancel", stored.id, OLGA)
    assert "cancelled already" in await refusal(world, await world.click("approve", stored.id, AMIR))
    assert (await world.plan(stored.id)).status == "cancelled"


async def test_approval_and_cancel_at_once_end_in_one_of_both(world: World) -> None:
    for _ in range(5):
        stored = await world.propose("/scale 5")
        await asyncio.gather(world.click("approve", stored.id, AMIR), world.click("cancel", stored.id, OLGA))
        ended = await world.plan(stored.id)
        run = await world.runs.get(stored.id)
        assert (ended.status, run is None) in (("cancelled", True), ("started", False), ("approved", True))


async def test_a_click_after_the_time_expires_the_plan_and_says_so(world: World) -> None:
    stored = await world.propose()
    world.clock.forward(minutes=30)
    assert "expired" in await refusal(world, await world.click("approve", stored.id, AMIR))
    assert (await world.plan(stored.id)).status == "expired"
    card = await world.card(stored.id)
    assert "Nobody gave the 1 approval(s)" in text_of(card)
    assert buttons_of(card) == ["replan"]


async def test_there_is_no_such_plan(world: World) -> None:
    assert "There is no plan" in await refusal(world, await world.click("approve", "nonsense", AMIR))


async def test_breaking_the_glass_is_for_the_on_call_with_a_reason_and_is_announced(world: World) -> None:
    stored = await world.propose("/scale 5", OTTO)
    refused = await refusal(world, await world.click("break_glass", stored.id, AMIR, "urgent"))
    assert "roles oncall" in refused
    assert "Who may: Otto Oncall." in refused
    for reason in ("", "x", " fire      "):
        said = await refusal(world, await world.click("break_glass", stored.id, OTTO, reason))
        assert "typed reason of at least 10 characters" in said
    await world.click("break_glass", stored.id, OTTO, "everything is on fire")
    found = await world.plan(stored.id)
    assert found.break_glass
    assert found.status in ("approved", "started")
    announced = await world.outbox.posted(f"break-glass:{stored.id}")
    assert announced is not None
    assert (announced.channel, announced.priority) == ("#alerts", 0)
    assert "everything is on fire" in text_of(announced.body)
    since = world.clock() - timedelta(days=1)
    assert [(plan.id, vote.actor, vote.reason) for plan, vote in await world.plans.break_glass_since(since)] == [
        (stored.id, OTTO, "everything is on fire")
    ]
    assert await world.plans.break_glass_since(world.clock.forward(days=1)) == []


async def test_not_every_command_has_glass_to_break(world: World) -> None:
    world.policy.current = world.policy.current.model_copy(
        update={"break_glass": world.policy.current.break_glass.model_copy(update={"commands": ()})}
    )
    stored = await world.propose("/scale 5", OTTO)
    assert "break_glass" not in buttons_of(await world.card(stored.id))
    assert "no break-glass rule" in await refusal(world, await world.click("break_glass", stored.id, OTTO, "fire"))


async def test_ids_are_short_and_hard_to_guess(world: World) -> None:
    plans: list[StoredPlan] = [await world.propose(f"/scale {number}") for number in range(5)]
    assert {len(plan.id) for plan in plans} == {10}
    assert len({plan.id for plan in plans}) == 5
