"""Whom an alert reaches and whom not: by its rule's labels, while it is muted, and how often it has to begin."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy import Policy
from bot.silence import Silence
from bot.stores.database import Database
from tests.alerting.test_escalation import ANN, MINUTE, NOW, POLICY, RULE, Bot
from tests.alerting.test_interruptions import LOAD, UP, loads, rings, ruled
from tests.own_database import with_tables

ONCALL: dict[str, Any] = {
    "receivers": {"room": {"slack": True}, "oncall": {"slack": True, "pagerduty": True, "mail": True}},
    "routes": [{"matchers": ["severity=critical"], "receivers": ["oncall"]}, {"receivers": ["room"]}],
}


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    database = Database(f"sqlite:///{tmp_path / 'state.db'}")
    await with_tables(database)
    yield Bot(database)
    await database.close()


def silence(*matchers: str, minutes: float) -> Silence:
    words = {"id": "s1", "matchers": matchers, "owner": ANN, "reason": "r", "since": NOW}
    return Silence.model_validate(words | {"until": NOW + minutes * MINUTE})


async def test_a_rules_own_labels_are_what_routes_go_by(bot: Bot) -> None:
    routes = {
        "receivers": {"data": {"slack": "C7"}, "room": {"slack": True}},
        "routes": [{"matchers": ["team=data"], "receivers": ["data"]}, {"receivers": ["room"]}],
    }
    ruled(bot, RULE | {"labels": {"team": "data"}}, **routes)
    await bot.at(0)
    assert [one.channel for one in await bot.all("slack")] == ["C7"]


async def test_a_rules_own_labels_are_what_silences_and_inhibitions_go_by(bot: Bot) -> None:
    rules = [RULE | {"labels": {"team": "data"}}, RULE | {"name": "late", "labels": {"team": "web"}}]
    inhibitions = [{"source": ["team=data"], "target": ["team=web"]}]
    bot.rules = Policy.model_validate(POLICY | {"alerts": rules, "inhibitions": inhibitions})
    await bot.silences.start(silence("team=data", minutes=60))
    await bot.at(0)
    muted = {one.alert.labels["alert"]: one.muted for one in (await bot.incidents.firing()).values()}
    assert muted["down"].startswith("silenced by Ann")
    assert muted["late"] == 'explained by "redis is away"'
    assert await bot.all("slack") == []


async def test_a_silenced_warning_that_turns_critical_pages_and_mails_nobody_until_that_ends(bot: Bot) -> None:
    ruled(bot, LOAD, **ONCALL)
    await loads(bot, 0, p=1.5)
    await bot.silences.start(silence("pod=p", minutes=30))
    await loads(bot, 1, p=1.5)
    await bot.acknowledge(2)
    for minute in (3, 15, 29):
        await loads(bot, minute, p=3)
    incident = await bot.incident()
    assert (incident.severity, incident.acknowledged_by) == ("critical", ""), "whoever has it has a warning in hand"
    assert await bot.all("pagerduty") == []
    assert await bot.all("mail") == []
    assert await bot.mentions() == []
    await loads(bot, 30, p=3)
    assert await bot.page() == ("trigger", 1)
    assert [mail.channel for mail in await bot.all("mail")] == ["alerts@novapulse.com"]
    assert await bot.mentions() == [(30, "U1")]


async def test_whoever_has_what_is_muted_is_not_reminded_of_it(bot: Bot) -> None:
    ruled(bot, RULE)
    await bot.at(0)
    await bot.acknowledge(1)
    await bot.silences.start(silence("system=redis", minutes=200))
    for minute in (2, 121, 122, 199):
        await bot.at(minute)
    assert await rings(bot, "Still firing") == []
    await bot.at(241)
    assert await rings(bot, "Still firing") == [241]


@pytest.mark.parametrize(("apart", "is_flapping"), [(14, True), (16, False)])
async def test_what_began_three_times_is_on_and_off_only_within_half_an_hour(
    bot: Bot, apart: int, is_flapping: bool
) -> None:
    assert bot.rules.flapping.within == timedelta(minutes=30)
    for number in range(3):
        await bot.at(number * apart)
        await bot.at(number * apart + 5, up=UP if number < 2 else ())
    assert (await bot.incident()).flapping is is_flapping


async def test_a_digest_mentions_whoever_is_on_call_where_any_of_it_is_critical(bot: Bot) -> None:
    ruled(bot, LOAD)
    warnings = {f"p{number}": 1.5 for number in range(11)}
    await loads(bot, 0, **warnings)
    await loads(bot, 1, **warnings, **{f"q{number}": 3.0 if number == 7 else 1.5 for number in range(11)})
    first, second = await bot.all("slack")
    assert first.body.title == second.body.title == "11 new alerts at once"
    assert "notify=True" not in str(first.body)
    assert "id='U1', name='Ann', notify=True" in str(second.body)
