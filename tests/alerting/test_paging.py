"""A page that nobody acknowledges, as people meet it: who is called in which minute, until somebody has it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.alerting.notify import Ways
from bot.alerting.oncall_actions import OnCallActions
from bot.alerting.paging import Paging
from bot.freeze import Freeze
from bot.policy import Policy
from bot.request import Actor
from bot.rota import Override
from bot.silence import Silence
from bot.stores.database import Database
from bot.stores.escalations import Escalations
from bot.stores.freezes import Freezes
from bot.stores.outbox import Delivery, Outbox
from bot.stores.overrides import Overrides
from bot.stores.pages import Page, Pages
from bot.stores.silences import Silences
from tests.alerting.test_escalation import ANN, NOW, POLICY
from tests.own_database import with_tables

MINUTE = timedelta(minutes=1)
WAYS = Ways("C1", pagerduty=True, address="alerts@novapulse.com")


class Dying(Database):
    """A database whose process is killed before it has committed anything."""

    @asynccontextmanager
    async def transaction(self, joined: AsyncConnection | None = None) -> AsyncIterator[AsyncConnection]:
        async with super().transaction(joined) as connection:
            yield connection
            if joined is None:
                raise ConnectionAbortedError


class Bot:
    """The pages of one process, and a clock."""

    def __init__(self, database: Database) -> None:
        self.database, self.outbox = database, Outbox(database)
        self.rules = Policy.model_validate(POLICY)
        self.minute = 0.0
        self.acts = OnCallActions(database, lambda: self.rules, ways=WAYS, clock=lambda: self.now)

    @property
    def now(self) -> datetime:
        return NOW + self.minute * MINUTE

    async def page(self, level: int = 1, name: str = "p1", reason: str = "nobody can log in") -> None:
        page = Page(id=name, level=level, people=(f"U{level}",), reason=reason, by=ANN, at=self.now)
        assert (await self.acts.page(page.model_dump(mode="json")))["changed"] is True

    async def at(self, *minutes: float) -> None:
        """Look at these minutes, each time as a process that has just started."""
        for self.minute in minutes:
            await Paging(self.database, lambda: self.rules, ways=WAYS).tick(self.now)

    async def said(self, via: str = "slack") -> list[Delivery]:
        found = [one for one in await self.outbox.undelivered(self.now + timedelta(days=9)) if one.via == via]
        return sorted(found, key=lambda one: (one.created_at, one.key))

    async def mentions(self) -> list[tuple[float, str]]:
        """Return who was mentioned in the card's thread: the minute and the id."""
        found = []
        for message in await self.said():
            if message.thread_of:
                people = [part for part in str(message.body).split("id='") if "notify=True" in part.split(")")[0]]
                found += [((message.created_at - NOW) / MINUTE, part.partition("'")[0]) for part in people]
        return found

    async def card(self, name: str = "p1") -> Delivery:
        found = await self.outbox.posted(f"page:{name}")
        assert found is not None
        return found

    async def told(self) -> tuple[str, int]:
        (only,) = await self.said("pagerduty")
        assert only.page is not None
        return only.page.action, only.version


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield Bot(database)
    await database.close()


async def test_level_after_level_is_called_each_once_by_every_way(bot: Bot) -> None:
    await bot.page()
    await bot.at(*range(0, 40, 2))
    assert await bot.mentions() == [(10, "U2"), (20, "U3"), (30, "U4")]
    assert await bot.told() == ("trigger", 4)
    mails = [mail.body.title for mail in await bot.said("mail")]
    assert mails == [
        "Page: nobody can log in",
        *["Nobody has acknowledged: page of Ann: nobody can log in"] * 3,
    ]
    card = str((await bot.card()).body)
    assert "level 1 (Ann) at 09:00 UTC; level 2 (Bob) at 09:10 UTC; level 3 (Cyn) at 09:20 UTC; level 4 (Dan)" in card
    assert "Nobody further is called" in card


async def test_the_card_says_what_comes_next_and_that_the_last_level_is_called_again(bot: Bot) -> None:
    bot.rules = Policy.model_validate(POLICY | {"escalation": {"after": ["10m"], "repeat": "30m"}})
    await bot.page()
    assert "Next, unless somebody has it: Level 2, L2, at " in str((await bot.card()).body)
    await bot.at(10)
    assert "Next, unless somebody has it: Level 2, L2, again at " in str((await bot.card()).body)
    await bot.at(39, 40, 41, 70, 100)
    assert await bot.mentions() == [(10, "U2"), (40, "U2"), (70, "U2"), (100, "U2")]
    calls = (await Escalations(bot.database).of(["page-p1"]))["page-p1"]
    assert [(call.level, call.number) for call in calls] == [(1, 1), (2, 5)], "however often the last one is called"


async def test_a_page_of_a_level_further_up_goes_on_from_there(bot: Bot) -> None:
    await bot.page(level=3)
    await bot.at(9, 10, 11, 60)
    assert await bot.mentions() == [(10, "U4")]


async def test_an_acknowledgement_stops_it_and_its_owner_is_reminded(bot: Bot) -> None:
    await bot.page()
    await bot.at(10)
    bot.minute = 11
    await bot.acts.acknowledge("p1", "Bob")
    assert "Called before that: level 1 (Ann) at 09:00 UTC; level 2 (Bob)" in str((await bot.card()).body)
    await bot.at(20, 30, 130, 131, 132)
    assert await bot.mentions() == [(10, "U2"), (131, "U2")]
    reminder = (await bot.said())[-1]
    assert reminder.body.title == "Still open: page of Ann: nobody can log in"
    assert "took this 2 h ago, and it is still open. /page end p1 says that it is over." in str(reminder.body)
    assert (await bot.told())[0] == "acknowledge"


async def test_its_end_ends_the_calls(bot: Bot) -> None:
    await bot.page()
    await bot.acts.end("p1", "Ann")
    await bot.at(10, 30)
    assert await bot.mentions() == []
    assert await bot.told() == ("resolve", 2)
    calls = await Escalations(bot.database).of(["page-p1"])
    assert [call.level for call in calls["page-p1"]] == [1]


async def test_where_nothing_is_due_nothing_is_written(bot: Bot) -> None:
    await bot.page()
    before = await bot.said()
    await bot.at(1, 2, 9)
    assert await bot.said() == before


async def test_looks_at_the_same_moment_call_once(bot: Bot) -> None:
    await bot.page()
    bot.minute = 10
    several = [Paging(bot.database, lambda: bot.rules, ways=WAYS) for _ in range(3)]
    await asyncio.gather(*(one.tick(bot.now) for one in several))
    assert await bot.mentions() == [(10, "U2")]
    assert await bot.told() == ("trigger", 2)


async def test_a_look_that_dies_before_its_end_has_called_nobody_and_the_next_one_does(bot: Bot) -> None:
    await bot.page()
    bot.minute = 10
    dying = Dying(str(bot.database.url.set(drivername="sqlite")))
    with pytest.raises(ConnectionAbortedError):
        await Paging(dying, lambda: bot.rules, ways=WAYS).tick(bot.now)
    await dying.close()
    assert await bot.mentions() == []
    assert await bot.told() == ("trigger", 1)
    await bot.at(10, 11)
    assert await bot.mentions() == [(10, "U2")]
    assert await bot.told() == ("trigger", 2)


async def test_levels_that_were_due_while_no_bot_ran_are_called_when_one_does(bot: Bot) -> None:
    await bot.page()
    await bot.at(25)
    assert await bot.mentions() == [(25, "U2"), (25, "U3")]


async def test_neither_a_freeze_nor_a_silence_stops_it(bot: Bot) -> None:
    await bot.page()
    times = {"since": NOW, "until": NOW + timedelta(hours=2)}
    await Freezes(bot.database).freeze(Freeze(id="f1", scope="all", actor=ANN, **times).model_dump(mode="json"))
    about: dict[str, Any] = {"id": "s1", "matchers": ("page=~.+",), "owner": ANN, "reason": "maintenance"}
    await Silences(bot.database).start(Silence.model_validate(about | times))
    await bot.at(10)
    assert await bot.mentions() == [(10, "U2")]


async def test_whoever_stands_in_then_is_called_and_a_level_with_nobody_is_skipped(bot: Bot) -> None:
    levels: list[dict[str, Any]] = [{"title": f"L{level}", "people": [f"U{level}"]} for level in range(1, 5)]
    levels[1] = {"title": "L2"}
    bot.rules = Policy.model_validate(POLICY | {"oncall": {"levels": levels}})
    by = Actor(id="U1", name="Ann")
    times = {"since": NOW, "until": NOW + 60 * MINUTE, "made_at": NOW}
    made = Override.model_validate({"id": "o1", "level": 3, "person": "U5", "by": by} | times)
    await Overrides(bot.database).start(made.model_dump(mode="json"))
    await bot.page()
    await bot.at(10)
    assert await bot.mentions() == [(10, "U5")]
    assert "level 2 skipped, nobody is known to be on call; level 3 (Eve)" in str((await bot.card()).body)


async def test_a_page_that_is_raised_counts_from_then_on(bot: Bot) -> None:
    await bot.page()
    bot.minute = 4
    await bot.page(level=2, name="p2")
    await bot.at(10, 13)
    assert await bot.mentions() == [(4, "U2")]
    await bot.at(14)
    assert await bot.mentions() == [(4, "U2"), (14, "U3")]
    assert [one.page.id for one in await Pages(bot.database).open()] == ["p1"]


async def test_a_page_from_before_its_calls_were_on_record_calls_nobody_now(bot: Bot) -> None:
    old = Page(id="old", level=1, people=("U1",), reason="then", by=ANN, at=NOW - timedelta(days=3))
    async with bot.database.transaction() as connection:
        await Pages(bot.database).add(old, connection)
    await bot.at(0)
    assert await bot.mentions() == []
    assert "Next" not in str((await bot.card("old")).body)


async def test_pages_that_were_forgotten_are_in_no_new_ones_way(bot: Bot) -> None:
    async with bot.database.transaction() as connection:
        for number in range(201):
            old = Page(id=f"o{number}", level=1, people=("U1",), reason=f"then {number}", by=ANN, at=NOW - MINUTE)
            await Pages(bot.database).add(old, connection)
    await bot.page()
    await bot.at(10)
    assert await bot.mentions() == [(10, "U2")]


async def test_a_card_follows_the_policy_in_force(bot: Bot) -> None:
    await bot.page()
    bot.rules = Policy.model_validate(POLICY | {"escalation": {"after": ["3m"]}})
    await bot.at(1)
    assert datetime(2026, 7, 1, 9, 3, tzinfo=UTC).isoformat() in (await bot.card()).body.model_dump_json().replace(
        "Z", "+00:00"
    )
