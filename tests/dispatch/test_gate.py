import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from bot.dispatch.checkpoint import NoCheckpoint
from bot.dispatch.dependencies import Dependencies
from bot.dispatch.gate import Gate
from bot.dispatch.planner import Planner
from bot.errors import Refused, Unavailable
from bot.freeze import Freeze
from bot.plan import Plan
from bot.request import Request
from bot.stores.database import Database
from bot.stores.freezes import Freezes
from bot.stores.runs import Lock
from tests.dispatch.world import AMIR, OLGA, OTTO, SANA, World, buttons_of, opened, policy, text_of


async def approved(world: World, line: str = "/scale 5") -> str:
    stored = await world.propose(line)
    await world.click("approve", stored.id, AMIR)
    return stored.id


async def test_what_is_approved_is_planned_again_and_started(world: World) -> None:
    plan_id = await approved(world)
    assert world.moods.calls == ["scale 5", "scale 5"]
    assert world.noted.started == [plan_id]
    assert (await world.plan(plan_id)).status == "started"
    run = await world.runs.get(plan_id)
    assert run is not None
    assert [(step.title, step.status) for step in run.steps] == [
        ("Scale", "waiting"),
        ("Ready", "waiting"),
        ("Restart", "waiting"),
    ]
    assert "About to start" in text_of(await world.card(plan_id))
    assert "unning" not in text_of(await world.card(plan_id))
    assert buttons_of(await world.card(plan_id)) == []


async def test_a_plan_that_no_longer_fits_does_not_start_and_says_what_moved(world: World) -> None:
    stored = await world.propose()
    world.cluster.set(3)
    await world.click("approve", stored.id, AMIR)
    assert (await world.plan(stored.id)).status == "stale"
    assert world.noted.started == []
    card = await world.card(stored.id)
    assert "replicas was 2, is now 3" in text_of(card)
    assert buttons_of(card) == ["replan"]
    entry = await world.record(stored.request_id)
    assert entry.status == "refused"
    assert entry.outcome.startswith("stale: replicas was 2, is now 3")


async def test_a_plan_that_cannot_be_made_any_more_is_stale_with_the_reason(world: World) -> None:
    stored = await world.propose()
    world.moods.error = Refused("The freeze is on.", hint="Until Monday.")
    await world.click("approve", stored.id, AMIR)
    assert "The freeze is on. Until Monday." in text_of(await world.card(stored.id))
    assert (await world.plan(stored.id)).status == "stale"


async def test_a_requester_who_lost_the_permission_gets_nothing_started(world: World) -> None:
    stored = await world.propose()
    roles = world.policy.current.roles
    nobody = roles["operator"].model_copy(update={"members": ()})
    world.policy.current = world.policy.current.model_copy(update={"roles": roles | {"operator": nobody}})
    await world.click("approve", stored.id, AMIR)
    assert (await world.plan(stored.id)).status == "stale"
    assert "workers:scale" in text_of(await world.card(stored.id))


async def test_a_system_that_is_away_lets_the_plan_wait_and_not_lapse(world: World) -> None:
    stored = await world.propose()
    world.moods.error = Unavailable("The cluster", "connection refused.")
    await world.click("approve", stored.id, AMIR)
    assert (await world.plan(stored.id)).status == "approved"
    assert "Cannot check whether it still fits: The cluster: connection refused. It is" in text_of(
        await world.card(stored.id)
    )
    assert buttons_of(await world.card(stored.id)) == ["cancel"]
    world.moods.error = None
    await world.clocks.tick(world.clock())
    assert (await world.plan(stored.id)).status == "approved"
    await world.clocks.tick(world.clock.forward(seconds=5))
    assert (await world.plan(stored.id)).status == "started"


async def test_an_unexpected_error_on_planning_again_is_tried_again(world: World) -> None:
    stored = await world.propose()
    world.moods.error = ZeroDivisionError()
    await world.click("approve", stored.id, AMIR)
    assert "unexpected error" in text_of(await world.card(stored.id))
    assert (await world.plan(stored.id)).status == "approved"


async def test_a_locked_target_is_waited_for_and_the_holder_named(world: World) -> None:
    first = await approved(world, "/scale 5")
    second = await approved(world, "/scale 6")
    assert (await world.plan(second)).status == "approved"
    said = text_of(await world.card(second))
    assert "deployment/worker is held by /scale 5 of Olga Operator" in said
    assert first in said
    await world.clocks.tick(world.clock())
    assert world.noted.started == [first]


async def test_all_that_a_plan_changes_is_locked_or_nothing_of_it(world: World) -> None:
    world.moods.also = ("deployment/free", "configmap/shared")
    first = await approved(world)
    assert sorted(lock.target for lock in await world.locks.held()) == [
        "configmap/shared",
        "deployment/free",
        "deployment/worker",
    ]
    world.moods.also = ("configmap/shared",)
    second = await approved(world, "/scale 6")
    async with world.database.transaction() as connection:
        await world.locks.release(connection, first)
        await world.locks.take(connection, Lock("deployment/worker", "elsewhere", "a run", world.clock()))
    await world.clocks.tick(world.clock())
    assert "deployment/worker is held by a run (elsewhere)" in text_of(await world.card(second))
    assert [lock.target for lock in await world.locks.held()] == ["deployment/worker"]
    async with world.database.transaction() as connection:
        await world.locks.release(connection, "elsewhere")
        await world.locks.take(connection, Lock("configmap/shared", "elsewhere", "a run", world.clock()))
    await world.clocks.tick(world.clock())
    assert "configmap/shared is held by a run (elsewhere)" in text_of(await world.card(second))
    assert world.noted.started == [first]


async def test_a_policy_that_asks_for_more_stops_what_was_approved_and_had_to_wait(world: World) -> None:
    first, second = await approved(world, "/scale 5"), await approved(world, "/scale 6")
    world.policy.current = policy(needed=2)
    async with world.database.transaction() as connection:
        await world.gate._locks.release(connection, first)
    await world.clocks.tick(world.clock())
    stale = await world.plan(second)
    assert (stale.status, stale.reason) == ("stale", "The policy changed: 2 approval(s) are needed now, 1 count.")
    assert world.noted.started == [first]


async def test_waiting_for_a_lock_ends_when_the_time_to_start_is_over(world: World) -> None:
    await approved(world, "/scale 5")
    second = await approved(world, "/scale 6")
    await world.clocks.tick(world.clock.forward(minutes=10))
    assert (await world.plan(second)).status == "expired"
    said = text_of(await world.card(second))
    assert "It was approved but could not start in time" in said
    assert "is held by /scale 5" in said


async def test_two_plans_for_one_target_approved_at_once_start_one_run(world: World) -> None:
    first, second = await world.propose("/scale 5"), await world.propose("/scale 6")
    await asyncio.gather(world.click("approve", first.id, AMIR), world.click("approve", second.id, SANA))
    assert len(await world.runs.running()) == 1
    assert len(world.noted.started) == 1


async def test_plans_for_different_targets_do_not_wait_for_each_other(world: World) -> None:
    await approved(world, "/scale 5")
    await world.propose("/free 7")
    assert len(world.noted.started) == 2


async def test_what_needs_nobody_starts_at_once(world: World) -> None:
    stored = await world.propose("/free 7")
    assert world.noted.started == [stored.id]
    assert "Cannot be undone: it is free" not in text_of(await world.card(stored.id))


async def test_what_was_approved_before_a_crash_starts_after_it(tmp_path: Path) -> None:
    async with opened(World(tmp_path, executes=False), engine=False) as world:
        stored = await world.propose()
        decision = world.decision("approve", stored.id)
        await world.approvals.decide(decision, world.clock())
        assert (await world.plan(stored.id)).status == "approved"
    async with opened(World(tmp_path, executes=False), engine=False) as world:
        await world.clocks.tick(world.clock())
        assert world.noted.started == [stored.id]


async def test_nobody_answers_so_it_expires_and_says_so(world: World) -> None:
    stored = await world.propose()
    await world.clocks.tick(world.clock.forward(minutes=29))
    assert (await world.plan(stored.id)).status == "waiting"
    await world.clocks.tick(world.clock.forward(minutes=1))
    assert (await world.plan(stored.id)).status == "expired"
    assert "Expired, nothing was changed" in text_of(await world.card(stored.id))
    entry = await world.record(stored.request_id)
    assert entry.status == "refused"
    assert entry.outcome.startswith("expired")


async def test_an_expiry_and_a_click_at_once_end_in_one_of_both(world: World) -> None:
    stored = await world.propose()
    late = world.clock.forward(minutes=30)
    await asyncio.gather(world.clocks.tick(late), world.click("approve", stored.id, AMIR))
    assert (await world.plan(stored.id)).status == "expired"
    assert world.noted.started == []


async def test_plans_for_one_target_know_of_each_other(world: World) -> None:
    first, second = await world.propose("/scale 5"), await world.propose("/scale 6", SANA)
    alone = await world.propose("/scale 7")
    await world.click("cancel", alone.id, OLGA)
    other = "Another plan for this target waits: "
    assert f"{first.id}" in text_of(await world.card(second.id))
    assert other not in text_of(await world.card(first.id))
    await world.clocks.tick(world.clock())
    said = text_of(await world.card(first.id))
    assert other in said
    assert second.id in said
    assert "Sana Approver" in said
    assert alone.id not in said
    await world.click("approve", first.id, AMIR)
    await world.clocks.tick(world.clock())
    said = text_of(await world.card(second.id))
    assert "A run holds this target now: " in said
    assert other not in said
    assert other not in text_of(await world.card(first.id))


async def test_a_plan_that_is_alone_again_says_so_no_more(world: World) -> None:
    first, second = await world.propose("/scale 5"), await world.propose("/scale 6")
    await world.clocks.tick(world.clock())
    await world.click("cancel", first.id, OLGA)
    await world.clocks.tick(world.clock())
    assert first.id not in text_of(await world.card(second.id))
    posted = await world.outbox.posted(f"plan:{second.id}")
    await world.clocks.tick(world.clock())
    assert await world.outbox.posted(f"plan:{second.id}") == posted


async def test_others_are_asked_once_when_nobody_answers(world: World) -> None:
    world.policy.current = policy(ask_next=["oncall"])
    stored = await world.propose()
    await world.clocks.tick(world.clock.forward(minutes=4))
    assert await world.outbox.posted(f"plan:{stored.id}:ask-next") is None
    await world.clocks.tick(world.clock.forward(minutes=1))
    asked = await world.outbox.posted(f"plan:{stored.id}:ask-next")
    assert asked is not None
    assert asked.channel == "C1"
    assert "Otto Oncall" in text_of(asked.body)
    await world.clocks.tick(world.clock.forward(minutes=1))
    again = await world.outbox.posted(f"plan:{stored.id}:ask-next")
    assert again is not None
    assert again.version == 1


async def test_planning_again_from_the_card_makes_a_new_plan_of_who_clicked(world: World) -> None:
    stored = await world.propose()
    world.cluster.set(3)
    await world.click("approve", stored.id, AMIR)
    fresh = await world.plans.of_request(await world.click("replan", stored.id, SANA))
    assert fresh is not None
    assert (fresh.status, fresh.requester, fresh.arguments) == ("waiting", SANA, {"replicas": 5})
    assert fresh.plan.facts == {"replicas": 3}
    refused = await world.reply(await world.click("replan", fresh.id, OLGA))
    assert "cannot be planned again" in text_of(refused)


async def test_a_plan_that_is_made_again_was_asked_for_where_it_was(world: World) -> None:
    """What a form may ask for without further words (0 replicas) may be planned again from its card."""
    stored = await world.plans.of_request(await world.say("/scale", source="form", arguments={"replicas": 5}))
    assert stored is not None
    world.cluster.set(3)
    await world.click("approve", stored.id, AMIR)
    fresh = await world.plans.of_request(await world.click("replan", stored.id, SANA))
    assert fresh is not None
    assert fresh.source == "form"


def frozen(world: World, scope: str = "all") -> dict[str, JsonValue]:
    now = world.clock()
    freeze = Freeze(id="f1", scope=scope, actor=OTTO, since=now, until=now + timedelta(hours=1))
    return freeze.model_dump(mode="json")


async def test_a_freeze_refuses_what_is_asked_for_and_leaves_reading_alone(world: World) -> None:
    await Freezes(world.database).freeze(frozen(world))
    asked = await world.say("/scale 5")
    assert (await world.record(asked)).status == "refused"
    assert "frozen by Otto Oncall until 2026-03-02 10:00 UTC" in text_of(await world.reply(asked))
    assert world.moods.calls == []
    assert (await world.record(await world.say("/read"))).status == "done"


async def test_a_freeze_lets_a_command_look_that_may_also_change(world: World) -> None:
    await Freezes(world.database).freeze(frozen(world))
    assert (await world.record(await world.say("/either"))).status == "done"
    asked = await world.say("/either 5")
    assert (await world.record(asked)).status == "refused"
    assert "frozen by Otto Oncall" in text_of(await world.reply(asked))


async def test_a_freeze_of_something_else_refuses_nothing(world: World) -> None:
    await Freezes(world.database).freeze(frozen(world, "mongo"))
    assert (await world.propose()).status == "waiting"


async def test_what_waits_for_approval_is_refused_in_a_freeze_that_another_replica_set(world: World) -> None:
    stored = await world.propose()
    replica = Database(world.url)
    await Freezes(replica).freeze(frozen(world))
    await replica.close()
    await world.click("approve", stored.id, AMIR)
    assert (await world.plan(stored.id)).status == "stale"
    assert "frozen by Otto Oncall" in text_of(await world.card(stored.id))
    assert (await world.record(stored.request_id)).status == "refused"
    assert world.noted.started == []


async def test_a_freeze_that_is_set_while_it_is_planned_again_still_counts(world: World) -> None:
    stored = await world.propose()
    freezes = Freezes(world.database)

    class Late(Planner):
        """The freeze comes when it has been planned again and has not started."""

        async def plan(self, request: Request, now: datetime) -> tuple[dict[str, JsonValue], Plan]:
            found = await super().plan(request, now)
            await freezes.freeze(frozen(world))
            return found

    systems = Dependencies({type(part): part for part in (world.cluster, world.moods)})
    planner = Late(world.catalog, systems, world.policy, freezes)
    gate = Gate(world.database, planner, world.approvals, world.notices, world.noted, NoCheckpoint())
    async with world.database.transaction() as connection:
        await world.plans.move(
            connection,
            stored.id,
            ("waiting",),
            status="approved",
            break_glass=True,
            execute_by=world.clock() + timedelta(minutes=5),
        )
    await gate.advance(stored.id, world.clock())
    assert (await world.plan(stored.id)).status == "stale"
    assert world.noted.started == []


async def test_a_freeze_is_said_of_what_waits_for_its_turn_as_long_as_it_lasts(world: World) -> None:
    await approved(world, "/scale 5")
    second = await approved(world, "/scale 6")
    await Freezes(world.database).freeze(frozen(world))
    await world.clocks.tick(world.clock())
    said = text_of(await world.card(second))
    assert "is held by /scale 5 of Olga Operator" in said
    assert (
        "It starts when that has ended, if it still fits then. Every change is frozen by Otto Oncall until "
        "2026-03-02 10:00 UTC: if its turn comes before that, it is refused."
    ) in said
    async with world.database.transaction() as connection:
        await world.plans.move(connection, second, ("approved",), execute_by=world.clock() + timedelta(hours=3))
    await world.clocks.tick(world.clock.forward(hours=1))
    assert "frozen" not in text_of(await world.card(second))


async def test_a_freeze_ends_by_itself(world: World) -> None:
    await Freezes(world.database).freeze(frozen(world))
    world.clock.forward(hours=1)
    stored = await world.propose()
    await world.click("approve", stored.id, AMIR)
    assert (await world.plan(stored.id)).status == "started"
