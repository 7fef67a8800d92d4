"""``/page``: a level is called now, once, with a reason, and not without end."""

from datetime import timedelta

import pytest

from bot.errors import Refused, UserError
from bot.stores.outbox import CRITICAL
from tests.commands.contact_escalation.oncall_world import OnCallWorld


async def test_whoever_has_the_level_is_mentioned(world: OnCallWorld) -> None:
    plan = await world.do('/page 2 "customers cannot log in"')
    assert plan.title == "Page level 2, Team lead: Amir Approver"
    (message,) = await world.messages()
    assert (message.body.title, message.priority) == ("Page: customers cannot log in", CRITICAL)
    assert "id='U0APPROVER', name='Amir Approver', notify=True" in str(message.body)
    assert "Olga Operator calls at" in str(message.body)


async def test_a_step_that_is_repeated_calls_nobody_twice(world: OnCallWorld) -> None:
    plan = await world.do('/page 1 "now"')
    again = await world.shifts.page(**plan.steps[0].arguments)  # type: ignore[arg-type]
    assert again == {"changed": False, "message": "was called already"}
    assert len(await world.messages()) == 1


async def test_after_three_pages_there_is_a_pause(world: OnCallWorld) -> None:
    for _ in range(3):
        await world.do('/page 1 "now"')
        world.now += timedelta(minutes=1)
    with pytest.raises(Refused, match="You have paged 3 times within 10 minutes"):
        await world.ask('/page 1 "now"')
    await world.ask('/page 1 "now"', actor="U0APPROVER")
    world.now += timedelta(minutes=8)
    await world.do('/page 1 "now"')


async def test_a_level_with_nobody_says_where_somebody_is(world: OnCallWorld) -> None:
    world.rules(levels=[{"title": "1", "people": ["U0ONCALL"]}, {"title": "2"}])
    with pytest.raises(UserError, match="Nobody is known to be on call at level 2") as raised:
        await world.ask('/page 2 "why"')
    assert raised.value.hint == "Somebody is known at level 1."
    with pytest.raises(UserError, match="There is no level 3: the policy has 2"):
        await world.ask('/page 3 "why"')
    with pytest.raises(UserError, match="needs a reason"):
        await world.ask('/page 1 " "')
