"""The escalation as people meet it: who is mentioned, paged and mailed in which window, until somebody has it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.alerting.pipeline import Alerting, Stores
from bot.catalog import Catalog
from bot.policy import Policy
from bot.reply import Line
from bot.request import Actor
from bot.rota import Override
from bot.schedule import Observation
from bot.silence import Silence
from bot.slack.blocks import render
from bot.slack.limits import problems
from bot.stores.database import Database
from bot.stores.incidents import Incident, Incidents
from bot.stores.outbox import Delivery, Outbox
from bot.stores.overrides import Overrides
from bot.stores.samples import Samples
from bot.stores.silences import Silences
from tests.own_database import with_tables

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANN = Actor(id="U1", name="Ann")
NAMES = {f"U{number}": {"name": name} for number, name in enumerate(("Ann", "Bob", "Cyn", "Dan", "Eve"), 1)}
RULE: dict[str, Any] = {"name": "down", "metric": "up", "below": True, "critical": 1, "summary": "{system} is away"}
POLICY: dict[str, Any] = {
    "people": NAMES,
    "roles": {"oncall": {"members": ["U5"]}},
    "approvals": {},
    "limits": {},
    "schedules": {},
    "alerts": [RULE],
    "oncall": {"levels": [{"title": f"L{level}", "people": [f"U{level}"]} for level in range(1, 5)]},
    "escalation": {"after": ["10m", "20m", "30m"], "remind_after": "2h"},
}


class Bot:
    """The alerts of one process, and a clock."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rules = Policy.model_validate(POLICY)
        self.incidents, self.outbox = Incidents(database), Outbox(database)
        self.silences, self.overrides = Silences(database), Overrides(database)
        self.minute = 0.0
        self.restart()

    def restart(self) -> None:
        stores = Stores(self.database, self.incidents, Samples(self.database), self.outbox, self.silences)
        mail = "alerts@novapulse.com"
        self.alerting = Alerting(
            stores, policy=lambda: self.rules, catalog=Catalog({}, {}), channel="C1", pagerduty=True, address=mail
        )

    @property
    def now(self) -> datetime:
        return NOW + self.minute * MINUTE

    async def at(self, minute: float, *down: str, up: tuple[str, ...] = ()) -> None:
        """Let one tick pass at this minute in which these systems are down, and these up."""
        self.minute = minute
        seen = [
            Observation(metric="up", labels={"system": name}, value=float(name in up), at=self.now)
            for name in (*(down or ("redis",) if not up else down), *up)
        ]
        await self.alerting.tick(seen, self.now)

    async def acknowledge(self, minute: float) -> None:
        self.minute = minute
        assert await self.incidents.acknowledge((await self.incident()).id, "Bob", self.now)

    async def incident(self) -> Incident:
        (only,) = (await self.incidents.firing()).values()
        return only

    async def all(self, via: str) -> list[Delivery]:
        found = await self.outbox.undelivered(self.now + timedelta(days=1))
        return sorted((one for one in found if one.via == via), key=lambda one: (one.created_at, one.key))

    async def mentions(self) -> list[tuple[float, str]]:
        """Return who was mentioned in threads: the minute and the id."""
        found = []
        for message in await self.all("slack"):
            if message.thread_of:
                people = [part for part in str(message.body).split("id='") if "notify=True" in part.split(")")[0]]
                found += [((message.created_at - NOW) / MINUTE, part.partition("'")[0]) for part in people]
        return found

    async def card(self) -> str:
        found = await self.outbox.posted(f"incident:{(await self.incident()).id}")
        return str(found.body) if found else ""

    async def page(self) -> tuple[str, int]:
        (only,) = await self.all("pagerduty")
        assert only.page is not None
        return only.page.action, only.version


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield Bot(database)
    await database.close()


async def test_nobody_acknowledges_and_level_after_level_is_called(bot: Bot) -> None:
    for minute in range(0, 40, 2):
        bot.restart()  # whatever it knows is in the database
        await bot.at(minute)
    assert await bot.mentions() == [(10, "U2"), (20, "U3"), (30, "U4")]
    card = await bot.card()
    assert "id='U1', name='Ann', notify=True" in card
    assert "level 1 (Ann) at 09:00 UTC; level 2 (Bob) at 09:10 UTC; level 3 (Cyn) at 09:20 UTC; level 4 (Dan)" in card
    assert await bot.page() == ("trigger", 4)
    mails = [(mail.channel, mail.body.title) for mail in await bot.all("mail")]
    assert mails == [
        ("alerts@novapulse.com", f"{words}: redis is away") for words in ("Critical", *["Nobody has acknowledged"] * 3)
    ]


async def test_an_acknowledgement_stops_it_and_its_owner_is_reminded(bot: Bot) -> None:
    await bot.at(0)
    await bot.acknowledge(5)
    for minute in (5, 15, 40, 124):
        await bot.at(minute)
    assert await bot.mentions() == []
    assert await bot.page() == ("acknowledge", 2)
    for minute in (125, 126, 244, 245):
        await bot.at(minute)
    assert await bot.mentions() == [(125, "U2"), (245, "U2")]
    titles = [one.body.title for one in await bot.all("slack") if one.thread_of]
    assert titles == ["Still firing: redis is away"] * 2
    assert "took this 2 h ago, and it still fires" in str((await bot.all("slack"))[1].body)


async def test_who_was_called_in_vain_is_the_past_once_somebody_has_it(bot: Bot) -> None:
    await bot.at(0)
    await bot.at(10)
    assert "Called, and not acknowledged: level 1 (Ann)" in await bot.card()
    await bot.acknowledge(11)
    await bot.at(12)
    card = await bot.card()
    assert "Called before that: level 1 (Ann)" in card
    assert "not acknowledged" not in card


async def test_its_end_is_told_to_pagerduty_and_ends_the_calls(bot: Bot) -> None:
    await bot.at(0)
    await bot.at(1, up=("redis",))
    for minute in (2, 15):
        await bot.at(minute, up=("redis",))
    assert await bot.page() == ("resolve", 2)
    assert await bot.mentions() == []


async def test_what_is_silenced_calls_nobody_and_begins_anew_when_it_rings_again(bot: Bot) -> None:
    await bot.at(0)
    matchers = ("system=redis",)
    silence = Silence.model_validate(
        {"id": "s1", "matchers": matchers, "owner": ANN, "reason": "r", "since": NOW, "until": NOW + 30 * MINUTE}
    )
    await bot.silences.start(silence)
    for minute in (1, 12, 29):
        await bot.at(minute)
    assert await bot.mentions() == []
    # An acknowledgement would keep it from ringing when the silence ends.
    assert await bot.page() == ("resolve", 2)
    for minute in (30, 39, 40):
        await bot.at(minute)
    assert await bot.mentions() == [(30, "U1"), (40, "U2")]
    assert (await bot.page())[0] == "trigger"


async def test_whoever_stands_in_is_mentioned_and_called(bot: Bot) -> None:
    for level, person in ((1, "U5"), (2, "U4")):
        times = {"since": NOW, "until": NOW + 60 * MINUTE, "made_at": NOW}
        made = Override.model_validate({"id": f"o{level}", "level": level, "person": person, "by": ANN} | times)
        await bot.overrides.start(made.model_dump(mode="json"))
    for minute in (0, 10):
        await bot.at(minute)
    assert "id='U5', name='Eve', notify=True" in await bot.card()
    assert await bot.mentions() == [(10, "U4")]


async def test_a_level_with_nobody_is_skipped_at_once_and_the_card_says_so(bot: Bot) -> None:
    levels = [{"title": "L1"}, {"title": "L2", "people": ["U2"]}]
    section = {"oncall": {"levels": levels}, "escalation": {"after": ["10m"]}}
    bot.rules = Policy.model_validate(POLICY | section)
    await bot.at(0)
    card = await bot.card()
    assert "id='U5', name='Eve', notify=True" in card, "where nobody is known the role is mentioned"
    assert "level 1 skipped, nobody is known to be on call; level 2 (Bob) at 09:00 UTC" in card
    assert await bot.mentions() == [(0, "U2")]


async def test_a_storm_calls_each_level_with_one_message(bot: Bot) -> None:
    systems = [f"s{number}" for number in range(12)]
    for minute in (0, 5, 10, 11):
        await bot.at(minute, *systems)
    first, second = await bot.all("slack")
    assert first.body.title == "12 new alerts at once"
    assert second.body.title == "Nobody has acknowledged: 12 alerts"
    assert str(second.body).count("notify=True") == 1
    assert len(await bot.all("pagerduty")) == 12
    mails = [mail.body.title for mail in await bot.all("mail")]
    assert mails == ["Critical at once: 12 alerts", "Nobody has acknowledged: 12 alerts"]


async def test_without_other_ways_only_slack_is_told(bot: Bot) -> None:
    stores = Stores(bot.database, bot.incidents, Samples(bot.database), bot.outbox, bot.silences)
    bot.alerting = Alerting(stores, policy=lambda: bot.rules, catalog=Catalog({}, {}), channel="C1")
    for minute in (0, 10):
        await bot.at(minute)
    assert [len(await bot.all(via)) for via in ("slack", "pagerduty", "mail")] == [2, 0, 0]


async def test_the_first_call_goes_the_ways_of_the_routes_and_its_thread_is_where_its_card_is(bot: Bot) -> None:
    routes: dict[str, Any] = {
        "receivers": {"room": {"slack": "C9", "mail": True}},
        "routes": [{"receivers": ["room"]}],
    }
    bot.rules = Policy.model_validate(POLICY | routes)
    await bot.at(0)
    assert [mail.body.title for mail in await bot.all("mail")] == ["redis is away"]
    assert await bot.all("pagerduty") == []
    await bot.at(10)
    assert await bot.page() == ("trigger", 1)
    assert [mail.body.title for mail in await bot.all("mail")][1:] == ["Nobody has acknowledged: redis is away"]
    assert {one.channel for one in await bot.all("slack")} == {"C9"}


async def test_many_ticks_at_one_moment_call_once(bot: Bot) -> None:
    for minute in (0, 0, 10, 10, 10):
        await bot.at(minute)
    assert await bot.mentions() == [(10, "U2")]
    assert await bot.page() == ("trigger", 2)


async def test_whoever_is_called_and_has_an_address_is_mailed_there_too(bot: Bot) -> None:
    people = NAMES | {
        "U1": {"name": "Ann", "email": "ann@example.com"},
        "U3": {"name": "Cyn", "email": "c@example.com"},
    }
    routes: dict[str, Any] = {"receivers": {"room": {"slack": True}}, "routes": [{"receivers": ["room"]}]}
    bot.rules = Policy.model_validate(POLICY | routes | {"people": people})
    for minute in (0, 10, 20):
        await bot.at(minute)
    mails = [((mail.created_at - NOW) / MINUTE, mail.channel) for mail in await bot.all("mail")]
    alerts = "alerts@novapulse.com"
    assert sorted(mails) == [(0, "ann@example.com"), (10, alerts), (20, alerts), (20, "c@example.com")]
    await bot.at(21, up=("redis",))
    told = {mail.channel for mail in await bot.all("mail") if mail.created_at == bot.now}
    assert told == {"ann@example.com", alerts, "c@example.com"}, "its end is told to whoever was called"


async def test_a_storm_is_one_mail_to_whoever_is_called(bot: Bot) -> None:
    people = NAMES | {"U1": {"name": "Ann", "email": "ann@example.com"}}
    bot.rules = Policy.model_validate(POLICY | {"people": people})
    await bot.at(0, *[f"s{number}" for number in range(12)])
    mails = [(mail.channel, mail.body.title) for mail in await bot.all("mail")]
    assert sorted(mails) == [
        ("alerts@novapulse.com", "Critical at once: 12 alerts"),
        ("ann@example.com", "Critical at once: 12 alerts"),
    ]


async def test_a_storm_with_long_words_is_called_in_one_message_that_ends_where_it_should(bot: Bot) -> None:
    systems = [f"{'x' * 400} s{number:02}" for number in range(60)]
    for minute in (0, 10):
        await bot.at(minute, *systems)
    began, called = await bot.all("slack")
    for body, rest in ((began.body, "and 20 more, 20 of them critical"), (called.body, "and 20 more")):
        blocks = render(body).blocks
        assert problems(blocks) == []
        assert "(cut)" not in str(blocks)
        assert "do not fit" not in str(blocks)
        assert rest in str(blocks)
    assert "/alerts lists all of them with their buttons." in str(called.body)


async def test_a_storm_names_first_what_waits_longest(bot: Bot) -> None:
    late, early = [f"late{number}" for number in range(6)], [f"early{number}" for number in range(6)]
    for minute in (0, 10, 20):
        await bot.at(minute, *early, *(late if minute >= 10 else ()))
    lines = [part.label for part in (await bot.all("slack"))[-1].body.parts if isinstance(part, Line)]
    assert lines == [f"{name} is away" for name in (*early, *late)]
    levels = [part.value for part in (await bot.all("slack"))[-1].body.parts if isinstance(part, Line)]
    assert levels == ["level 3"] * 6 + ["level 2"] * 6


async def test_a_storm_that_goes_on_is_one_mail(bot: Bot) -> None:
    routes: dict[str, Any] = {
        "receivers": {"room": {"slack": True, "mail": True}},
        "routes": [{"receivers": ["room"]}],
        "escalation": {"after": []},
    }
    bot.rules = Policy.model_validate(POLICY | routes)
    systems = [f"s{number}" for number in range(12)]
    for minute in (0, 240, 241):
        await bot.at(minute, *systems)
    mails = [mail.body.title for mail in await bot.all("mail") if mail.created_at > NOW]
    assert mails == ["12 alerts still fire"]
