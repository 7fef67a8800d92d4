"""On call by the rota: who may act alone, what the card says of it, and whom nobody's answer rings."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy import Policy
from bot.reply import Person, Reply, Text
from bot.request import Actor
from bot.rota import Override
from bot.stores.overrides import Overrides
from tests.dispatch.world import (
    AMIR,
    OLGA,
    OTTO,
    POLICY,
    SANA,
    START,
    VERA,
    World,
    buttons_of,
    policy,
    text_of,
)


def ruled(*levels: Actor, ask_next: tuple[str, ...] = ("oncall",)) -> Policy:
    """Return the policy with these people on call, the first of whom may act alone."""
    approvals = POLICY["approvals"] | {"/scale": {"approvers": ["approver"], "ask_next": list(ask_next)}}
    rules: dict[str, Any] = {
        "approvals": approvals,
        "oncall": {"levels": [{"title": f"L{number}", "people": [one.id]} for number, one in enumerate(levels, 1)]},
        "break_glass": {"on_call": [1], "commands": ["/scale"]},
    }
    return Policy.model_validate(POLICY | rules)


def with_names(reply: Reply) -> str:
    """Return the paragraphs of a reply as words, with the people's names."""
    spans = [span for part in reply.parts if isinstance(part, Text) for span in (*part.spans, "\n")]
    return "".join(span if isinstance(span, str) else span.name if isinstance(span, Person) else "" for span in spans)


async def override(world: World, person: Actor, *, level: int = 1, by: Actor = OLGA) -> None:
    now = world.clock()
    times = {"since": now, "until": now + timedelta(hours=8), "made_at": now}
    made = Override.model_validate({"id": f"o-{person.id}", "level": level, "person": person.id, "by": by} | times)
    await Overrides(world.database).start(made.model_dump(mode="json"))


async def refused(world: World, click: str) -> str:
    return text_of(await world.reply(click))


async def asked(world: World, plan_id: str) -> str:
    found = await world.outbox.posted(f"plan:{plan_id}:ask-next")
    assert found is not None
    return with_names(found.body)


async def test_whoever_stands_in_acts_alone_and_whoever_was_relieved_does_not(world: World) -> None:
    world.policy.current = ruled(OTTO)
    stored = await world.propose("/scale 5", OLGA)
    assert "In an emergency Otto Oncall may act alone, with a reason." in with_names(await world.card(stored.id))
    assert "Who may: Otto Oncall." in await refused(world, await world.click("break_glass", stored.id, OLGA, "fire"))
    await override(world, OLGA)
    await world.clocks.tick(world.clock())
    assert "In an emergency Olga Operator may act alone" in with_names(await world.card(stored.id))
    assert "Who may: Olga Operator." in await refused(world, await world.click("break_glass", stored.id, OTTO, "fire"))
    await world.click("break_glass", stored.id, OLGA, "everything is on fire")
    assert (await world.plan(stored.id)).break_glass
    announced = await world.outbox.posted(f"break-glass:{stored.id}")
    assert announced is not None
    words = "Olga Operator, on call at level 1, by an override of Olga Operator, acts without a second person."
    assert words in with_names(announced.body)


async def test_who_may_not_run_the_command_does_not_get_it_by_being_on_call(world: World) -> None:
    world.policy.current = ruled(VERA)
    stored = await world.propose("/scale 5", OLGA)
    card = await world.card(stored.id)
    assert "Nobody may act alone at present." in with_names(card)
    assert "break_glass" not in buttons_of(card)
    assert "Who may: nobody at present." in await refused(
        world, await world.click("break_glass", stored.id, VERA, "fire")
    )
    assert (await world.plan(stored.id)).status == "waiting"


async def test_the_card_follows_a_hand_over_once_also_after_a_restart(world: World) -> None:
    levels = [{"title": "L1", "people": [OTTO.id], "until": START + timedelta(minutes=5)}]
    world.policy.current = ruled(OTTO).model_copy(
        update={"oncall": ruled(OTTO).oncall.model_validate({"levels": levels})}
    )
    stored = await world.propose("/scale 5", OLGA)
    before = await world.outbox.posted(f"plan:{stored.id}")
    await world.clocks.tick(world.clock())
    assert await world.outbox.posted(f"plan:{stored.id}") == before, "its card is right as it was made"
    await world.clocks.tick(world.clock.forward(minutes=5))
    assert "Nobody may act alone at present." in with_names(await world.card(stored.id))


@pytest.mark.parametrize(
    ("levels", "stands_in", "requester", "rung"),
    [
        ((SANA, AMIR), None, OLGA, SANA),  # the role's only member is Otto, who is not on call
        ((OTTO, AMIR), SANA, OLGA, SANA),
        ((OTTO, AMIR), OLGA, OTTO, OLGA),  # she may not approve, and may act alone
        ((SANA, AMIR), None, SANA, AMIR),  # never who asked: the next level is
        ((VERA, AMIR), None, OLGA, AMIR),  # who can decide nothing is not rung for it
        ((), None, OLGA, None),
    ],
)
async def test_whoever_is_on_call_and_can_decide_is_asked_next(
    world: World, levels: tuple[Actor, ...], stands_in: Actor | None, requester: Actor, rung: Actor | None
) -> None:
    world.policy.current = ruled(*levels)
    stored = await world.propose("/scale 5", requester)
    if stands_in is not None:
        await override(world, stands_in)
    await world.clocks.tick(world.clock.forward(minutes=5))
    said, _, rest = (await asked(world, stored.id)).partition("The buttons are on")
    assert rest, "who asked for it is named there"
    assert [one for one in (OLGA, AMIR, SANA, OTTO, VERA) if one.name in said] == ([rung] if rung else [])


async def test_where_the_rota_knows_nobody_the_roles_members_are_asked(world: World) -> None:
    world.policy.current = ruled(ask_next=("oncall", "approver")).model_copy(
        update={"break_glass": policy().break_glass}
    )
    stored = await world.propose("/scale 5", AMIR)
    await world.clocks.tick(world.clock.forward(minutes=5))
    said = await asked(world, stored.id)
    assert "Otto Oncall" in said
    assert "Sana Approver" in said
