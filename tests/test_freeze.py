from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.catalog import load
from bot.freeze import EVERYTHING, OWN, Freeze, covering, resource_of, scopes
from bot.request import Actor

NOW = datetime(2026, 7, 1, 9, tzinfo=UTC)
CATALOG = load()


def freeze(scope: str = EVERYTHING, **more: Any) -> Freeze:
    actor = Actor(id="U1", name="Otto Oncall")
    return Freeze(id="r1", scope=scope, actor=actor, since=NOW, until=more.get("until", NOW + timedelta(hours=1)))


@pytest.mark.parametrize(
    ("scope", "command", "covered"),
    [
        (EVERYTHING, "/scale-workers", True),
        ("workers", "/scale-workers", True),
        ("mongo", "/scale-workers", False),
        ("mongo", "/step-down-primary", True),
        (EVERYTHING, "/health", False),
        (EVERYTHING, "/freeze", False),
        (EVERYTHING, "/silence", False),
    ],
)
def test_what_a_freeze_covers(scope: str, command: str, covered: bool) -> None:
    assert freeze(scope).covers(CATALOG.commands[command]) is covered


def test_every_changing_command_can_be_frozen_but_those_of_the_bots_own_state() -> None:
    known = scopes(CATALOG)
    assert {"all", "workers", "mongo"} <= set(known)
    assert not set(OWN) & set(known)
    changing = [one for one in CATALOG.commands.values() if one.changes and resource_of(one) not in OWN]
    assert all(freeze().covers(command) for command in changing)


def test_a_refusal_says_who_and_until_when() -> None:
    refused = freeze("workers").refusal(NOW + timedelta(minutes=15, seconds=1))
    assert refused.message == (
        "Every change of workers is frozen by Otto Oncall until 2026-07-01 10:00 UTC (45 min from now)."
    )
    assert "/freeze off" in refused.hint


def test_the_longest_of_several_is_named() -> None:
    longer = freeze("workers", until=NOW + timedelta(days=1))
    scale = CATALOG.commands["/scale-workers"]
    assert covering([freeze(), longer, freeze("mongo")], scale) is longer
    assert covering([freeze("mongo")], scale) is None
