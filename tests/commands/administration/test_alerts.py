"""``/alerts``: what fires, since when, who has it."""

from datetime import timedelta

from bot.reply import Buttons, Level, Note, Reply, Table, say
from bot.stores.escalations import Escalations
from bot.stores.message import Message, mails_of, page_of
from commands.administration.alerts import alerts
from tests.commands.administration.alert_world import AlertWorld


async def asked(world: AlertWorld, show: str = "firing") -> Reply:
    reply = await alerts.handler(
        show,
        incidents=world.incidents,
        silences=world.silences,
        pages=world.pages,
        calls=Escalations(world.database),
        outbox=world.outbox,
        now=world.now,
    )
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
    assert [row[5] for row in table.rows] == [firing["report"].id[:8], firing["email"].id[:8]]
    (row,) = [part for part in reply.parts if isinstance(part, Buttons)]
    assert [(one.label, one.value) for one in row.buttons] == [
        ("Acknowledge: Queue: jobs waiting (report)", f"/ack {firing['report'].id}"),
        ("Acknowledge: Email queue: jobs waiting", f"/ack {firing['email'].id}"),
    ]
    assert "2 of the bot's messages have not arrived: /alerts undelivered." in str(
        [p for p in reply.parts if isinstance(p, Note)]
    )


async def test_what_was_said_this_moment_is_on_its_way_and_nothing_to_wonder_about(alert_world: AlertWorld) -> None:
    await alert_world.outbox.put(Message("reply:1", "C1", say("Hello")), alert_world.now)
    assert (await asked(alert_world)).parts == ()
    alert_world.now += timedelta(minutes=1)
    assert "One of the bot's messages has not arrived" in str(await asked(alert_world))


async def test_what_was_said_this_moment_is_no_warning_in_the_list_either(alert_world: AlertWorld) -> None:
    await alert_world.outbox.put(Message("reply:1", "C1", say("Hello")), alert_world.now)
    reply = await asked(alert_world, "undelivered")
    assert (reply.title, reply.level, reply.parts) == ("1 message is on its way, none is late", Level.OK, ())
    alert_world.now += timedelta(minutes=1)
    for number in (2, 3):
        await alert_world.outbox.put(Message(f"reply:{number}", "C1", say("Hello")), alert_world.now)
    reply = await asked(alert_world, "undelivered")
    assert (reply.title, reply.level) == ("1 message has not arrived", Level.WARNING)
    assert "2 more are on their way." in str(reply.parts[-1])


async def test_what_has_not_arrived_is_listed_with_where_to_since_when_and_why(alert_world: AlertWorld) -> None:
    assert (await asked(alert_world, "undelivered")).title == "All that was said has arrived"
    body = say("Redis is unreachable", level=Level.CRITICAL)
    for one in (page_of("trigger", "i1", body, "critical"), *mails_of("i1", "opened", ["a@example.com"], body)):
        await alert_world.outbox.put(one, alert_world.now)
    page = await alert_world.outbox.posted("pagerduty:i1")
    assert page is not None
    moment = alert_world.now
    assert await alert_world.outbox.posting(page, moment, until=moment)
    await alert_world.outbox.failed(page, "HTTP 500", retry_at=moment, certain=False)
    alert_world.now += timedelta(minutes=3)
    reply = await asked(alert_world, "undelivered")
    assert (reply.title, reply.level) == ("2 messages have not arrived", Level.CRITICAL)
    (table,) = [part for part in reply.parts if isinstance(part, Table)]
    assert table.rows == (
        ("Redis is unreachable", "PagerDuty", "3 min", "1", "HTTP 500"),
        ("Redis is unreachable", "mail a@example.com", "3 min", "0", "not tried yet"),
    )
