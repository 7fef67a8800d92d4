"""``/ack``: who has an alert in hand."""

from datetime import timedelta

import pytest

from bot.errors import UserError
from bot.plan import Plan
from bot.request import Actor
from commands.administration.ack import ack
from tests.commands.administration.alert_world import AlertWorld


async def planned(world: AlertWorld, incident: str, actor: Actor) -> Plan:
    known = {"incidents": world.incidents, "pages": world.pages}
    plan = await ack.handler(incident, request=world.request("/ack", actor), **known)
    assert isinstance(plan, Plan)
    return plan


async def test_everybody_sees_who_has_it(alert_world: AlertWorld, operator: Actor) -> None:
    await alert_world.waiting(email=700)
    incident = (await alert_world.firing())["email"]
    plan = await planned(alert_world, incident.id, operator)
    assert (plan.title, plan.thread) == ("Acknowledge: Email queue: jobs waiting", f"incident:{incident.id}")
    assert "acknowledged" not in (await alert_world.card(incident)).lower().replace("acknowledge'", "")
    alert_world.now += timedelta(seconds=1)
    assert await alert_world.carry_out(plan) == [{"changed": True, "message": "operator has it"}]
    card = await alert_world.card(incident)
    assert "Acknowledged by operator" in card
    assert "label='Acknowledge'" not in card
    with pytest.raises(UserError, match="operator has it since 09:00 UTC"):
        await planned(alert_world, incident.id, operator)
    assert (await alert_world.carry_out(plan))[0] == {
        "changed": False,
        "message": "somebody has it already, or it is resolved",
    }


async def test_it_is_void_when_the_alert_becomes_critical(alert_world: AlertWorld, operator: Actor) -> None:
    await alert_world.waiting(email=700)
    incident = (await alert_world.firing())["email"]
    await alert_world.carry_out(await planned(alert_world, incident.id, operator))
    await alert_world.waiting(email=1500)
    incident = (await alert_world.firing())["email"]
    assert (incident.severity, incident.acknowledged_by, incident.acknowledged_at) == ("critical", "", None)
    assert "label='Acknowledge'" in await alert_world.card(incident)


async def test_the_first_characters_of_its_id_are_enough(alert_world: AlertWorld, operator: Actor) -> None:
    await alert_world.waiting(email=700, report=1500)
    incident = (await alert_world.firing())["email"]
    assert (await planned(alert_world, incident.id[:8], operator)).facts == {"incident": incident.id}
    with pytest.raises(UserError, match="No alert"):
        await planned(alert_world, incident.id[:7], operator)


async def test_what_does_not_fire_cannot_be_acknowledged(alert_world: AlertWorld, operator: Actor) -> None:
    with pytest.raises(UserError, match=r"No alert .nothing-1. is firing"):
        await planned(alert_world, "nothing-1", operator)
