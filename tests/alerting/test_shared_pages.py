"""What PagerDuty, the mail server and Slack get where two thousand alerts fire in one tick."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.alerting.pipeline import Alerting, Stores
from bot.alerting.shared_pages import ALONE
from bot.catalog import Catalog
from bot.clients.pagerduty import PagerDuty as Client
from bot.policy import Policy
from bot.receivers.carriers import Pages
from bot.receivers.sender import Sender, Way
from bot.receivers.text import as_text
from bot.schedule import Observation
from bot.settings import PagingSettings
from bot.silence import Silence
from bot.slack.blocks import render
from bot.stores.database import Database
from bot.stores.incidents import Incidents
from bot.stores.message import Delivery, Page, Via
from bot.stores.outbox import Outbox
from bot.stores.samples import Samples
from bot.stores.silences import Silences
from sandbox.pagerduty import ROUTING_KEY, PagerDuty
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
TICK = timedelta(seconds=30)
PAGE = "together-20260701T090000"
RULE: dict[str, Any] = {"name": "depth", "metric": "queue_waiting", "warning": 500, "critical": 1000, "summary": "Jobs"}
BY_SEVERITY: list[dict[str, Any]] = [
    {"matchers": ["severity=critical"], "receivers": ["oncall"]},
    {"receivers": ["room"]},
]
TO_ALL: list[dict[str, Any]] = [{"receivers": ["oncall"]}]


@dataclass
class Bot:
    """The alerts of one process."""

    database: Database
    routes: list[dict[str, Any]]
    rule: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outbox, self.incidents = Outbox(self.database), Incidents(self.database)
        policy = Policy.model_validate(
            {
                "people": {"U1": {"name": "Ann"}},
                "roles": {},
                "approvals": {},
                "limits": {},
                "schedules": {},
                "alerts": [RULE | {"for": "0s"} | self.rule],
                "oncall": {"levels": [{"title": "One", "people": ["U1"]}]},
                "escalation": {"after": ["10m"]},
                "receivers": {
                    "room": {"slack": True},
                    "oncall": {"slack": True, "pagerduty": True, "mail": True},
                },
                "routes": self.routes,
            }
        )
        stores = Stores(self.database, self.incidents, Samples(self.database), self.outbox, Silences(self.database))
        self.alerting = Alerting(
            stores,
            policy=lambda: policy,
            catalog=Catalog({}, {}),
            channel="C1",
            pagerduty=True,
            address="alerts@novapulse.com",
        )

    async def tick(self, number: int, *values: float) -> None:
        at = NOW + number * TICK
        seen = [Observation("queue_waiting", {"queue": f"q{place}"}, value, at) for place, value in enumerate(values)]
        await self.alerting.tick(seen, at)

    async def due(self, via: Via) -> list[Delivery]:
        return await self.outbox.due_via(via, NOW + timedelta(days=1), limit=5_000)

    async def pages(self) -> list[Page]:
        return [one.page for one in await self.due("pagerduty") if one.page]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    found = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(found)
    yield found
    await found.close()


def silence(until: int) -> Silence:
    """Return one that mutes everything up to that tick."""
    words = {"id": "s1", "matchers": ["queue=~.+"], "owner": {"id": "U1", "name": "Ann"}, "reason": "r"}
    return Silence.model_validate(words | {"since": NOW, "until": NOW + until * TICK})


async def test_two_thousand_at_once_are_one_event_one_mail_and_one_message_the_worst_first(database: Database) -> None:
    bot = Bot(database, TO_ALL)
    await bot.tick(0, *([600.0] * 1_990), *([1200.0] * 10))
    (page,), (mail,), (message,) = [await bot.due(via) for via in ("pagerduty", "mail", "slack")]
    assert page.page == Page(PAGE, "trigger", "critical")
    for body in (page.body, mail.body):
        text = as_text(body)
        assert text.count("CRITICAL Jobs") == 10
        assert text.index("CRITICAL Jobs") < text.index("WARNING Jobs")
        assert "and 1,960 more" in text
        assert len(text.encode()) < 5_000
    blocks = render(message.body).blocks
    assert len(blocks) <= 50
    assert len(json.dumps(blocks)) < 13_000


async def test_pagerduty_takes_what_two_thousand_alerts_come_to_in_one_event_each_way(database: Database) -> None:
    bot, pagerduty = Bot(database, TO_ALL), PagerDuty()
    await pagerduty.start()
    client = Client(PagingSettings(pagerduty_routing_key=SecretStr(ROUTING_KEY), pagerduty_api_url=pagerduty.url))
    sender = Sender(bot.outbox, Way("pagerduty", Pages(client).carry), clock=lambda: datetime.now(UTC))
    await sender.start(alone=True)
    try:
        for number, value in enumerate((1200.0, 0.0)):
            await bot.tick(number, *([value] * 2_000))
            async with asyncio.timeout(30), pagerduty.arrived:
                await pagerduty.arrived.wait_for(lambda calls=number + 1: pagerduty.calls == calls)  # type: ignore[misc]
    finally:
        await sender.stop()
        await client.close()
        await pagerduty.stop()
    assert pagerduty.actions(PAGE) == ["trigger", "resolve"]
    assert pagerduty.calls == 2
    assert len(json.dumps(pagerduty.log[0])) < 10_000


async def test_two_thousand_that_the_policy_groups_are_one_page_that_names_the_worst(database: Database) -> None:
    bot = Bot(database, [{"receivers": ["oncall"], "group_by": ["alert"]}])
    await bot.tick(0, *([600.0] * 1_995), *([1200.0] * 5))
    (page,), (mail,) = await bot.due("pagerduty"), await bot.due("mail")
    for body in (page.body, mail.body):
        text = as_text(body)
        assert text.count("CRITICAL Jobs") == text.count("critical above") == 5
        assert text.index("critical above") < text.index("warning above")
        assert "and 1,985 more" in text
        assert len(text.encode()) < 5_000


async def test_what_pagerduty_takes_at_once_has_a_page_each(database: Database) -> None:
    bot = Bot(database, TO_ALL)
    await bot.tick(0, *([1200.0] * ALONE))
    assert len({page.dedup_key for page in await bot.pages()}) == ALONE


async def test_many_that_get_worse_at_once_share_a_page_to_their_end(database: Database) -> None:
    bot, many = Bot(database, BY_SEVERITY), ALONE + 1
    await bot.tick(0, *([600.0] * many))
    assert await bot.pages() == []
    await bot.tick(1, *([1200.0] * many))
    assert await bot.pages() == [Page(PAGE, "trigger", "critical")]
    for incident in (await bot.incidents.firing()).values():
        await bot.incidents.acknowledge(incident.id, "Ann", NOW + 1.5 * TICK)
    await bot.tick(2, *([1200.0] * many))
    assert await bot.pages() == [Page(PAGE, "acknowledge", "critical")]
    await bot.tick(3, *([1200.0] * (many - 1)), 0.0)
    assert await bot.pages() == [Page(PAGE, "acknowledge", "critical")]
    await bot.tick(4, *([0.0] * many))
    assert await bot.pages() == [Page(PAGE, "resolve", "critical")]


async def test_what_is_silenced_together_is_resolved_there_and_triggered_anew(database: Database) -> None:
    bot, many = Bot(database, TO_ALL), ALONE + 1
    await bot.tick(0, *([1200.0] * many))
    await Silences(database).start(silence(5))
    await bot.tick(1, *([1200.0] * many))
    assert await bot.pages() == [Page(PAGE, "resolve", "critical")]
    await bot.tick(5, *([1200.0] * many))
    assert await bot.pages() == [Page(PAGE, "trigger", "critical")]


async def test_many_calls_at_once_share_a_page_where_the_policy_has_no_routes(database: Database) -> None:
    bot = Bot(database, [])
    await bot.tick(0, *([1200.0] * (ALONE + 1)))
    assert await bot.pages() == [Page(PAGE, "trigger", "critical")]
    await bot.tick(1, *([1200.0] * (ALONE + 1)))
    assert await bot.pages() == [Page(PAGE, "trigger", "critical")]
    await bot.tick(30, *([1200.0] * (ALONE + 1)))  # the next level is called, and PagerDuty knows already
    assert await bot.pages() == [Page(PAGE, "trigger", "critical")]
    (first, *others) = [one.body for one in await bot.due("mail")]
    assert "and 11 more" in as_text(first)
    assert len(others) <= 1


@pytest.mark.parametrize("many", [1, ALONE + 1])
async def test_a_silence_that_ends_while_all_is_within_its_limit_rings_nobody(database: Database, many: int) -> None:
    bot = Bot(database, TO_ALL, {"keep_firing": "10m"})
    await bot.tick(0, *([1200.0] * many))
    await Silences(database).start(silence(5))
    await bot.tick(1, *([1200.0] * many))
    await bot.tick(4, *([0.0] * many))
    await bot.tick(5, *([0.0] * many))
    assert [page.action for page in await bot.pages()] == ["resolve"]
    await bot.tick(6, *([1200.0] * many))
    assert [page.action for page in await bot.pages()] == ["trigger"]


async def test_what_began_one_after_another_and_is_heard_at_once_has_a_page_each_with_its_name(
    database: Database,
) -> None:
    bot, many = Bot(database, TO_ALL, {"summary": "Jobs of {queue}"}), ALONE + 10
    await Silences(database).start(silence(many))
    for number in range(many):
        await bot.tick(number, *([1200.0] * (number + 1)))
    await bot.tick(many, *([1200.0] * many))
    titles = {one.body.title for one in await bot.due("pagerduty")}
    assert titles == {f"Jobs of q{number}" for number in range(many)}


async def test_a_shared_page_is_titled_by_all_it_was_about_at_its_end_and_by_the_last_one_alone(
    database: Database,
) -> None:
    bot, many = Bot(database, TO_ALL, {"summary": "Jobs of {queue}"}), ALONE + 1
    await bot.tick(0, *([1200.0] * many))
    for incident in (await bot.incidents.firing()).values():
        if incident.alert.labels["queue"] == "q7":
            await bot.incidents.acknowledge(incident.id, "Ann", NOW + 0.5 * TICK)
    await bot.tick(1, *(1200.0 if number == 7 else 0.0 for number in range(many)))
    (page,) = await bot.due("pagerduty")
    assert (page.page, page.body.title) == (Page(PAGE, "acknowledge", "critical"), "Jobs of q7")
    await bot.tick(2, *([0.0] * many))
    (page,) = await bot.due("pagerduty")
    assert (page.page, page.body.title) == (Page(PAGE, "resolve", "critical"), "Jobs of q7")


async def test_a_shared_page_whose_last_ones_end_at_once_says_how_many_they_were(database: Database) -> None:
    bot, many = Bot(database, TO_ALL), ALONE + 1
    for value in (1200.0, 0.0):
        await bot.tick(0 if value else 1, *([value] * many))
        (page,) = await bot.due("pagerduty")
        assert page.body.title == f"{many} alerts at once"


async def test_what_has_a_page_of_its_own_keeps_it_where_many_get_worse_at_once(database: Database) -> None:
    bot = Bot(database, TO_ALL)
    await bot.tick(0, *([600.0] * ALONE))
    own = {page.dedup_key for page in await bot.pages()}
    await bot.tick(1, *([1200.0] * (ALONE + 2)))
    after = {page.dedup_key for page in await bot.pages()}
    assert own < after
    assert len(after) == ALONE + 2
    assert not any(key.startswith("together") for key in after)


async def test_what_somebody_has_in_hand_makes_no_page_a_shared_one(database: Database) -> None:
    bot, many = Bot(database, TO_ALL), ALONE + 1
    await Silences(database).start(silence(2))
    await bot.tick(0, *([1200.0] * many))
    first = next(iter((await bot.incidents.firing()).values()))
    await bot.incidents.acknowledge(first.id, "Ann", NOW + TICK)
    await bot.tick(2, *([1200.0] * many))
    keys = {page.dedup_key for page in await bot.pages()}
    assert PAGE not in keys
    assert len(keys - {first.id}) == ALONE
