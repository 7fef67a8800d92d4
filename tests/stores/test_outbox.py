import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.reply import Level, Text, say
from bot.stores.database import Database
from bot.stores.message import Page, mails_of, page_of
from bot.stores.outbox import CARD, CRITICAL, Delivery, Message, Outbox
from bot.stores.tables import messages
from tests.own_database import with_tables

NOW = datetime(2025, 11, 3, 9, tzinfo=UTC)
LEASE = NOW + timedelta(seconds=30)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


def message(key: str = "reply:1", title: str = "Hello", priority: int = 2, channel: str = "C1") -> Message:
    return Message(key, channel, say(title, Text.of("body")), priority=priority)


async def claim(outbox: Outbox, key: str = "reply:1") -> Delivery:
    found = await outbox.posted(key)
    assert found is not None
    assert await outbox.posting(found, NOW, until=LEASE)
    return found


async def state(outbox: Outbox, key: str = "reply:1") -> Delivery:
    found = await outbox.posted(key)
    assert found is not None
    return found


async def test_what_was_put_is_due_by_priority_and_then_by_age(outbox: Outbox) -> None:
    await outbox.put(message("reply:late", priority=2), NOW + timedelta(seconds=2))
    await outbox.put(message("reply:early", priority=2), NOW)
    await outbox.put(message("plan:p", priority=CARD), NOW + timedelta(seconds=1))
    await outbox.put(message("incident:i", priority=CRITICAL), NOW + timedelta(seconds=3))
    found = [delivery.key for delivery in await outbox.due(NOW)]
    assert found == ["incident:i", "plan:p", "reply:early", "reply:late"]


async def test_putting_wakes_the_sender(outbox: Outbox) -> None:
    assert not outbox.waiting["slack"].is_set()
    await outbox.put(message(), NOW)
    assert outbox.waiting["slack"].is_set()


async def test_the_same_body_again_is_no_new_version(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    await outbox.put(message(), NOW)
    assert (await state(outbox)).version == 1


async def test_a_changed_body_is_a_new_version_and_due_again(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    await outbox.sent(await claim(outbox), NOW, channel="C1", ts="1.2")
    assert await outbox.due(LEASE) == []
    await outbox.put(message(title="Changed"), NOW)
    (due,) = await outbox.due(NOW)
    assert (due.version, due.sent_version, due.posted_ts, due.body.title) == (2, 1, "1.2", "Changed")


async def test_a_version_put_while_the_old_one_is_posted_is_sent_next(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    claimed = await claim(outbox)
    await outbox.put(message(title="Changed"), NOW)
    assert (await state(outbox)).state == "posting"
    await outbox.sent(claimed, NOW, channel="C1", ts="1.2")
    now = await state(outbox)
    assert (now.state, now.delivered) == ("due", False)


async def test_only_one_sender_gets_a_delivery(outbox: Outbox, database: Database) -> None:
    await outbox.put(message(), NOW)
    found = await state(outbox)
    other = Outbox(database)
    claims = await asyncio.gather(outbox.posting(found, NOW, until=LEASE), other.posting(found, NOW, until=LEASE))
    assert sorted(claims) == [False, True]


async def test_what_has_changed_since_it_was_looked_at_is_not_claimed(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    old = await state(outbox)
    await outbox.put(message(title="Changed"), NOW)
    assert not await outbox.posting(old, NOW, until=LEASE)


async def test_what_another_sender_has_tried_meanwhile_is_looked_at_again_before_it_is_claimed(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    untried = await state(outbox)
    await outbox.failed(await claim(outbox), "no answer", retry_at=NOW, certain=False)
    assert not await outbox.posting(untried, NOW, until=LEASE), "it would be posted without a look for it"


async def test_what_becomes_urgent_while_it_waits_goes_first(outbox: Outbox) -> None:
    await outbox.put(message("incident:1", priority=CARD), NOW)
    await outbox.put(message("incident:2", priority=CARD), NOW)
    await outbox.put(message("incident:3", priority=CARD), NOW)
    await outbox.put(message("incident:2", "Worse", priority=CRITICAL), LEASE)
    async with outbox._database.transaction() as connection:
        worst = [message("incident:3", "Worse", priority=CRITICAL)]
        await outbox.put_all(worst, LEASE, connection=connection)
    assert [one.key for one in await outbox.due(LEASE)] == ["incident:2", "incident:3", "incident:1"]


async def test_a_delivery_left_in_posting_is_due_when_its_lease_is_over(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    await claim(outbox)
    assert await outbox.due(NOW) == []
    (due,) = await outbox.due(LEASE)
    assert due.state == "posting"


async def test_the_only_replica_ends_the_leases_at_its_start(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    await claim(outbox)
    await outbox.release()
    (due,) = await outbox.due(NOW)
    assert due.state == "posting"


@pytest.mark.parametrize(("certain", "expected"), [(True, "due"), (False, "posting")])
async def test_a_failure_waits_and_says_whether_it_is_doubtful(outbox: Outbox, certain: bool, expected: str) -> None:
    await outbox.put(message(), NOW)
    await outbox.failed(await claim(outbox), "no answer", retry_at=LEASE, certain=certain)
    assert await outbox.due(NOW) == []
    (due,) = await outbox.due(LEASE)
    assert (due.state, due.error, due.attempts) == (expected, "no answer", 1)


async def test_busy_channels_edits_and_posts_can_be_left_out(outbox: Outbox) -> None:
    await outbox.put(message("reply:a", channel="C1"), NOW)
    await outbox.put(message("reply:b", channel="C2"), NOW)
    await outbox.put(message("reply:c", channel="C1"), NOW)
    await outbox.placed(await claim(outbox, "reply:c"), channel="C1", ts="3.3")
    assert [d.key for d in await outbox.due(NOW, busy={"C1"})] == ["reply:b", "reply:c"]
    assert [d.key for d in await outbox.due(NOW, edits=False)] == ["reply:a", "reply:b"]
    assert [d.key for d in await outbox.due(NOW, posts=False)] == ["reply:c"]


async def test_what_was_found_in_slack_is_edited_next(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    await outbox.placed(await claim(outbox), channel="C1", ts="1.2")
    (due,) = await outbox.due(NOW)
    assert (due.posted_ts, due.sent_version, due.state) == ("1.2", 0, "due")


async def test_a_card_that_is_gone_is_posted_anew(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    await outbox.sent(await claim(outbox), NOW, channel="C1", ts="1.2")
    await outbox.put(message(title="Changed"), NOW)
    await outbox.gone(await claim(outbox), "message_not_found")
    (due,) = await outbox.due(LEASE)
    assert (due.posted_ts, due.error, due.state) == ("", "message_not_found", "posting")


async def test_a_dropped_message_stays_visible_and_a_newer_version_is_tried(outbox: Outbox) -> None:
    await outbox.put(message(), NOW)
    await outbox.dropped(await claim(outbox), "channel_not_found")
    assert await outbox.due(LEASE) == []
    (lost,) = await outbox.undelivered(NOW)
    assert (lost.state, lost.error) == ("dropped", "channel_not_found")
    await outbox.put(message(title="Changed"), NOW)
    assert [d.version for d in await outbox.due(NOW)] == [2]


async def test_undelivered_names_what_is_late_and_urgent(outbox: Outbox) -> None:
    await outbox.put(message("incident:old", priority=CRITICAL), NOW)
    await outbox.put(message("incident:new", priority=CRITICAL), NOW + timedelta(minutes=1))
    await outbox.put(message("reply:old"), NOW - timedelta(minutes=1))
    late = await outbox.undelivered(NOW)
    assert [delivery.key for delivery in late] == ["incident:old", "reply:old"]
    assert await outbox.count_undelivered(NOW) == {"due": 2, "posting": 0, "dropped": 0}


async def test_what_was_never_sent_is_late_however_often_it_has_changed_since(outbox: Outbox) -> None:
    await outbox.put(message("incident:1"), NOW)
    await outbox.put(message("incident:1", title="Changed"), NOW + timedelta(minutes=1))
    assert [delivery.key for delivery in await outbox.undelivered(NOW)] == ["incident:1"]
    assert await outbox.count_undelivered(NOW) == {"due": 1, "posting": 0, "dropped": 0}


async def test_what_changes_while_it_waits_waits_since_its_first_change(outbox: Outbox, database: Database) -> None:
    minute = timedelta(minutes=1)
    await outbox.put(message(), NOW)
    await outbox.sent(await claim(outbox), NOW + minute, channel="C1", ts="1.1")
    assert await outbox.undelivered(NOW + 9 * minute) == []
    await outbox.put(message(title="One"), NOW + 2 * minute)
    async with database.transaction() as connection:
        await outbox.put_all([message(title="Two")], NOW + 5 * minute, connection=connection)
    (late,) = await outbox.undelivered(NOW + 2 * minute)
    assert (late.unsent_since, late.changed_at) == (NOW + 2 * minute, NOW + 5 * minute)
    assert (await outbox.count_undelivered(NOW + 2 * minute))["due"] == 1
    await outbox.put(message(title="Three"), NOW + 6 * minute)
    await outbox.sent(late, NOW + 7 * minute)
    assert (await state(outbox)).unsent_since == NOW + 7 * minute, "version three; it came while two was carried"


async def test_a_rolled_back_transaction_takes_the_message_with_it(outbox: Outbox, database: Database) -> None:
    async def put_and_fail() -> None:
        async with database.transaction() as connection:
            await outbox.put(message(), NOW, connection=connection)
            raise LookupError

    with pytest.raises(LookupError):
        await put_and_fail()
    assert await outbox.posted("reply:1") is None


async def test_uses_of_a_response_url_are_counted_and_start_again_with_a_new_one(outbox: Outbox) -> None:
    await outbox.put(Message("reply:1", "C1", say("One"), response_url="https://a.example"), NOW)
    await outbox.used_response(await state(outbox))
    await outbox.put(Message("reply:1", "C1", say("Two"), response_url="https://a.example"), NOW)
    assert (await state(outbox)).response_uses == 1
    await outbox.put(Message("reply:1", "C1", say("Three"), response_url="https://b.example"), NOW)
    assert (await state(outbox)).response_uses == 0


async def test_old_answers_are_forgotten_and_cards_are_kept(outbox: Outbox) -> None:
    for key in ("reply:1", "incident:1"):
        await outbox.put(message(key), NOW)
        await outbox.sent(await claim(outbox, key), NOW, channel="C1", ts="1.2")
    assert await outbox.forget(NOW + timedelta(days=1)) == 1
    assert await outbox.posted("incident:1") is not None


async def test_a_body_of_another_version_does_not_hold_up_the_rest(outbox: Outbox, database: Database) -> None:
    await outbox.put(message(), NOW)
    async with database.transaction() as connection:
        await connection.execute(sa.update(messages).values(body={"future": True}))
    (due,) = await outbox.due(NOW)
    assert due.body.level is Level.UNKNOWN


async def test_a_sender_is_given_what_goes_its_way_only(outbox: Outbox) -> None:
    body = say("Redis is down")
    for one in (message(), page_of("trigger", "i1", body, "critical"), *mails_of("i1", "opened", ["a@b.c"], body)):
        await outbox.put(one, NOW)
    assert [one.key for one in await outbox.due(NOW)] == ["reply:1"]
    (page,) = await outbox.due_via("pagerduty", NOW)
    assert (page.key, page.page) == ("pagerduty:i1", Page("i1", "trigger", "critical"))
    (mail,) = await outbox.due_via("mail", NOW)
    assert (mail.channel, mail.page, mail.incident) == ("a@b.c", None, "i1")
    assert all(bell.is_set() for bell in outbox.waiting.values())


async def test_pages_and_mails_go_by_priority_and_then_by_age(outbox: Outbox) -> None:
    for minute, (incident, severity) in enumerate((("i1", "warning"), ("i2", "critical"), ("i3", "critical"))):
        page = page_of("trigger", incident, say("Down"), severity)  # type: ignore[arg-type]
        await outbox.put(page, NOW + timedelta(minutes=minute))
    due = await outbox.due_via("pagerduty", NOW + timedelta(hours=1))
    assert [one.incident for one in due] == ["i2", "i3", "i1"]


async def test_a_page_that_is_to_do_something_else_is_a_new_version_though_its_words_are_the_same(
    outbox: Outbox,
) -> None:
    body = say("Redis is down")
    for action in ("trigger", "trigger", "resolve"):
        await outbox.put(page_of(action, "i1", body, "critical"), NOW)
    (page,) = await outbox.due_via("pagerduty", NOW)
    assert (page.version, page.page) == (2, Page("i1", "resolve", "critical"))


async def test_claims_of_one_way_outlast_the_start_of_another(outbox: Outbox) -> None:
    await outbox.put(page_of("trigger", "i1", say("Redis is down"), "critical"), NOW)
    await claim(outbox, "pagerduty:i1")
    await outbox.release("slack")
    assert await outbox.due_via("pagerduty", NOW) == []
    await outbox.release("pagerduty")
    assert len(await outbox.due_via("pagerduty", NOW)) == 1


async def test_what_was_told_of_an_incident_is_found_by_its_id(outbox: Outbox, database: Database) -> None:
    body = say("Redis is down")
    card = Message("incident:i1", "C1", body, priority=CRITICAL, incident="i1")
    ring = Message("incident:i1:worsened", "C1", body, thread_of="incident:i1", incident="i1")
    for one in (card, ring, page_of("trigger", "i1", body, "critical"), page_of("trigger", "i2", body, "critical")):
        await outbox.put(one, NOW)
    async with database.reading() as connection:
        told = await outbox.told(["i1", "i3"], connection)
    assert {name: [one.key for one in of] for name, of in told.items()} == {
        "i1": ["incident:i1", "pagerduty:i1"],
        "i3": [],
    }


async def test_many_messages_are_put_as_each_would_be_by_itself(outbox: Outbox, database: Database) -> None:
    first, second = say("Redis is down"), say("Redis is down since 09:00")
    await outbox.put(Message("same", "C1", first, priority=CRITICAL), NOW)
    await outbox.put(Message("changed", "C1", first, priority=CRITICAL), NOW)
    later = NOW + timedelta(minutes=1)
    several = [Message("same", "C1", first), Message("changed", "C1", second), Message("new", "C2", first)]
    async with database.transaction() as connection:
        await outbox.put_all([*several, page_of("trigger", "i1", first, "critical")], later, connection=connection)
        assert await outbox.channels(["new", "same", "gone"], connection) == {"new": "C2", "same": "C1"}
    found = {one.key: one for one in (await outbox.due(later)) + (await outbox.due_via("pagerduty", later))}
    versions = {key: (one.version, one.body, one.changed_at) for key, one in found.items()}
    assert versions == {
        "same": (1, first, NOW),
        "changed": (2, second, later),
        "new": (1, first, later),
        "pagerduty:i1": (1, first, later),
    }
    assert outbox.waiting["pagerduty"].is_set()


async def test_delivered_mails_are_forgotten_and_pages_are_kept(outbox: Outbox) -> None:
    body = say("Redis is down")
    for one in (page_of("trigger", "i1", body, "critical"), *mails_of("i1", "opened", ["a@b.c", "a@b.c"], body)):
        await outbox.put(one, NOW)
        await outbox.sent(await claim(outbox, one.key), NOW)
    assert await outbox.forget(NOW + timedelta(days=8)) == 1
    assert (await state(outbox, "pagerduty:i1")).delivered
