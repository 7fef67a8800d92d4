"""``/approvals``: what waits, and buttons for those who may decide."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.policy_file import PolicyFile
from bot.reply import Buttons, Reply
from bot.request import Actor
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan, Vote
from bot.stores.runs import Lock, Locks
from commands.administration.approvals import SHOWN, approvals
from tests.commands.said import said


async def ask(plans: Plans, policy: PolicyFile, actor: Actor, now: datetime) -> Reply:
    reply = await approvals.handler(plans=plans, locks=Locks(plans._database), policy=policy, actor=actor, now=now)
    assert isinstance(reply, Reply)
    assert reply.private
    return reply


async def add(database: Database, plans: Plans, *stored: StoredPlan) -> None:
    async with database.transaction() as connection:
        for plan in stored:
            await plans.add(connection, plan)


def buttons(reply: Reply) -> list[tuple[str, str]]:
    rows = [part for part in reply.parts if isinstance(part, Buttons)]
    return [(button.action, button.value) for row in rows for button in row.buttons]


async def test_nothing_waits(plans: Plans, policy: PolicyFile, approver: Actor, now: datetime) -> None:
    assert (await ask(plans, policy, approver, now)).title == "Nothing waits for approval"


async def test_who_may_decide_gets_buttons(
    database: Database, plans: Plans, policy: PolicyFile, approver: Actor, now: datetime, stored_plan: StoredPlan
) -> None:
    await add(database, plans, stored_plan)
    reply = await ask(plans, policy, approver, now)
    assert reply.title == "1 plan waits"
    assert buttons(reply) == [("approve", "k3v9x2mq7a"), ("deny", "k3v9x2mq7a")]
    shown = said(reply)
    assert "novapulse-worker pods: 2 → 5" in shown
    assert "Warning: HPA reverts it." in shown
    assert "0 of 1 approvals. Who may: Amir Approver, Sana Approver, Otto Oncall." in shown


async def test_who_asked_gets_none(
    database: Database, plans: Plans, policy: PolicyFile, operator: Actor, now: datetime, stored_plan: StoredPlan
) -> None:
    await add(database, plans, stored_plan)
    reply = await ask(plans, policy, operator, now)
    assert "Scale novapulse-worker from 2 to 5" in said(reply)
    assert buttons(reply) == []


async def test_an_approved_one_waits_for_its_turn(
    database: Database, plans: Plans, policy: PolicyFile, approver: Actor, now: datetime, stored_plan: StoredPlan
) -> None:
    await add(database, plans, replace(stored_plan, status="approved", reason="run abc holds the target"))
    async with database.transaction() as connection:
        await plans.vote(connection, stored_plan.id, Vote(approver, "approve", "", now))
    reply = await ask(plans, policy, approver, now)
    assert "Approved by approver, waits for its turn: run abc holds the target." in said(reply)
    assert buttons(reply) == []


async def test_why_it_waits_ends_with_one_full_stop_and_who_started_it_is_said(
    database: Database, plans: Plans, policy: PolicyFile, approver: Actor, now: datetime, stored_plan: StoredPlan
) -> None:
    alone = replace(stored_plan, status="approved", reason="It starts when that has ended.", break_glass=True)
    nobody = replace(alone, id="another", request_id="r2", needed=0, break_glass=False)
    await add(database, plans, alone, nobody)
    shown = said(await ask(plans, policy, approver, now))
    assert "Started alone, waits for its turn: It starts when that has ended. " in shown
    assert "Needs no approval, waits for its turn: It starts when that has ended. " in shown


async def test_a_run_for_the_same_target_is_named(
    database: Database, plans: Plans, policy: PolicyFile, approver: Actor, now: datetime, stored_plan: StoredPlan
) -> None:
    await add(database, plans, stored_plan)
    assert "has not ended" not in said(await ask(plans, policy, approver, now))
    async with database.transaction() as connection:
        await Locks(database).take(connection, Lock(stored_plan.plan.target, "m4w2", "/scale-workers 3", now))
    shown = said(await ask(plans, policy, approver, now))
    assert "A run for the same target has not ended: m4w2. The plan's card says what that means." in shown


async def test_what_has_expired_or_ended_is_left_out(
    database: Database, plans: Plans, policy: PolicyFile, approver: Actor, now: datetime, stored_plan: StoredPlan
) -> None:
    expired = replace(stored_plan, id="expired", request_id="r2", approve_by=now - timedelta(seconds=1))
    await add(database, plans, expired, replace(stored_plan, id="denied", request_id="r3", status="denied"))
    assert (await ask(plans, policy, approver, now)).title == "Nothing waits for approval"


async def test_many_are_cut_with_a_note(
    database: Database, plans: Plans, policy: PolicyFile, approver: Actor, now: datetime, stored_plan: StoredPlan
) -> None:
    many = [replace(stored_plan, id=f"p{number}", request_id=f"r{number}") for number in range(SHOWN + 2)]
    await add(database, plans, *many)
    reply = await ask(plans, policy, approver, now)
    assert reply.title == f"{SHOWN + 2} plans wait"
    assert "2 more wait; the oldest are shown." in said(reply)
    assert len(buttons(reply)) == 2 * SHOWN


async def test_each_says_when_it_was_planned_and_what_else_waits_for_its_target(
    database: Database, plans: Plans, policy: PolicyFile, approver: Actor, now: datetime, stored_plan: StoredPlan
) -> None:
    elsewhere = stored_plan.plan.model_copy(update={"target": "deployment/other"})
    other = replace(stored_plan, id="another", request_id="r2")
    await add(database, plans, stored_plan, other, replace(stored_plan, id="far", request_id="r3", plan=elsewhere))
    shown = said(await ask(plans, policy, approver, now))
    assert "Waits for the same target: another" in shown
    assert f"Waits for the same target: {stored_plan.id}" in shown
    assert shown.count("Waits for the same target") == 2
    assert shown.count(", planned ") == 3
    assert "Each is planned again once it is approved: what no longer fits by then does not start." in shown
