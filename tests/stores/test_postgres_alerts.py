"""On-call, escalation, silences, groups, drains and watched changes on a real PostgreSQL, as two replicas use them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.alerting.notify import Ways
from bot.alerting.oncall_actions import OnCallActions
from bot.alerting.paging import Paging
from bot.alerting.pipeline import Alerting, Stores
from bot.alerting.shifts import Shifts
from bot.catalog import Catalog
from bot.freeze import Freeze
from bot.policy import Policy
from bot.receivers.second_path import SecondPath
from bot.request import Actor
from bot.schedule import Observation
from bot.silence import Silence
from bot.stores.baselines import Baselines
from bot.stores.database import Database
from bot.stores.drains import Drains
from bot.stores.freeze_records import FreezeRecords
from bot.stores.freezes import Freezes
from bot.stores.handovers import Handovers
from bot.stores.incidents import Incidents
from bot.stores.message import Delivery
from bot.stores.outbox import Outbox
from bot.stores.overrides import Overrides
from bot.stores.pages import Page, Pages
from bot.stores.samples import Samples
from bot.stores.silences import Silences
from bot.stores.unconfirmed import Unconfirmed

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANN = Actor(id="U1", name="Ann")
WAYS = Ways("C1", pagerduty=True, address="alerts@novapulse.com")
RULE: dict[str, Any] = {"name": "down", "metric": "up", "below": True, "critical": 1, "summary": "{system} is away"}
POLICY = Policy.model_validate(
    {
        "people": {"U1": {"name": "Ann"}, "U2": {"name": "Bob", "email": "bob@novapulse.com"}},
        "roles": {},
        "approvals": {},
        "limits": {},
        "schedules": {},
        "alerts": [RULE | {"for": "0s", "keep_firing": "0s"}],
        "oncall": {"levels": [{"title": "One", "people": ["U1"]}, {"title": "Two", "people": ["U2"]}]},
        "escalation": {"after": ["10m"], "remind_after": "2h"},
        "notifications": {"group_by": ["alert"], "group_interval": "5m"},
        "flapping": {"openings": 2, "within": "30m", "calm": "10m"},
        "receivers": {"all": {"slack": True, "pagerduty": True, "mail": True}},
        "routes": [{"receivers": ["all"]}],
        "second_path": "all",
    }
)


@dataclass
class Replica:
    """One process on the shared database, at a time that is the same for all."""

    database: Database
    minute: float = 0.0

    def __post_init__(self) -> None:
        self.incidents, self.outbox = Incidents(self.database), Outbox(self.database)
        self.silences = Silences(self.database)
        stores = Stores(self.database, self.incidents, Samples(self.database), self.outbox, self.silences)
        self.alerting = Alerting(
            stores,
            policy=lambda: POLICY,
            catalog=Catalog({}, {}),
            channel=WAYS.channel,
            pagerduty=WAYS.pagerduty,
            address=WAYS.address,
        )
        self.acts = OnCallActions(self.database, lambda: POLICY, ways=WAYS, clock=lambda: self.now)
        self.paging = Paging(self.database, lambda: POLICY, ways=WAYS)
        self.shifts = Shifts(self.database, lambda: POLICY, channel=WAYS.channel, line=lambda plan: plan.command)
        unconfirmed = Unconfirmed(self.database)
        self.second_path = SecondPath(unconfirmed, self.outbox, policy=lambda: POLICY, ways=WAYS)

    @property
    def now(self) -> datetime:
        return NOW + self.minute * MINUTE

    async def tick(self, **up: float) -> None:
        seen = [
            Observation(metric="up", labels={"system": name}, value=value, at=self.now) for name, value in up.items()
        ]
        await self.alerting.tick(seen, self.now)

    async def said(self, via: str = "slack") -> list[Delivery]:
        found = await self.outbox.undelivered(self.now + timedelta(days=1))
        return [one for one in sorted(found, key=lambda one: (one.created_at, one.key)) if one.via == via]


@dataclass
class Replicas:
    """Two replicas, which do everything at the same moment."""

    one: Replica
    other: Replica

    async def at(self, minute: float, **up: float) -> None:
        for replica in (self.one, self.other):
            replica.minute = minute
        await asyncio.gather(self.one.tick(**up), self.other.tick(**up))


@pytest.fixture
async def replicas(postgres_url: str) -> AsyncIterator[Replicas]:
    databases = [Database(postgres_url) for _ in range(2)]
    await asyncio.gather(*(database.migrate() for database in databases))
    yield Replicas(*map(Replica, databases))
    for database in databases:
        await database.close()


def override(name: str, person: str, since: datetime = NOW) -> dict[str, Any]:
    times = {"since": since.isoformat(), "until": (since + 60 * MINUTE).isoformat(), "made_at": since.isoformat()}
    return {"id": name, "level": 1, "person": person, "by": {"id": "U1", "name": "Ann"}} | times


async def test_two_ticks_at_once_group_call_and_escalate_as_one(replicas: Replicas) -> None:
    for minute in (0, 5, 10, 11):
        await replicas.at(minute, redis=0, mongodb=0)
    (card, call) = await replicas.one.said()
    (incident,) = (await replicas.other.incidents.firing()).values()
    assert len(incident.members) == 2
    assert "level 2 (Bob) at 09:10 UTC" in incident.called
    assert (card.incident, call.thread_of) == (incident.id, card.key)
    assert "id='U2', name='Bob', notify=True" in str(call.body)
    (page,) = await replicas.other.said("pagerduty")
    assert page.page is not None
    assert (page.page.action, page.page.dedup_key) == ("trigger", incident.id)
    mails = [mail.channel for mail in await replicas.one.said("mail")]
    assert sorted(mails) == ["alerts@novapulse.com", "alerts@novapulse.com", "bob@novapulse.com"]
    taken = await asyncio.gather(
        *(one.incidents.acknowledge(incident.id, "Bob", one.now) for one in (replicas.one, replicas.other))
    )
    assert sorted(taken) == [False, True]
    await replicas.at(12, redis=1, mongodb=1)
    assert await replicas.one.incidents.firing() == {}
    (page,) = await replicas.one.said("pagerduty")
    assert page.page is not None
    assert page.page.action == "resolve"


async def test_what_is_on_and_off_keeps_its_card_until_it_is_calm(replicas: Replicas) -> None:
    for minute, value in ((0, 0), (1, 1), (2, 0), (3, 1)):
        await replicas.at(minute, redis=value)
    (incident,) = (await replicas.one.incidents.firing()).values()
    assert (incident.flapping, incident.calm_since) == (True, NOW + 3 * MINUTE)
    await replicas.at(14, redis=1)
    assert await replicas.one.incidents.firing() == {}


async def test_a_silence_mutes_over_all_replicas_and_its_last_use_is_known(replicas: Replicas) -> None:
    silence = Silence.model_validate(
        {
            "id": "s1",
            "matchers": ("system=redis",),
            "owner": ANN,
            "reason": "r",
            "since": NOW,
            "until": NOW + 60 * MINUTE,
        }
    )
    made = await asyncio.gather(replicas.one.silences.start(silence), replicas.other.silences.start(silence))
    assert sorted(made) == [False, True]
    await replicas.at(1, redis=0)
    assert await replicas.one.said() == []
    (active,) = await replicas.other.silences.active(replicas.one.now)
    assert active.matched_at == NOW + MINUTE
    ended = [await one.silences.end(["s1"], "Ann", one.now) for one in (replicas.one, replicas.other)]
    assert ended == [1, 0]
    ((over,), _) = await replicas.one.silences.ended_since(NOW, replicas.one.now, limit=10)
    assert (over.words, over.by) == ("system=redis", "Ann")
    await replicas.at(2, redis=0)
    assert len(await replicas.one.said()) == 1


async def test_who_has_level_one_is_handed_over_once_and_accepted_once(replicas: Replicas) -> None:
    one, other = replicas.one, replicas.other
    await asyncio.gather(one.shifts.tick(NOW), other.shifts.tick(NOW))
    made = await asyncio.gather(*(Overrides(it.database).start(override("o1", "U2")) for it in (one, other)))
    assert sorted(bool(it["changed"]) for it in made) == [False, True]
    await asyncio.gather(*(it.shifts.tick(NOW + MINUTE) for it in (one, other)))
    latest = await Handovers(one.database).latest()
    assert latest is not None
    assert (latest.before, latest.after) == (("U1",), ("U2",))
    (card,) = await one.said()
    assert card.body.title == "On-call hand-over: Ann → Bob"
    accepted = await asyncio.gather(*(it.acts.accept(latest.id, "Bob") for it in (one, other)))
    assert sorted(bool(it["changed"]) for it in accepted) == [False, True]
    ended = await Overrides(other.database).end("o1", "Ann", (NOW + 2 * MINUTE).isoformat())
    assert ended["changed"] is True
    assert await Overrides(one.database).ended_since(1, NOW + MINUTE)
    assert await Overrides(one.database).standing(NOW + 3 * MINUTE) == ()


async def test_a_page_is_sent_taken_in_hand_and_ended_once_whoever_is_faster(replicas: Replicas) -> None:
    page = Page(id="p1", level=2, people=("U2",), reason="the app is slow", by=ANN, at=NOW)
    both = (replicas.one.acts, replicas.other.acts)
    results = await asyncio.gather(*(acts.page(page.model_dump(mode="json")) for acts in both))
    results += await asyncio.gather(*(acts.acknowledge("p1", "Bob") for acts in both))
    results += await asyncio.gather(*(acts.end("p1", "Ann") for acts in both))
    assert sorted(bool(result["changed"]) for result in results) == [False] * 3 + [True] * 3
    (card,), (told,) = await replicas.one.said(), await replicas.one.said("pagerduty")
    assert "Resolved by Ann at" in str(card.body)
    assert told.page is not None
    assert (told.page.action, told.page.dedup_key, told.version) == ("resolve", "page-p1", 3)
    assert len(await replicas.one.said("mail")) == 4, "two addresses, its start and its end"
    pages = Pages(replicas.other.database)
    assert await pages.open() == []
    assert await pages.count_of("U1", NOW - MINUTE) == 1


async def test_equal_pages_at_one_moment_are_one_and_its_levels_are_called_once(replicas: Replicas) -> None:
    both = (replicas.one, replicas.other)
    for it in both:
        it.minute = 0
    asked = [
        Page(
            id=f"p{number}", level=1, people=("U1",), reason=reason, by=ANN, at=NOW + number * timedelta(milliseconds=1)
        )
        for number, reason in enumerate(("The app is slow", "the app  is slow"))
    ]
    results = await asyncio.gather(
        *(it.acts.page(page.model_dump(mode="json")) for it, page in zip(both, asked, strict=True))
    )
    assert sorted(bool(result["changed"]) for result in results) == [False, True]
    (page,) = await Pages(replicas.other.database).open()
    for minute in (5, 10, 11):
        for it in both:
            it.minute = minute
        await asyncio.gather(*(it.paging.tick(it.now) for it in both))
    card, call = await replicas.one.said()
    assert (card.key, call.thread_of) == (f"page:{page.page.id}", card.key)
    assert "id='U2', name='Bob', notify=True" in str(call.body)
    (told,) = await replicas.one.said("pagerduty")
    assert told.version == 2
    raised = asked[0].model_copy(update={"id": "p9", "level": 2, "people": ("U2",), "at": NOW + 21 * MINUTE})
    for it in both:
        it.minute = 21
    results = await asyncio.gather(*(it.acts.page(raised.model_dump(mode="json")) for it in both))
    assert sorted(bool(result["changed"]) for result in results) == [False, True]


async def test_what_slack_does_not_take_goes_the_second_path_once(replicas: Replicas) -> None:
    await replicas.at(0, redis=0)
    before = len(await replicas.one.said("mail"))
    late = NOW + 5 * MINUTE
    await asyncio.gather(*(it.second_path.tick(late) for it in (replicas.one, replicas.other)))
    assert len(await replicas.one.said("mail")) == before + 1
    assert len(await replicas.one.said("pagerduty")) == 1


async def test_a_drain_is_given_up_for_every_replica(replicas: Replicas) -> None:
    one, other = (Drains(it.database, lambda: NOW) for it in (replicas.one, replicas.other))
    await asyncio.gather(one.abort("d1"), other.abort("d1"))
    assert await other.is_aborted("d1")
    assert not await one.is_aborted("d2")
    assert await one.prune(NOW + timedelta(days=8)) == 1


async def test_what_was_before_a_change_is_what_the_first_replica_read(replicas: Replicas) -> None:
    one, other = Baselines(replicas.one.database), Baselines(replicas.other.database)
    await one.keep("r1", "worker", {"memory": 1.5, "restarts": {"a": 2}}, NOW)
    await other.keep("r1", "worker", {"memory": 9.0}, NOW)
    assert await other.get("r1", "worker") == {"memory": 1.5, "restarts": {"a": 2}}
    assert await one.prune(NOW + timedelta(days=8)) == 1


async def test_a_freeze_is_announced_and_its_end_is_said_by_one_replica(replicas: Replicas) -> None:
    freeze = Freeze(id="f1", scope="all", actor=ANN, since=NOW, until=NOW + 60 * MINUTE)
    await Freezes(replicas.one.database).freeze(freeze.model_dump(mode="json"))
    records = [FreezeRecords(it.database) for it in (replicas.one, replicas.other)]
    (unsaid,) = await records[1].unsaid(NOW)
    assert (unsaid.freeze, unsaid.is_announced) == (freeze, False)

    async def said(own: Replica, kept: FreezeRecords, what: str) -> bool:
        async with own.database.transaction() as connection:
            if what == "start":
                return await kept.announce(connection, "f1", NOW)
            return await kept.close(connection, "f1", NOW + MINUTE, NOW + MINUTE)

    pairs = list(zip((replicas.one, replicas.other), records, strict=True))
    for what in ("start", "end"):
        assert sorted(await asyncio.gather(*(said(own, kept, what) for own, kept in pairs))) == [False, True]
    assert await records[0].unsaid(NOW + MINUTE) == []
