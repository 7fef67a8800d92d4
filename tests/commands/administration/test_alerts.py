"""``/alerts``: what fires, since when, who has it."""

from datetime import timedelta

import pytest

from bot.alert_list import LISTED
from bot.alert_rule import Notifications
from bot.errors import UsageError
from bot.reply import Buttons, Level, Note, Reply, Table, say
from bot.request import Actor
from bot.silence import Silence
from bot.slack.blocks import render
from bot.stores.escalations import Escalations
from bot.stores.message import Message, mails_of, page_of
from commands.administration.alerts import alerts
from tests.commands.administration.alert_world import AlertWorld


async def asked(world: AlertWorld, show: str = "firing", only: str = "") -> Reply:
    reply = await alerts.handler(
        show,
        only,
        incidents=world.incidents,
        silences=world.silences,
        pages=world.pages,
        calls=Escalations(world.database),
        outbox=world.outbox,
        policy=world.policy,
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


def rows(reply: Reply) -> list[tuple[str, ...]]:
    return [row for part in reply.parts if isinstance(part, Table) for row in part.rows]


async def test_of_many_all_are_listed_and_the_message_says_how_many_the_file_has_more(alert_world: AlertWorld) -> None:
    many = {f"q{number}": 3000 if number % 2 else 1500 for number in range(60)}
    await alert_world.waiting(**many)
    reply = await asked(alert_world)
    assert reply.title == "60 alerts are firing, 30 critical"
    assert [row[1] for row in rows(reply)] == ["critical"] * 30 + ["warning"] * 30
    shown = render(reply, files=True)
    (file,) = shown.files
    ids = {one.id[:8] for one in (await alert_world.firing()).values()}
    assert {line.split()[-1] for line in file.text.splitlines()[2:]} == ids
    assert "more rows; full output as a file in the thread" in str(shown.blocks)
    assert "/alerts severity=critical or queue=report lists only those." in str(shown.blocks)


async def test_more_than_an_answer_keeps_are_counted(alert_world: AlertWorld) -> None:
    await alert_world.waiting(**{f"q{number}": 1500 for number in range(LISTED + 3)})
    reply = await asked(alert_world)
    assert len(rows(reply)) == LISTED
    assert "and 3 more: /alerts severity=critical" in str(reply.parts)


async def test_matchers_list_only_what_fires_with_them(alert_world: AlertWorld) -> None:
    await alert_world.waiting(email=700, report=3000, webhook=3000)
    reply = await asked(alert_world, only="severity=critical,queue=~rep.*")
    assert (reply.title, reply.level) == (
        "1 alert is firing, 1 critical, with severity=critical, queue=~rep.*",
        Level.CRITICAL,
    )
    assert [row[0] for row in rows(reply)] == ["Queue: jobs waiting (report)"]
    assert [b.label for p in reply.parts if isinstance(p, Buttons) for b in p.buttons] == [
        "Acknowledge: Queue: jobs waiting (report)"
    ]
    typo = await asked(alert_world, only="quue=report")
    assert (typo.title, typo.level) == ("No alert is firing, with quue=report", Level.UNKNOWN)
    assert "“quue=report” names the label “quue”, which no alert has" in str(typo.parts)


@pytest.mark.parametrize(
    ("show", "only", "words"),
    [("firing", "report", "is no matcher: write label=value"), ("undelivered", "queue=report", "Matchers narrow what")],
)
async def test_what_is_no_matcher_or_has_none_is_said(
    alert_world: AlertWorld, show: str, only: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        await asked(alert_world, show, only)
    assert caught.value.argument == "only"


async def test_what_was_over_within_a_day_is_listed_too(alert_world: AlertWorld) -> None:
    assert (await asked(alert_world, "resolved")).title == "No alert was over within the last day"
    await alert_world.waiting(email=700, report=3000)
    alert_world.now += timedelta(minutes=7)
    await alert_world.waiting(email=5, report=3000)
    alert_world.now += timedelta(hours=2)
    reply = await asked(alert_world, "resolved")
    assert (reply.title, reply.level) == ("1 alert was over within the last day", Level.OK)
    assert [row[:5] for row in rows(reply)] == [("Email queue: jobs waiting", "warning", "2 h ago", "7 min", "nobody")]
    alert_world.now += timedelta(days=1)
    assert (await asked(alert_world, "resolved")).parts == ()


async def test_of_many_silences_none_is_left_out(alert_world: AlertWorld, operator: Actor) -> None:
    for number in range(60):
        values = {"id": f"s{number}", "matchers": [f"queue=q{number}"], "owner": operator, "reason": "backfill"}
        times = {"since": alert_world.now, "until": alert_world.now + timedelta(hours=1)}
        await alert_world.silences.start(Silence.model_validate(values | times))
    reply = await asked(alert_world)
    assert reply.title == "No alert is firing, 60 silences are in force"
    (file,) = render(reply, files=True).files
    assert (file.name, len(file.text.splitlines())) == ("silences.txt", 60)


async def test_alerts_that_share_a_card_are_listed_one_by_one_where_matchers_narrow(alert_world: AlertWorld) -> None:
    share = {"notifications": Notifications.model_validate({"group_by": ["alert"]}), "routes": ()}
    alert_world.policy.current = alert_world.policy.current.model_copy(update=share)
    await alert_world.waiting(report=3000, webhook=1500, workflow=1600)
    (card,) = (await alert_world.incidents.firing()).values()
    assert [row[0] for row in rows(await asked(alert_world))] == ["Queue: jobs waiting (report), and 2 more"]
    assert [row[0] for row in rows(await asked(alert_world, only="queue=webhook"))] == ["Queue: jobs waiting (webhook)"]
    reply = await asked(alert_world, only="alert=queue-depth")
    assert reply.title == "3 alerts are firing, 1 critical, with alert=queue-depth"
    assert [(row[1], row[5]) for row in rows(reply)] == [
        ("critical", card.id[:8]),
        ("warning", card.id[:8]),
        ("warning", card.id[:8]),
    ]
    assert [b.value for p in reply.parts if isinstance(p, Buttons) for b in p.buttons] == [f"/ack {card.id}"]
    assert rows(await asked(alert_world, only="queue=email")) == []
