"""``/alerts``: what fires, since when, who has it."""

from datetime import timedelta

from bot.reply import Level, Note, Reply, Table
from commands.administration.alerts import alerts
from tests.commands.administration.alert_world import AlertWorld


async def asked(world: AlertWorld) -> Reply:
    reply = await alerts.handler(incidents=world.incidents, silences=world.silences, outbox=world.outbox, now=world.now)
    assert isinstance(reply, Reply)
    return reply


async def test_nothing_fires(alert_world: AlertWorld) -> None:
    reply = await asked(alert_world)
    assert (reply.title, reply.level, reply.parts) == ("No alert is firing", Level.OK, ())


async def test_the_critical_ones_come_first(alert_world: AlertWorld) -> None:
    await alert_world.waiting(email=700, report=3000)
    alert_world.now += timedelta(minutes=5)
    await alert_world.waiting(email=700, report=3000)
    firing = await alert_world.firing()
    reply = await asked(alert_world)
    assert (reply.title, reply.level) == ("2 alerts are firing, 1 critical", Level.CRITICAL)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert [row[:5] for row in table.rows] == [
        ("Queue: jobs waiting (report)", "critical", "5 min", "nobody", "firing"),
        ("Email queue: jobs waiting", "warning", "5 min", "nobody", "firing"),
    ]
    assert [row[5] for row in table.rows] == [firing["report"].id, firing["email"].id]
    assert "Slack has not got 2 of the bot's messages yet." in str([p for p in reply.parts if isinstance(p, Note)])
