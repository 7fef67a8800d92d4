"""What is interrupted for a while: within its limit, on and off, a warning only; the calls wait and go on after it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.policy import Policy
from bot.schedule import Observation
from bot.silence import Silence
from bot.stores.database import Database
from tests.alerting.test_escalation import ANN, MINUTE, NOW, POLICY, RULE, Bot
from tests.own_database import with_tables

UP = ("redis",)
LEVELS = [(10, "U2"), (20, "U3"), (30, "U4")]
LOAD: dict[str, Any] = {"name": "load", "metric": "load", "warning": 1, "critical": 2, "summary": "{pod} is loaded"}


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield Bot(database)
    await database.close()


def ruled(bot: Bot, rule: dict[str, Any], **sections: Any) -> None:
    bot.rules = Policy.model_validate(POLICY | {"alerts": [rule]} | sections)


async def minutes(bot: Bot, until: float, is_up: Any) -> None:
    """Let a tick pass every half minute, up or down as ``is_up`` says of the minute."""
    for half in range(int(until * 2)):
        bot.restart()  # whatever it knows is in the database
        await bot.at(half / 2, up=UP if is_up(half / 2) else ())


async def loads(bot: Bot, minute: float, **pods: float) -> None:
    bot.minute = minute
    seen = [Observation(metric="load", labels={"pod": pod}, value=value, at=bot.now) for pod, value in pods.items()]
    await bot.alerting.tick(seen, bot.now)


async def rings(bot: Bot, words: str) -> list[float]:
    """Return at which minutes something that begins so was said in a thread."""
    said = [one for one in await bot.all("slack") if one.thread_of and one.body.title.startswith(words)]
    return [(one.created_at - NOW).total_seconds() / 60 for one in said]


async def test_one_good_reading_now_and_then_stops_no_call(bot: Bot) -> None:
    ruled(bot, RULE | {"keep_firing": "2m"})
    await minutes(bot, 40, lambda minute: minute > 0 and minute % 9 == 0)
    assert await bot.mentions() == LEVELS
    assert "level 3 (Cyn) at 09:20 UTC; level 4 (Dan) at 09:30 UTC" in await bot.card()


async def test_nobody_is_called_while_it_is_within_its_limit_but_at_the_first_reading_beyond_it(bot: Bot) -> None:
    ruled(bot, RULE | {"keep_firing": "2m"})
    await minutes(bot, 25, lambda minute: 9 <= minute < 10.5 or 19.5 <= minute <= 20.5)
    assert await bot.mentions() == [(10.5, "U2"), (21, "U3")]


async def test_what_is_on_and_off_reaches_every_level_and_rings_again(bot: Bot) -> None:
    ruled(bot, RULE, notifications={"repeat_interval": "1h"})
    await minutes(bot, 120, lambda minute: minute % 7 >= 5)
    assert (await bot.incident()).flapping
    # The third time it began, at minute 14, it was found to be on and off; each level comes while it is down.
    assert await bot.mentions() == [(24, "U2"), (35, "U3"), (44, "U4"), (74, "U1")]
    assert await rings(bot, "Still firing") == [74]


async def test_what_is_on_and_off_is_not_said_to_fire_while_it_does_not(bot: Bot) -> None:
    ruled(bot, RULE, notifications={"repeat_interval": "21m"})
    await minutes(bot, 43, lambda minute: minute % 7 >= 5)
    assert await rings(bot, "Still firing") == [35]


async def test_within_its_limit_it_is_not_said_to_fire_either(bot: Bot) -> None:
    ruled(bot, RULE | {"keep_firing": "5m"}, notifications={"repeat_interval": "1h"})
    await minutes(bot, 65, lambda minute: 58 <= minute < 62)
    assert await rings(bot, "Still firing") == [62]


async def test_whoever_has_it_is_not_told_that_it_goes_on_while_it_does_not(bot: Bot) -> None:
    ruled(bot, RULE | {"keep_firing": "5m"})
    await bot.at(0)
    await bot.acknowledge(1)
    for minute in (119, 120, 122, 123):
        await bot.at(minute, up=UP)
    assert await rings(bot, "Still firing") == []
    await bot.at(123.5)
    assert await rings(bot, "Still firing") == [123.5]


async def test_what_is_a_warning_for_a_moment_goes_on_where_it_was(bot: Bot) -> None:
    ruled(bot, LOAD)
    for minute in range(32):
        await loads(bot, minute, p=1.5 if minute % 5 == 4 else 3)
    assert [one for one in await bot.mentions() if one[1] != "U1"] == LEVELS


async def test_a_moment_as_a_warning_does_not_end_it_later_on(bot: Bot) -> None:
    ruled(bot, LOAD, escalation={"after": ["20m"]})
    for minute in range(22):
        await loads(bot, minute, p=1.5 if minute == 4 else 3)
    assert [one for one in await bot.mentions() if one[1] != "U1"] == [(20, "U2")]


async def test_what_was_a_warning_for_as_long_as_calm_takes_begins_anew(bot: Bot) -> None:
    ruled(bot, LOAD)
    for minute in range(60):
        await loads(bot, minute, p=1.5 if 5 <= minute < 16 else 3)
    assert await bot.mentions() == [(16, "U1"), (26, "U2"), (36, "U3"), (46, "U4")]


async def test_a_shared_card_is_calm_only_when_all_that_is_as_bad_is(bot: Bot) -> None:
    ruled(bot, LOAD | {"keep_firing": "30m"}, notifications={"group_by": ["alert"]})
    await loads(bot, 0, p=3, q=3)
    for minute in (9, 10, 11):
        await loads(bot, minute, p=0, q=3)
    assert await bot.mentions() == [(10, "U2")]
    await loads(bot, 19, p=0, q=0)
    await loads(bot, 20, p=0, q=0)
    assert await bot.mentions() == [(10, "U2")]
    await loads(bot, 21, p=3, q=0)
    assert await bot.mentions() == [(10, "U2"), (21, "U3")]


async def test_what_is_said_once_is_not_said_again_and_reminds_nobody(bot: Bot) -> None:
    route = {"matchers": ["alert=silent"], "receivers": ["room"], "repeat_interval": "0s"}
    routes = {"receivers": {"room": {"slack": True}}, "routes": [route, {"receivers": ["room"]}]}
    rule = {"name": "silent", "metric": "up", "below": True, "warning": 1, "summary": "{system} is silent"}
    ruled(bot, rule, **routes)
    for hour in range(48):
        await bot.at(60 * hour)
    assert [one.body.title for one in await bot.all("slack")] == ["redis is silent"]
    await bot.acknowledge(60 * 48)
    for hour in range(48, 72):
        await bot.at(60 * hour)
    assert [one.body.title for one in await bot.all("slack")] == ["redis is silent"]


def silenced(bot: Bot, **more: Any) -> Silence:
    """Return a silence of what is down, from now on until that is resolved."""
    words = {"id": "s1", "matchers": ("system=redis",), "owner": ANN, "reason": "r"}
    times = {"since": bot.now, "until": bot.now + 600 * MINUTE, "until_resolved": True}
    return Silence.model_validate(words | times | more)


async def on_and_off(bot: Bot) -> None:
    """Let it begin three times, so that it is on and off; its card is open from minute 14 on, and it is down at 15."""
    await minutes(bot, 15.5, lambda minute: minute % 7 >= 5)
    assert (await bot.incident()).flapping


async def test_until_resolved_lasts_while_the_card_of_what_is_on_and_off_is_open(bot: Bot) -> None:
    await on_and_off(bot)
    await bot.silences.start(silenced(bot))
    for minute, up in ((16, ()), (17, UP), (19, UP), (22, ()), (23, UP), (32.5, UP)):
        await bot.at(minute, up=up)
        assert [one.id for one in await bot.silences.active(bot.now)] == ["s1"]
        assert (await bot.incident()).muted.startswith("silenced by Ann")
    assert await rings(bot, "No longer muted") == []
    await bot.at(33, up=UP)
    assert await bot.incidents.firing() == {}
    await bot.at(33.5, up=UP)
    assert await bot.silences.active(bot.now) == []


async def test_until_resolved_of_another_thing_ends_though_that_card_is_open(bot: Bot) -> None:
    await on_and_off(bot)
    await bot.silences.start(silenced(bot, matchers=("system=mongodb",)))
    await bot.at(17, up=UP)
    assert await bot.silences.active(bot.now) == []


async def test_what_is_on_and_off_keeps_its_card_while_another_schedule_looks_at_other_things(bot: Bot) -> None:
    await on_and_off(bot)
    for minute in (17, 18, 26):
        await bot.at(minute, up=UP)
        await bot.alerting.tick([], bot.now)
        assert (await bot.incident()).calm_since == NOW + 17 * MINUTE
    bot.minute = 27
    await bot.alerting.tick([], bot.now)
    assert await bot.incidents.firing() == {}
    assert "Resolved after" in (await bot.all("slack"))[-1].body.title


async def test_what_is_muted_no_longer_rings_with_the_first_reading_beyond_its_limit(bot: Bot) -> None:
    ruled(bot, RULE | {"keep_firing": "5m"})
    await bot.at(0)
    await bot.silences.start(silenced(bot, until=NOW + 30 * MINUTE, until_resolved=False))
    await bot.at(1)
    for minute in (29, 30, 31):
        await bot.at(minute, up=UP)
    assert (await bot.incident()).muted == ""
    assert await rings(bot, "No longer muted") == []
    assert await bot.mentions() == []
    assert await bot.page() == ("resolve", 2)
    for minute in (32, 33, 42):
        await bot.at(minute)
    assert await rings(bot, "No longer muted") == [32]
    assert await bot.mentions() == [(32, "U1"), (42, "U2")]
    assert (await bot.page())[0] == "trigger"


async def test_what_was_muted_from_its_beginning_is_heard_with_the_first_reading_beyond_its_limit(bot: Bot) -> None:
    ruled(bot, RULE | {"keep_firing": "5m"})
    await bot.silences.start(silenced(bot, until=NOW + 30 * MINUTE, until_resolved=False))
    await bot.at(1)
    for minute in (29, 31):
        await bot.at(minute, up=UP)
    assert await bot.all("slack") == []
    await bot.at(32)
    assert [one.body.title for one in await bot.all("slack")] == ["redis is away"]
