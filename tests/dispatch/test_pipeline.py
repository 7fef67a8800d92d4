import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.dispatch.approve import MOST_OPEN
from bot.errors import (
    Conflicting,
    Forbidden,
    Incomplete,
    NotFound,
    PermanentError,
    Refused,
    TimedOut,
    Unavailable,
    UsageError,
)
from bot.reply import say
from bot.stores.executors import Executors
from bot.stores.message import CARD, Message
from bot.stores.tables import requests
from tests.dispatch.world import AMIR, OLGA, OTTO, VERA, World, opened, text_of


async def audit(world: World) -> tuple[str, str]:
    entry = (await world.requests.search(limit=1))[0]
    return entry.status, entry.outcome


async def test_a_reading_command_is_answered_and_its_record_closed(world: World) -> None:
    said = await world.reply(await world.say("/read word=hi", VERA))
    assert said is not None
    assert "hi for Vera Viewer at 09:00" in text_of(said)
    assert not said.private
    assert await audit(world) == ("done", "Read")


async def test_a_second_delivery_is_not_accepted_and_not_handled(world: World) -> None:
    request = world.request("/read")
    assert await world.dispatcher.accept(request)
    assert not await world.dispatcher.accept(request)
    await world.dispatcher.handle(request)
    assert not await world.dispatcher.accept(request)
    await world.dispatcher.handle(request)
    assert world.moods.calls == ["read hello"]


async def test_two_deliveries_at_once_are_accepted_once(world: World) -> None:
    request = world.request("/read")
    accepted = await asyncio.gather(*(world.dispatcher.accept(request) for _ in range(5)))
    assert sorted(accepted) == [False] * 4 + [True]


async def test_nothing_happens_where_the_record_cannot_be_opened(world: World) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(sa.text("ALTER TABLE requests RENAME TO away"))
    with pytest.raises(sa.exc.DBAPIError):
        await world.dispatcher.accept(world.request("/scale 5"))
    assert world.moods.calls == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/raed", ["There is no command /raed.", "Did you mean", "/read"]),
        ("/" + "x" * 10_000, ["10,001 characters in all"]),
        ("/scale", ["replicas is missing", "Usage: ", "/scale <replicas>"]),
        ("/scale many", ["whole number", "/scale <replicas>"]),
        ("/scale 51", ["50"]),
    ],
)
async def test_what_was_wrong_is_said_to_the_person_only(world: World, line: str, says: list[str]) -> None:
    said = await world.reply(await world.say(line))
    assert said is not None
    assert said.private
    assert all(words in text_of(said) for words in says)
    assert len(text_of(said)) < 500
    status, outcome = await audit(world)
    assert status == "refused"
    assert outcome.startswith("incomplete: " if line == "/scale" else "not understood: ")
    assert said.title == ("Something is missing" if line == "/scale" else "That was not understood")


async def test_who_may_not_is_told_the_rule_and_who_may(world: World) -> None:
    said = text_of(await world.reply(await world.say("/scale 5", VERA)))
    assert "workers:scale" in said
    assert "Olga Operator" in said
    assert world.moods.calls == []
    assert (await audit(world))[0] == "refused"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Unavailable("Redis", "connection refused"), ["Redis cannot be reached", "Connection refused", "unknown"]),
        (TimedOut("Redis", 2), ["Redis does not answer", "No answer within 2 s"]),
        (Forbidden("The cluster", "may not list pods"), ["The cluster does not let the bot do this"]),
        (Refused("The freeze is on.", hint="Ask Amir."), ["The freeze is on.", "Ask Amir."]),
        (NotFound("No metric has nova in its name.", nearest="node"), ["Not found", "No metric has", "Did you mean"]),
        (Incomplete("Say which queue."), ["Something is missing", "Say which queue."]),
        (Conflicting("At least 10 is more than at most 5."), ["That does not go together", "At least 10"]),
    ],
)
async def test_what_the_handler_raises_becomes_a_sentence(world: World, error: Exception, says: list[str]) -> None:
    world.moods.error = error
    said = text_of(await world.reply(await world.say("/read")))
    assert all(words in said for words in says)


async def test_a_handler_that_hangs_is_given_up(tmp_path: Path) -> None:
    async with opened(World(tmp_path, deadline=0.05), engine=False) as world:
        world.moods.hang = asyncio.Event()
        assert "/read does not answer" in text_of(await world.reply(await world.say("/read")))
        assert (await audit(world))[0] == "failed"


async def test_a_timeout_of_the_handlers_own_is_not_the_deadline(world: World) -> None:
    world.moods.error = TimeoutError("its own")
    assert "Something went wrong" in text_of(await world.reply(await world.say("/read")))


async def test_an_unexpected_error_has_one_id_for_the_person_the_log_and_the_record(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.moods.error = ZeroDivisionError("secret detail")
    said = await world.reply(await world.say("/read"))
    assert said is not None
    status, outcome = await audit(world)
    error_id = outcome.rpartition(" ")[2]
    assert status == "failed"
    assert error_id in text_of(said)
    assert "secret detail" not in text_of(said)
    assert error_id in capsys.readouterr().out
    assert said.private


async def test_a_system_that_is_not_configured_names_its_variable(world: World) -> None:
    assert "SYSTEM_URL" in text_of(await world.reply(await world.say("/missing")))
    assert "system is None" in text_of(await world.reply(await world.say("/perhaps")))


async def test_the_record_keeps_no_secret_and_no_way_back(world: World) -> None:
    url = "https://example.org/respond"
    await world.say("/read 'password=hunter2'", response_url=url)
    async with world.database.transaction() as connection:
        row = (await connection.execute(sa.select(requests))).mappings().one()
    assert "hunter2" not in row["text"]
    assert "hunter2" not in str(row["payload"])
    assert url not in str(row["payload"])


async def test_a_form_opens_only_for_who_may_and_where_nothing_was_typed(world: World) -> None:
    dispatcher = world.dispatcher
    command = dispatcher.form(world.request("/scale"))
    assert command is not None
    assert command.name == "/scale"
    assert dispatcher.form(world.request("/scale 5")) is None
    assert dispatcher.form(world.request("/read")) is None
    with pytest.raises(Refused):
        dispatcher.form(world.request("/scale", VERA))
    with pytest.raises(UsageError):
        dispatcher.form(world.request("/scael"))


async def test_a_check_says_what_is_wrong_with_a_form(world: World) -> None:
    world.dispatcher.check(world.request("/scale", arguments={"replicas": 5}))
    with pytest.raises(UsageError) as wrong:
        world.dispatcher.check(world.request("/scale", arguments={"replicas": 99}))
    assert wrong.value.argument == "replicas"
    with pytest.raises(Refused):
        world.dispatcher.check(world.request("/scale", VERA, arguments={"replicas": 5}))


async def test_the_console_gets_the_answer_itself_and_is_on_record(world: World) -> None:
    request = world.request("/read", channel="", source="console")
    assert "hello for Olga" in text_of(await world.dispatcher.answer(request))
    assert await world.reply(request.id) is None
    assert await audit(world) == ("done", "Read")
    assert "handled before" in text_of(await world.dispatcher.answer(request))


async def test_a_plan_from_the_console_is_shown_there_and_posted_for_the_approvers(world: World) -> None:
    request = world.request("/scale 5", channel="", source="console")
    assert "Waits for approval" in text_of(await world.dispatcher.answer(request))
    stored = await world.plans.of_request(request.id)
    assert stored is not None
    posted = await world.outbox.posted(f"plan:{stored.id}")
    assert posted is not None
    assert posted.channel == "#alerts"


async def test_draining_waits_for_what_is_under_way_and_refuses_the_rest(world: World) -> None:
    world.moods.hang = asyncio.Event()
    under_way = asyncio.create_task(world.say("/read"))
    await world.moods.called.wait()
    drained = asyncio.create_task(world.dispatcher.drain())
    await asyncio.sleep(0)
    assert "restarting" in text_of(await world.reply(await world.say("/read")))
    assert not drained.done()
    world.moods.hang.set()
    assert "hello" in text_of(await world.reply(await under_way))
    await drained


async def test_what_was_accepted_and_not_handled_is_taken_up_after_a_restart(tmp_path: Path) -> None:
    async with opened(World(tmp_path), engine=False) as world:
        reading, planning = world.request("/read"), world.request("/scale 5")
        assert await world.dispatcher.accept(reading)
        assert await world.dispatcher.accept(planning)
        await world.dispatcher.tick(world.clock())
        assert world.moods.calls == []  # this process works on them itself
    async with opened(World(tmp_path), engine=False) as world:
        await world.dispatcher.tick(world.clock())
        await world.dispatcher.tick(world.clock())
        assert "hello" in text_of(await world.reply(reading.id))
        assert len(await world.plans.undecided()) == 1
        assert sorted(world.moods.calls) == ["read hello", "scale 5"]


async def test_one_request_that_cannot_be_taken_up_does_not_hold_up_the_next(tmp_path: Path) -> None:
    async with opened(World(tmp_path), engine=False) as world:
        poisoned, good = world.request("/read"), world.request("/read")
        for request in (poisoned, good):
            assert await world.dispatcher.accept(request)
        refuse = f"WHEN NEW.key = 'reply:{poisoned.id}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
        async with world.database.transaction() as connection:
            await connection.exec_driver_sql(f"CREATE TRIGGER poison BEFORE INSERT ON messages {refuse}")
    async with opened(World(tmp_path), engine=False) as world:
        await world.dispatcher.tick(world.clock())
        assert "hello" in text_of(await world.reply(good.id))


async def test_what_a_living_process_works_on_is_left_to_it(tmp_path: Path) -> None:
    async with opened(World(tmp_path, name="one"), engine=False) as world:
        await Executors(world.database).beat("one", world.clock())
        assert await world.dispatcher.accept(world.request("/read"))
    async with opened(World(tmp_path, name="two"), engine=False) as world:
        await world.dispatcher.tick(world.clock.forward(seconds=29))
        assert world.moods.calls == []
        await world.dispatcher.tick(world.clock.forward(seconds=2))
        assert world.moods.calls == ["read hello"]


async def test_what_is_taken_up_too_late_is_not_done_and_says_so(tmp_path: Path) -> None:
    async with opened(World(tmp_path), engine=False) as world:
        request = world.request("/scale 5")
        assert await world.dispatcher.accept(request)
    async with opened(World(tmp_path), engine=False) as world:
        await world.dispatcher.tick(world.clock.forward(minutes=16))
        assert "/scale came too long ago" in text_of(await world.reply(request.id))
        assert await audit(world) == ("failed", "too old after a restart")
        assert world.moods.calls == []


async def test_the_record_can_be_searched_by_person_and_command(world: World) -> None:
    await world.say("/read", VERA)
    stored = await world.propose("/scale 5")
    await world.click("approve", stored.id, OLGA)
    assert [entry.command for entry in await world.requests.search(user="vera viewer")] == ["/read"]
    found = await world.requests.search(command="scale")
    assert {(entry.kind, entry.command, entry.status) for entry in found} == {
        ("decision", "approve", "refused"),
        ("command", "/scale", "planned"),
    }
    assert {entry.plan_id for entry in found} == {stored.id}
    assert len(await world.requests.search(limit=1)) == 1
    assert len(await world.requests.search(user=OLGA.id)) == 2


async def test_a_decision_on_the_console_is_answered_there_and_nowhere_else(world: World) -> None:
    stored = await world.propose("/scale 5")
    refused = world.decision("approve", stored.id, OLGA).model_copy(update={"channel": ""})
    assert "somebody else has to approve" in text_of(await world.dispatcher.decide(refused))
    assert await world.reply(refused.id) is None
    assert (await world.record(refused.id)).status == "refused"
    good = world.decision("approve", stored.id).model_copy(update={"channel": ""})
    assert await world.dispatcher.decide(good) is None
    assert (await world.plan(stored.id)).status == "started"
    assert "handled before" in text_of(await world.dispatcher.decide(good))


async def test_a_decision_of_the_console_that_another_process_takes_up_is_not_posted_either(tmp_path: Path) -> None:
    async with opened(World(tmp_path), engine=False) as world:
        stored = await world.propose("/scale 5")
        refused = world.decision("approve", stored.id, OLGA).model_copy(update={"channel": ""})
        assert await world.dispatcher.accept(refused)
    async with opened(World(tmp_path), engine=False) as world:
        await world.dispatcher.tick(world.clock())
        assert (await world.record(refused.id)).status == "refused"
        assert await world.reply(refused.id) is None


async def test_what_somebody_was_told_is_not_being_done_is_not_done_though_its_row_is_there(world: World) -> None:
    request = world.request("/scale 5")
    assert await world.dispatcher.accept(request)
    world.dispatcher.withdraw(request)  # whoever waited for it has given up, and has said so
    with pytest.raises(PermanentError):
        await world.dispatcher.accept(request)
    await world.dispatcher.tick(world.clock())
    with pytest.raises(PermanentError):
        await world.dispatcher.accept(request)
    assert world.moods.calls == []
    assert await audit(world) == ("failed", "not recorded in time, so it was not done")
    await world.dispatcher.tick(world.clock.forward(minutes=16))
    assert await world.reply(request.id) is None


async def test_a_form_that_is_submitted_again_after_it_could_not_be_recorded_is_done(world: World) -> None:
    request = world.request("/read").model_copy(update={"source": "form"})
    world.dispatcher.withdraw(request)  # its row was never written
    assert await world.dispatcher.accept(request)
    await world.dispatcher.handle(request)
    assert "hello" in text_of(await world.reply(request.id))


async def test_a_command_that_is_delivered_again_after_it_was_withdrawn_is_not_done(world: World) -> None:
    request = world.request("/read")
    world.dispatcher.withdraw(request)
    with pytest.raises(PermanentError):
        await world.dispatcher.accept(request)
    assert await audit(world) == ("failed", "not recorded in time, so it was not done")


async def test_a_withdrawn_record_is_closed_without_waiting_for_a_tick(world: World) -> None:
    request = world.request("/scale 5")
    assert await world.dispatcher.accept(request)
    world.dispatcher.withdraw(request)
    await world.dispatcher.close_withdrawn(request)
    assert (await audit(world))[0] == "failed"


async def test_a_row_that_appears_after_the_time_is_not_worked_on(tmp_path: Path) -> None:
    held, here = asyncio.Event(), asyncio.Event()

    class Slow:
        async def reached(self, _: str) -> None:
            here.set()
            await held.wait()

    async with opened(World(tmp_path, checkpoint=Slow()), engine=False) as world:
        request = world.request("/scale 5")
        accepting = asyncio.create_task(world.dispatcher.accept(request))
        await here.wait()  # the row is written, and nobody knows yet
        accepting.cancel()
        await asyncio.gather(accepting, return_exceptions=True)
        world.dispatcher.withdraw(request)
        held.set()
        await world.dispatcher.tick(world.clock())
        assert (await audit(world))[0] == "failed"
        assert world.moods.calls == []


async def test_trouble_known_before_is_recorded_and_answered(world: World) -> None:
    request = world.request("/scale")
    assert await world.dispatcher.accept(request)
    await world.dispatcher.handle(request, Refused("The form did not open.", hint="Type it instead: /scale <replicas>"))
    said = text_of(await world.reply(request.id))
    assert "The form did not open." in said
    assert "/scale <replicas>" in said
    assert await audit(world) == ("refused", "The form did not open.")


async def test_a_decision_is_looked_at_before_its_reason_is_asked_for(world: World) -> None:
    stored = await world.propose("/scale 5", OTTO)
    for action, allowed, refused in (("deny", AMIR, OTTO), ("break_glass", OTTO, VERA)):
        await world.dispatcher.check_decision(world.decision(action, stored.id, allowed))
        with pytest.raises(Refused) as refusal:
            await world.dispatcher.check_decision(world.decision(action, stored.id, refused))
        assert refusal.value.hint.startswith("Who may: ")
    await world.click("cancel", stored.id, OTTO)
    for subject, says in ((stored.id, "is cancelled already"), ("nonsense", "no plan"), ("nonsense:0", "no run")):
        with pytest.raises(Refused, match=says):
            await world.dispatcher.check_decision(world.decision("deny", subject, AMIR))
    late = await world.propose("/scale 6")
    world.clock.forward(minutes=30)
    with pytest.raises(Refused, match="has expired"):
        await world.dispatcher.check_decision(world.decision("deny", late.id, AMIR))


async def test_what_only_looks_needs_less_than_what_changes(world: World) -> None:
    assert (await world.record(await world.say("/either", VERA))).status == "done"
    asked = await world.say("/either 5", VERA)
    assert (await world.record(asked)).status == "refused"
    assert "needs the permission workers:scale" in text_of(await world.reply(asked))
    assert (await world.record(await world.say("/either 5"))).status != "refused"


async def test_who_asked_elsewhere_is_told_where_the_card_is(world: World) -> None:
    alert = Message("incident:1", "#alerts", say("An alert"), CARD)
    await world.outbox.put(alert, world.clock())
    (there,) = [one for one in await world.outbox.due(world.clock()) if one.key == alert.key]
    await world.outbox.sent(there, world.clock(), channel="C0ALERTS", ts="1.0")
    stored = await world.propose()
    threaded = replace(stored, plan=stored.plan.model_copy(update={"thread": alert.key}))
    said = await world.notices.elsewhere(threaded, "C0OTHER")
    assert said is not None
    assert said.private
    assert said.title == stored.plan.title
    assert f"the card of {stored.id}" in text_of(said)
    assert "in the thread of what it is about" in text_of(said)
    assert await world.notices.elsewhere(threaded, "C0ALERTS") is None
    assert await world.notices.elsewhere(threaded, "") is None
    assert await world.notices.elsewhere(stored, "C0OTHER") is None


async def test_no_more_plans_are_kept_open_than_anybody_looks_at(world: World) -> None:
    stored = await world.propose()
    async with world.database.transaction() as connection:
        for number in range(MOST_OPEN - 1):
            await world.plans.add(connection, replace(stored, id=f"p{number}", request_id=f"r{number}"))
    request = await world.say("/scale 6")
    assert await world.plans.of_request(request) is None
    assert f"{MOST_OPEN} plans wait or run already" in text_of(await world.reply(request))
