from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.alerting.notify import Ways
from bot.policy import Policy
from bot.receivers.second_path import SecondPath
from bot.reply import Level, Reply, say
from bot.stores.database import Database
from bot.stores.message import Delivery, Page, page_of
from bot.stores.outbox import CARD, CRITICAL, Message, Outbox
from bot.stores.unconfirmed import Unconfirmed

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
LATE = NOW + timedelta(seconds=61)
BODY = say("Redis is unreachable", level=Level.CRITICAL)
POLICY: dict[str, Any] = {
    "people": {},
    "roles": {},
    "approvals": {},
    "limits": {},
    "schedules": {},
    "alerts": [],
    "receivers": {"oncall": {"pagerduty": True, "mail": True}},
    "second_path": "oncall",
}


@pytest.fixture
def path(outbox: Outbox) -> SecondPath:
    policy = Policy.model_validate(POLICY)
    database: Database = outbox._database
    return SecondPath(Unconfirmed(database), outbox, policy=lambda: policy, ways=Ways("C1", True, "alerts@example.com"))


async def card(outbox: Outbox, priority: int = CRITICAL, body: Reply = BODY) -> None:
    await outbox.put(Message("incident:i1", "C1", body, priority, incident="i1"), NOW)


async def taken(outbox: Outbox) -> list[Delivery]:
    found = [one for via in ("pagerduty", "mail") for one in await outbox.due_via(via, LATE)]
    return sorted(found, key=lambda one: one.via)


async def test_what_slack_has_not_confirmed_in_time_is_paged_and_mailed_once(outbox: Outbox, path: SecondPath) -> None:
    await card(outbox)
    late = await outbox.posted("incident:i1")
    assert late is not None
    await outbox.failed(late, "connection refused", retry_at=NOW, certain=True)
    await path.tick(NOW + timedelta(seconds=59))
    assert await taken(outbox) == []
    await path.tick(LATE)
    mail, page = await taken(outbox)
    assert (mail.channel, page.page) == ("alerts@example.com", Page("i1", "trigger", "critical"))
    assert "Slack has not taken this message for 1 min 1 s (connection refused)" in str(mail.body)
    await path.tick(LATE + timedelta(minutes=5))
    assert [one.version for one in await taken(outbox)] == [1, 1]


@pytest.mark.parametrize(("priority", "body"), [(CARD, BODY), (CRITICAL, say("It is over", level=Level.OK))])
async def test_what_is_not_critical_or_over_does_not_go_it(
    outbox: Outbox, path: SecondPath, priority: int, body: Reply
) -> None:
    await card(outbox, priority, body)
    await path.tick(LATE)
    assert await taken(outbox) == []


async def test_what_slack_has_confirmed_does_not_go_it(outbox: Outbox, path: SecondPath) -> None:
    await card(outbox)
    first = await outbox.posted("incident:i1")
    assert first is not None
    await outbox.sent(first, NOW, channel="C1", ts="1.0")
    await path.tick(LATE)
    assert await taken(outbox) == []


async def test_what_slack_refuses_for_good_goes_it(outbox: Outbox, path: SecondPath) -> None:
    await card(outbox)
    first = await outbox.posted("incident:i1")
    assert first is not None
    await outbox.dropped(first, "invalid_blocks")
    await path.tick(LATE)
    assert [one.via for one in await taken(outbox)] == ["mail", "pagerduty"]


async def test_whom_somebody_has_in_hand_is_not_paged_again(outbox: Outbox, path: SecondPath) -> None:
    await card(outbox)
    await outbox.put(page_of("acknowledge", "i1", BODY, "critical"), NOW)
    await path.tick(LATE)
    _, page = await taken(outbox)
    assert page.page == Page("i1", "acknowledge", "critical")
