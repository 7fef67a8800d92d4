"""``/page``: a level is called now, once, with a reason, and not without end."""

from datetime import timedelta

import pytest

from bot.alerting.notify import Ways
from bot.alerting.oncall_actions import OnCallActions
from bot.alerting.paging import Paging
from bot.errors import Incomplete, NotFound, Refused, UsageError, UserError
from bot.plan import Plan
from bot.reply import Buttons, Level, Link, Reply, Text, When
from bot.stores.message import Delivery, page_of
from bot.stores.outbox import CRITICAL
from tests.commands.contact_escalation.oncall_world import OnCallWorld
from tests.commands.said import said


def buttons(message: Delivery) -> list[str]:
    rows = [part.buttons for part in message.body.parts if isinstance(part, Buttons)]
    return [button.value for row in rows for button in row]


async def action(world: OnCallWorld) -> str:
    """Return what PagerDuty is to be told of the only page."""
    (message,) = await world.messages("pagerduty")
    assert message.page is not None
    return message.page.action


async def test_whoever_has_the_level_is_mentioned(world: OnCallWorld) -> None:
    plan = await world.do('/page 2 "customers cannot log in"')
    assert plan.title == "Page level 2, Team lead: Amir Approver"
    (message,) = await world.messages()
    assert (message.body.title, message.priority) == ("Page: customers cannot log in", CRITICAL)
    assert "id='U0APPROVER', name='Amir Approver', notify=True" in str(message.body)
    assert "Olga Operator calls at" in str(message.body)


async def test_a_step_that_is_repeated_calls_nobody_twice(world: OnCallWorld) -> None:
    plan = await world.do('/page 1 "now"')
    again = await world.acts.page(**plan.steps[0].arguments)  # type: ignore[arg-type]
    assert again == {"changed": False, "message": "was called already"}
    assert len(await world.messages()) == 1


async def test_after_three_pages_there_is_a_pause(world: OnCallWorld) -> None:
    for number in range(3):
        await world.do(f"/page 1 trouble {number}")
        world.now += timedelta(minutes=1)
    with pytest.raises(Refused, match="You have paged 3 times within 10 minutes"):
        await world.ask("/page 1 again")
    await world.ask("/page 1 again", actor="U0APPROVER")
    world.now += timedelta(minutes=8)
    await world.do("/page 1 again")


async def test_a_level_with_nobody_says_where_somebody_is(world: OnCallWorld) -> None:
    world.rules(levels=[{"title": "1", "people": ["U0ONCALL"]}, {"title": "2"}])
    with pytest.raises(UserError, match="Nobody is known to be on call at level 2") as raised:
        await world.ask('/page 2 "why"')
    assert raised.value.hint == "Somebody is known at level 1."
    with pytest.raises(NotFound, match="There is no level 3: the policy has 2"):
        await world.ask('/page 3 "why"')
    with pytest.raises(UsageError, match=r"level is a level \(1 to 2\) or end, not “ned”") as wrong:
        await world.ask("/page ned why")
    assert wrong.value.nearest == "end"
    with pytest.raises(Incomplete, match="needs a reason"):
        await world.ask('/page 1 " "')


async def test_a_page_is_taken_in_hand_and_ended_on_its_card_and_in_pagerduty(world: OnCallWorld) -> None:
    plan = await world.do('/page 2 "customers cannot log in"')
    name = str(plan.facts["page"])
    (card,), (paged,) = await world.messages(), await world.messages("pagerduty")
    assert buttons(card) == [f"/ack page-{name}", f"/page end {name}"]
    assert (await action(world), paged.incident) == ("trigger", card.incident)
    taken = await world.do(f"/ack page-{name}", actor="U0APPROVER")
    assert (taken.title, taken.thread) == ("Acknowledge: customers cannot log in", f"page:{name}")
    (card,) = await world.messages()
    assert "Acknowledged by Amir Approver at" in str(card.body)
    assert (buttons(card), card.body.level, await action(world)) == (
        [f"/page end {name}"],
        Level.WARNING,
        "acknowledge",
    )
    await world.do(f"/page end {name}")
    (card,), (after,) = await world.messages(), await world.messages("pagerduty")
    assert "Resolved by Olga Operator at" in str(card.body)
    assert "notify=True" not in str(card.body)
    assert (buttons(card), card.body.level, await action(world)) == ([], Level.OK, "resolve")
    assert paged.page is not None
    assert after.page is not None
    assert after.page.dedup_key == paged.page.dedup_key == f"page-{name}"
    assert [one.body.level for one in await world.messages("mail")] == [Level.CRITICAL, Level.OK]


async def test_whatever_is_done_twice_is_done_once(world: OnCallWorld) -> None:
    plan = await world.do('/page 1 "now"')
    name = str(plan.facts["page"])
    taken = await world.do(f"/ack page-{name}", actor="U0ONCALL")
    assert (await world.acts.page(**plan.steps[0].arguments))["changed"] is False  # type: ignore[arg-type]
    assert (await world.acts.acknowledge(name, "Somebody Else"))["changed"] is False
    assert await action(world) == "acknowledge"
    with pytest.raises(UserError, match="Otto Oncall has it since 09:00 UTC"):
        await world.ask(f"/ack page-{name}")
    ended = await world.do(f"/page end page-{name}")
    for again in (plan, taken, ended):
        operation = getattr(world.acts, again.steps[0].operation.partition(".")[2])
        assert (await operation(**again.steps[0].arguments))["changed"] is False
    assert await action(world) == "resolve"
    with pytest.raises(UserError, match="It is over: Olga Operator said so at 2026-07-01 09:00 UTC"):
        await world.ask(f"/page end {name}")
    with pytest.raises(UserError, match="It is over since 2026-07-01 09:00 UTC"):
        await world.ask(f"/ack page-{name}")


async def test_what_pagerduty_was_never_told_it_is_not_told_the_end_of(world: OnCallWorld) -> None:
    world.acts = without_ways(world)
    name = str((await world.do('/page 1 "now"')).facts["page"])
    await world.do(f"/page end {name}")
    assert await world.messages("pagerduty") == await world.messages("mail") == []


async def test_what_went_the_second_path_is_resolved_under_the_same_key(world: OnCallWorld) -> None:
    world.acts = without_ways(world)
    name = str((await world.do('/page 1 "now"')).facts["page"])
    (card,) = await world.messages()
    await world.outbox.put(page_of("trigger", card.incident, card.body, "critical"), world.now)
    await world.do(f"/page end {name}")
    assert await action(world) == "resolve"


async def test_open_pages_are_listed_until_they_are_ended(world: OnCallWorld) -> None:
    name = str((await world.do('/page 2 "the app is slow"')).facts["page"])
    world.now += timedelta(minutes=5)
    shown = await world.shown("/alerts")
    assert (shown.title, shown.level) == ("No alert is firing, 1 page is open", Level.CRITICAL)
    assert f"Page page-{name}: the app is slow; Olga Operator called level 2 5 min ago, nobody has it" in str(shown)
    world.now += timedelta(minutes=5)
    await Paging(world.database, lambda: world.policy.current, ways=Ways("C1")).tick(world.now)
    world.now += timedelta(minutes=1)
    words = "Olga Operator called level 2 11 min ago, level 3 was called 1 min ago, nobody has it"
    assert words in str(await world.shown("/alerts"))
    await world.do(f"/ack page-{name}", actor="U0APPROVER")
    assert (await world.shown("/alerts")).level is Level.WARNING
    with pytest.raises(UserError, match=f"There is no page “nothing”; open are: {name}"):
        await world.ask("/page end nothing")
    await world.do(f"/page end {name}")
    assert (await world.shown("/alerts")).title == "No alert is firing"


def without_ways(world: OnCallWorld) -> OnCallActions:
    """Return what people do where neither PagerDuty nor mail is set up."""
    return OnCallActions(world.database, lambda: world.policy.current, ways=Ways("C1"), clock=lambda: world.now)


async def test_whoever_is_paged_is_mailed_at_their_own_address_too(world: OnCallWorld) -> None:
    people = dict(world.policy.current.people)
    people["U0APPROVER"] = people["U0APPROVER"].model_copy(update={"email": "amir@novapulse.com"})
    world.policy.current = world.policy.current.model_copy(update={"people": people})
    name = str((await world.do('/page 2 "now"')).facts["page"])
    await world.do(f"/page end {name}")
    mails = sorted((one.channel, one.body.level) for one in await world.messages("mail"))
    levels = (Level.CRITICAL, Level.OK)
    assert mails == [(to, level) for to in ("alerts@novapulse.com", "amir@novapulse.com") for level in levels]


async def test_the_same_reason_again_calls_nobody_again_and_says_who_has_it(world: OnCallWorld) -> None:
    name = str((await world.do("/page 1 customers cannot log in")).facts["page"])
    world.now += timedelta(seconds=40)
    reply = await world.shown("/page 1 Customers  cannot log in", actor="U0APPROVER")
    assert (reply.title, reply.private) == (f"Already called 40 s ago: page-{name}, nobody has it yet", True)
    assert Link(text="customers cannot log in", key=f"page:{name}") in spans(reply)
    assert "level 1 (Otto Oncall) was called 40 s ago" in said(reply)
    await world.do(f"/ack page-{name}", actor="U0ONCALL")
    assert "Otto Oncall has it" in (await world.shown("/page 1 customers cannot log in")).title
    assert len(await world.messages()) == len(await world.messages("pagerduty")) == 1
    await world.do(f"/page end {name}")
    assert isinstance(await world.ask("/page 1 customers cannot log in"), Plan), "what is over may begin anew"


async def test_two_equal_pages_at_one_moment_are_one(world: OnCallWorld) -> None:
    first = await world.ask("/page 1 now")
    world.now += timedelta(milliseconds=1)
    second = await world.ask("/page 1 now", actor="U0APPROVER")
    assert isinstance(first, Plan)
    assert isinstance(second, Plan)
    done = [await world.acts.page(**plan.steps[0].arguments) for plan in (first, second)]  # type: ignore[arg-type]
    assert [one["changed"] for one in done] == [True, False]
    name = f"page-{first.facts['page']}"
    assert done[1]["message"] == f"{name} is open for this: level 1 (Otto Oncall) was called 0 s ago"
    (told,) = await world.messages("pagerduty")
    assert told.incident == name


async def test_a_higher_level_of_the_same_reason_is_called_in_the_same_page(world: OnCallWorld) -> None:
    name = str((await world.do("/page 1 customers cannot log in")).facts["page"])
    await world.do(f"/ack page-{name}", actor="U0ONCALL")
    world.now += timedelta(minutes=2)
    raised = await world.do("/page 3 customers cannot log in", actor="U0APPROVER")
    assert raised.thread == f"page:{name}"
    assert raised.warnings == (f"A page for this is open: page-{name}. The level is called in it.",)
    card, ring = await world.messages()
    assert ring.thread_of == card.key == f"page:{name}"
    assert "id='U0APPROVER2', name='Sana Approver', notify=True" in str(ring.body)
    assert "Amir Approver calls at" in str(ring.body)
    assert buttons(ring) == [f"/ack page-{name}"]
    assert "level 1 (Otto Oncall) at 09:00 UTC; level 3 (Sana Approver) at 09:02 UTC" in str(card.body)
    assert buttons(card) == [f"/ack page-{name}", f"/page end {name}"], "whoever had it had it at level 1"
    assert await action(world) == "trigger"
    again = await world.acts.page(**raised.steps[0].arguments)  # type: ignore[arg-type]
    assert again == {"changed": False, "message": f"was called already, as page-{name}"}
    assert "level 3 (Sana Approver)" in said(await world.shown("/page 2 customers cannot log in"))
    assert len(await world.messages()) == 2


async def test_a_page_that_was_called_long_ago_is_called_again_rather_than_swallowed(world: OnCallWorld) -> None:
    name = str((await world.do("/page 1 the app is slow")).facts["page"])
    world.now += timedelta(minutes=9, seconds=59)
    assert isinstance(await world.ask("/page 1 the app is slow"), Reply)
    world.now += timedelta(seconds=1)
    await world.do("/page 1 the app is slow")
    card, ring = await world.messages()
    assert (card.key, ring.thread_of) == (f"page:{name}", f"page:{name}")
    assert len(await world.messages("pagerduty")) == 1


async def test_a_lower_level_is_never_called_in_the_page_and_is_told_who_was(world: OnCallWorld) -> None:
    name = str((await world.do("/page 3 the app is slow")).facts["page"])
    lower = await world.ask("/page 1 the app was slow")
    assert isinstance(lower, Plan)
    world.now += timedelta(hours=1)
    reply = await world.shown("/page 1 the app is slow", actor="U0APPROVER")
    assert reply.title == f"Already called 1 h ago: page-{name}, nobody has it yet"
    assert "level 3 (Sana Approver) was called 1 h ago" in said(reply)
    assert "Level 3 from 10 minutes after that call on, or a higher one at once, calls for it" in said(reply)
    step = lower.steps[0].arguments["page"]
    assert isinstance(step, dict)
    done = await world.acts.page(step | {"reason": "the app is slow", "at": world.now.isoformat()})
    assert done == {
        "changed": False,
        "message": f"page-{name} is open for this: level 3 (Sana Approver) was called 1 h ago",
    }
    assert len(await world.messages()) == 1
    await world.do("/page 3 the app is slow", actor="U0APPROVER")
    assert len(await world.messages()) == 2


async def test_who_does_not_say_which_page_is_over_is_asked(world: OnCallWorld) -> None:
    assert (await world.shown("/page end")).title == "No page is open"
    name = str((await world.do("/page 2 the app is slow")).facts["page"])
    world.now += timedelta(minutes=5)
    reply = await world.shown("/page end")
    assert (reply.title, reply.private) == ("Which page is over?", True)
    assert "; level 2, Olga Operator, 5 min ago, nobody has it yet" in said(reply)
    assert Link(text="the app is slow", key=f"page:{name}") in spans(reply)
    (row,) = [part for part in reply.parts if isinstance(part, Buttons)]
    assert [(one.label, one.value) for one in row.buttons] == [(f"End page-{name}", f"/page end {name}")]


async def test_the_card_says_who_is_called_next_and_when(world: OnCallWorld) -> None:
    name = str((await world.do("/page 2 the app is slow")).facts["page"])
    (card,) = await world.messages()
    said_next = "Next, unless somebody has it: Level 3, Engineering manager, at "
    assert said_next in said(card.body)
    assert When(at=world.now + timedelta(minutes=10)) in spans(card.body)
    await world.do(f"/ack page-{name}", actor="U0APPROVER")
    (card,) = await world.messages()
    assert "Next" not in said(card.body)


def spans(reply: Reply) -> list[object]:
    return [span for part in reply.parts if isinstance(part, Text) for span in part.spans]
