"""Pages and mails through servers that answer 429, 500, hang, are away, or take it and lose the reply."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot.clients.mail import MailServer as Server
from bot.clients.pagerduty import PagerDuty as Client
from bot.receivers.carriers import Mails, Pages
from bot.receivers.sender import Sender, Way
from bot.reply import Level, Reply, Text, say
from bot.settings import PagingSettings
from bot.stores.message import Action, Delivery, mails_of, page_of
from bot.stores.outbox import Outbox
from sandbox.mail import MailServer
from sandbox.mail import Trouble as MailTrouble
from sandbox.pagerduty import ROUTING_KEY, PagerDuty, Trouble

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
BODY = say("Redis is unreachable", Text.of("for 30 s"), level=Level.CRITICAL)


def clock() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def paging(
    outbox: Outbox, pagerduty: PagerDuty, key: str = ROUTING_KEY, now: Callable[[], datetime] = clock
) -> AsyncIterator[Sender]:
    settings = PagingSettings(pagerduty_routing_key=SecretStr(key), pagerduty_api_url=pagerduty.url)
    client = Client(settings, read_within=0.3, within=5)
    sender = Sender(outbox, Way("pagerduty", Pages(client).carry, first_wait=0.01), clock=now)
    await sender.start(alone=True)
    try:
        yield sender
    finally:
        await sender.stop()
        await client.close()


@asynccontextmanager
async def mailing(outbox: Outbox, server: MailServer, url: str = "") -> AsyncIterator[Sender]:
    client = Server(PagingSettings(smtp_url=SecretStr(url or server.url)), within=0.5)
    sender = Sender(outbox, Way("mail", Mails(client).carry, first_wait=0.01), clock=clock)
    await sender.start(alone=True)
    try:
        yield sender
    finally:
        await sender.stop()


async def until(outbox: Outbox, key: str, holds: Callable[[Delivery], bool]) -> Delivery:
    while True:
        found = await outbox.posted(key)
        assert found is not None
        if holds(found):
            return found
        await asyncio.sleep(0.01)


async def delivered(outbox: Outbox, key: str) -> Delivery:
    return await until(outbox, key, lambda one: one.delivered and one.state == "sent")


async def page(outbox: Outbox, action: Action, body: Reply = BODY) -> None:
    await outbox.put(page_of(action, "i1", body, "critical"), clock())


async def mail(outbox: Outbox, what: str = "opened") -> str:
    (one,) = mails_of("i1", what, ["alerts@novapulse.com"], BODY)
    await outbox.put(one, clock())
    return one.key


async def test_a_page_is_triggered_acknowledged_and_resolved_under_one_key(
    outbox: Outbox, pagerduty: PagerDuty
) -> None:
    async with paging(outbox, pagerduty):
        for action in ("trigger", "acknowledge", "resolve"):
            await page(outbox, action)
            await delivered(outbox, "pagerduty:i1")
    assert pagerduty.actions("i1") == ["trigger", "acknowledge", "resolve"]
    payload = pagerduty.log[0]["payload"]
    assert (payload["summary"], payload["severity"]) == ("[CRITICAL] Redis is unreachable", "critical")
    assert "for 30 s" in payload["custom_details"]["card"]
    assert pagerduty.incidents["i1"]["status"] == "resolved"


async def test_what_is_to_ring_again_after_an_acknowledgement_is_resolved_first(
    outbox: Outbox, pagerduty: PagerDuty
) -> None:
    async with paging(outbox, pagerduty):
        for action in ("trigger", "acknowledge", "trigger"):
            await page(outbox, action)
            await delivered(outbox, "pagerduty:i1")
        await page(outbox, "trigger", say("Nobody has acknowledged"))
        await delivered(outbox, "pagerduty:i1")
    assert pagerduty.actions("i1") == ["trigger", "acknowledge", "resolve", "trigger", "trigger"]
    assert (pagerduty.rung, pagerduty.incidents["i1"]["status"]) == (["i1", "i1"], "triggered")


async def test_it_rings_again_too_where_an_outage_let_only_the_newest_of_them_through(
    outbox: Outbox, pagerduty: PagerDuty
) -> None:
    async with paging(outbox, pagerduty):
        for action in ("trigger", "acknowledge"):
            await page(outbox, action)
            await delivered(outbox, "pagerduty:i1")
    await page(outbox, "trigger")
    await page(outbox, "trigger", say("Nobody has acknowledged"))
    async with paging(outbox, pagerduty):
        await delivered(outbox, "pagerduty:i1")
    assert pagerduty.rung == ["i1", "i1"]


async def test_it_rings_again_too_where_the_answer_to_the_acknowledgement_was_lost(
    outbox: Outbox, pagerduty: PagerDuty
) -> None:
    async with paging(outbox, pagerduty):
        await page(outbox, "trigger")
        await delivered(outbox, "pagerduty:i1")
        pagerduty.fail("lose-reply", times=1)
        await page(outbox, "acknowledge")
        await until(outbox, "pagerduty:i1", lambda one: bool(one.error) or one.delivered)
        await page(outbox, "trigger")
        await delivered(outbox, "pagerduty:i1")
    assert (pagerduty.rung, pagerduty.incidents["i1"]["status"]) == (["i1", "i1"], "triggered")


@pytest.mark.parametrize("trouble", ["429", "500", "hang", "lose-reply"])
async def test_it_rings_again_in_spite_of_trouble(outbox: Outbox, pagerduty: PagerDuty, trouble: Trouble) -> None:
    async with paging(outbox, pagerduty):
        for action in ("trigger", "acknowledge"):
            await page(outbox, action)
            await delivered(outbox, "pagerduty:i1")
        pagerduty.fail(trouble, times=2)
        await page(outbox, "trigger")
        await delivered(outbox, "pagerduty:i1")
        assert pagerduty.incidents["i1"]["status"] == "triggered"
        assert len(pagerduty.rung) >= 2
        await page(outbox, "resolve")
        await delivered(outbox, "pagerduty:i1")
    assert pagerduty.incidents["i1"]["status"] == "resolved"


@pytest.mark.parametrize("trouble", ["429", "500", "hang", "lose-reply"])
async def test_a_page_arrives_in_spite_of_trouble(outbox: Outbox, pagerduty: PagerDuty, trouble: Trouble) -> None:
    pagerduty.fail(trouble, times=2)
    async with paging(outbox, pagerduty):
        await page(outbox, "trigger")
        await delivered(outbox, "pagerduty:i1")
    assert set(pagerduty.actions("i1")) == {"trigger"}
    assert pagerduty.incidents["i1"]["status"] == "triggered"


async def test_a_429_is_waited_out_for_as_long_as_it_asks(outbox: Outbox, pagerduty: PagerDuty) -> None:
    pagerduty.fail("429")
    async with paging(outbox, pagerduty):
        before = clock()
        await page(outbox, "trigger")
        found = await until(outbox, "pagerduty:i1", lambda one: bool(one.error))
        assert (found.error, found.state, pagerduty.calls) == ("HTTP 429", "due", 1)
        pagerduty.fail("")
        await delivered(outbox, "pagerduty:i1")
    assert (clock() - before).total_seconds() >= 1


async def test_a_429_pauses_the_whole_way(outbox: Outbox, pagerduty: PagerDuty) -> None:
    pagerduty.fail("429", times=1)
    moment = clock()
    # The sender's clock stands, so that the pause is not over when it looks once more before it stops.
    async with paging(outbox, pagerduty, now=lambda: moment):
        await page(outbox, "trigger")
        await until(outbox, "pagerduty:i1", lambda one: bool(one.error))
        await outbox.put(page_of("trigger", "i2", BODY, "critical"), moment)
    waiting = await outbox.posted("pagerduty:i2")
    assert waiting is not None
    assert (waiting.state, waiting.attempts, pagerduty.calls) == ("due", 0, 1)
    async with paging(outbox, pagerduty, now=lambda: moment + timedelta(seconds=2)):
        await delivered(outbox, "pagerduty:i1")
        await delivered(outbox, "pagerduty:i2")


@pytest.mark.parametrize(
    ("passed", "state"), [(timedelta(hours=23), "due"), (timedelta(hours=24, seconds=1), "dropped")]
)
async def test_a_refusal_is_given_up_after_a_day_and_not_before(
    outbox: Outbox, pagerduty: PagerDuty, passed: timedelta, state: str
) -> None:
    began = clock()
    await outbox.put(page_of("trigger", "i1", BODY, "critical"), began)
    async with paging(outbox, pagerduty, key="W" * 32, now=lambda: began + passed), pagerduty.arrived:
        await pagerduty.arrived.wait_for(lambda: pagerduty.calls > 0)
    found = await outbox.posted("pagerduty:i1")
    assert found is not None
    assert (found.state, "Invalid routing key" in found.error) == (state, True)


async def test_a_page_survives_a_restart_while_pagerduty_is_away(outbox: Outbox, pagerduty: PagerDuty) -> None:
    await pagerduty.down(True)
    async with paging(outbox, pagerduty) as sender:
        await page(outbox, "trigger")
        found = await until(outbox, "pagerduty:i1", lambda one: bool(one.error))
        assert (found.error, sender.problem) == ("connection refused", "connection refused")
    await pagerduty.down(False)
    async with paging(outbox, pagerduty):
        await delivered(outbox, "pagerduty:i1")
    assert pagerduty.actions("i1") == ["trigger"]


async def test_what_a_killed_process_had_claimed_is_taken_up_at_the_start(outbox: Outbox, pagerduty: PagerDuty) -> None:
    await page(outbox, "trigger")
    claimed = await until(outbox, "pagerduty:i1", lambda _: True)
    assert await outbox.posting(claimed, clock(), until=clock() + timedelta(days=1))
    async with paging(outbox, pagerduty):
        await delivered(outbox, "pagerduty:i1")
    assert pagerduty.actions("i1") == ["trigger"]


async def test_what_was_never_triggered_is_not_resolved(outbox: Outbox, pagerduty: PagerDuty) -> None:
    await page(outbox, "trigger")
    await page(outbox, "resolve")
    async with paging(outbox, pagerduty):
        await delivered(outbox, "pagerduty:i1")
    assert pagerduty.log == []


async def test_what_may_have_been_triggered_is_resolved(outbox: Outbox, pagerduty: PagerDuty) -> None:
    pagerduty.fail("lose-reply", times=1)
    async with paging(outbox, pagerduty):
        await page(outbox, "trigger")
        await until(outbox, "pagerduty:i1", lambda one: bool(one.error) or one.delivered)
        await page(outbox, "resolve")
        await delivered(outbox, "pagerduty:i1")
    assert pagerduty.incidents["i1"]["status"] == "resolved"


async def test_what_was_acknowledged_before_it_was_sent_is_triggered_first(
    outbox: Outbox, pagerduty: PagerDuty
) -> None:
    await page(outbox, "trigger")
    await page(outbox, "acknowledge")
    async with paging(outbox, pagerduty):
        await delivered(outbox, "pagerduty:i1")
    assert pagerduty.actions("i1") == ["trigger", "acknowledge"]


async def test_a_key_that_pagerduty_refuses_is_told_and_masked(outbox: Outbox, pagerduty: PagerDuty) -> None:
    wrong = "W" * 32
    async with paging(outbox, pagerduty, key=wrong):
        await page(outbox, "trigger")
        found = await until(outbox, "pagerduty:i1", lambda one: bool(one.error))
    assert "HTTP 400" in found.error
    assert "Invalid routing key" in found.error
    assert wrong not in found.error
    assert found.state == "due"


async def test_a_mail_says_what_the_card_says_and_joins_its_incidents_thread(
    outbox: Outbox, mail_server: MailServer
) -> None:
    async with mailing(outbox, mail_server):
        for what in ("opened", "resolved"):
            await delivered(outbox, await mail(outbox, what))
    first, second = mail_server.inbox
    assert (first.to, first.subject) == ("alerts@novapulse.com", "[CRITICAL] Redis is unreachable")
    assert "for 30 s" in first.text
    assert first.message["References"] == second.message["References"]
    assert first.message["Message-ID"] != second.message["Message-ID"]


@pytest.mark.parametrize("trouble", ["451", "hang", "lose-reply"])
async def test_a_mail_arrives_in_spite_of_trouble(
    outbox: Outbox, mail_server: MailServer, trouble: MailTrouble
) -> None:
    mail_server.fail(trouble, times=2)
    async with mailing(outbox, mail_server):
        await delivered(outbox, await mail(outbox))
    assert len({one.message["Message-ID"] for one in mail_server.inbox}) == 1
    assert len(mail_server.inbox) == (3 if trouble == "lose-reply" else 1)


async def test_a_mail_survives_a_restart_while_the_server_is_away(outbox: Outbox, mail_server: MailServer) -> None:
    await mail_server.down(True)
    async with mailing(outbox, mail_server):
        key = await mail(outbox)
        found = await until(outbox, key, lambda one: bool(one.error))
        assert found.error == "connection refused"
    await mail_server.down(False)
    async with mailing(outbox, mail_server):
        await delivered(outbox, key)
    assert len(mail_server.inbox) == 1


async def test_a_refused_mail_stays_and_says_why(outbox: Outbox, mail_server: MailServer) -> None:
    mail_server.fail("550")
    async with mailing(outbox, mail_server):
        found = await until(outbox, await mail(outbox), lambda one: bool(one.error))
    assert (found.error, found.state) == ("550 5.1.1 No such person here", "due")


async def test_without_a_server_it_stays_undelivered(outbox: Outbox) -> None:
    client = Server(PagingSettings())
    sender = Sender(outbox, Way("mail", Mails(client).carry), clock=clock)
    await sender.start(alone=True)
    found = await until(outbox, await mail(outbox), lambda one: bool(one.error))
    await sender.stop()
    assert found.error == "Mail is not configured: set SMTP_URL."
