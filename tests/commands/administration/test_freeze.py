"""``/freeze``: the plan that stops everybody, and the one that lets them go on."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.catalog import Catalog
from bot.dispatch.operations import Operations
from bot.dispatch.parse import bind, parse
from bot.errors import UsageError, UserError
from bot.plan import Plan
from bot.reply import Level, Reply
from bot.request import Actor, Request
from bot.stores.database import Database
from bot.stores.freezes import Freezes
from bot.stores.runs import Runs
from commands.administration.freeze import freeze
from tests.commands.said import said

Ask = Callable[..., Awaitable[Plan]]
Look = Callable[[], Awaitable[Reply]]


@pytest.fixture
def freezes(database: Database) -> Freezes:
    return Freezes(database)


@pytest.fixture
def ask(freezes: Freezes, runs: Runs, catalog: Catalog, approver: Actor, now: datetime) -> Ask:
    async def asked(*arguments: str, **more: Any) -> Plan:
        values = {"scope": "", "duration": ""} | dict(zip(("scope", "duration"), arguments, strict=False))
        request = Request(id=more.get("id", "r1"), actor=approver, command="/freeze", received_at=now)
        at = more.get("at", now)
        plan = await freeze.handler(**values, freezes=freezes, runs=runs, catalog=catalog, request=request, now=at)
        assert isinstance(plan, Plan)
        return plan

    return asked


@pytest.fixture
def look(freezes: Freezes, runs: Runs, catalog: Catalog, approver: Actor, now: datetime) -> Look:
    async def looked() -> Reply:
        request = Request(id="r0", actor=approver, command="/freeze", received_at=now)
        given = bind(freeze, parse(freeze, ""))
        reply = await freeze.handler(**given, freezes=freezes, runs=runs, catalog=catalog, request=request, now=now)
        assert isinstance(reply, Reply)
        return reply

    return looked


async def carried_out(plan: Plan, freezes: Freezes) -> None:
    operations = Operations({"freezes": freezes})
    for step in plan.steps:
        await operations.find(step)(**step.arguments)


async def test_everything_for_an_hour(ask: Ask, freezes: Freezes, now: datetime) -> None:
    plan = await ask("all")
    assert plan.title == "Freeze every changing command for 1 h"
    assert plan.changes[0].after == "refused until 2026-07-01 10:00 UTC, by approver"
    assert await freezes.in_force(now) == []
    await carried_out(plan, freezes)
    (found,) = await freezes.in_force(now)
    assert (found.scope, found.actor.name, found.until) == ("all", "approver", now + timedelta(hours=1))


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (("2h",), "Freeze every changing command for 2 h"),
        (("all", "2h"), "Freeze every changing command for 2 h"),
        (("", "2h"), "Freeze every changing command for 2 h"),
        (("workers", "30m"), "Freeze changing commands of workers for 30 min"),
        (("Workers",), "Freeze changing commands of workers for 1 h"),
    ],
)
async def test_what_and_for_how_long(ask: Ask, arguments: tuple[str, ...], title: str) -> None:
    assert (await ask(*arguments)).title == title


async def test_a_scope_says_which_commands_it_refuses_and_which_it_does_not(ask: Ask) -> None:
    (_, said) = (await ask("workers")).blast_radius
    refused, _, allowed = said.partition(". Still allowed, /freeze stops them too: ")
    assert refused == "Refused: /scale-workers, /set-concurrency"
    assert {"/restart", "/rollback", "/force-restart-workers", "/clear-failed"} <= set(allowed.split(", "))
    assert not {"/silence", "/freeze", "/scale-workers"} & set(allowed.split(", "))
    assert len((await ask("all")).blast_radius) == 1


async def test_the_bare_command_freezes_nothing_and_says_how(look: Look, freezes: Freezes, now: datetime) -> None:
    reply = await look()
    assert (reply.title, reply.level) == ("Nothing is frozen", Level.OK)
    assert "/freeze all 1h" in said(reply)
    assert "What can be frozen: all, " in said(reply)
    assert await freezes.in_force(now) == []


async def test_the_bare_command_shows_what_is_frozen_by_whom_and_until_when(
    look: Look, ask: Ask, freezes: Freezes
) -> None:
    await carried_out(await ask("workers", "2h"), freezes)
    reply = await look()
    assert (reply.title, reply.level) == ("1 freeze is in force", Level.WARNING)
    assert "workers" in said(reply).splitlines()
    assert "by approver since 2026-07-01 09:00 UTC, until 2026-07-01 11:00 UTC (2 h from now)" in said(reply)
    assert "/freeze off" in said(reply)
    await carried_out(await ask("all", id="r2"), freezes)
    assert (await look()).title == "2 freezes are in force"


async def test_planned_again_a_little_later_it_is_the_same(ask: Ask, now: datetime) -> None:
    first, again = await ask("2h"), await ask("2h", at=now + timedelta(seconds=40))
    assert first.digest("/freeze", {}) == again.digest("/freeze", {})


async def test_a_second_one_says_what_it_replaces(ask: Ask, freezes: Freezes, now: datetime) -> None:
    await carried_out(await ask("all"), freezes)
    plan = await ask("4h", id="r2")
    assert plan.changes[0].before == "refused until 2026-07-01 10:00 UTC, by approver"
    await carried_out(plan, freezes)
    assert [one.id for one in await freezes.in_force(now)] == ["r2"]


async def test_off_lifts_everything_or_one_scope(ask: Ask, freezes: Freezes, now: datetime) -> None:
    for number, scope in enumerate(("all", "workers", "mongo")):
        await carried_out(await ask(scope, id=f"r{number}"), freezes)
    await carried_out(await ask("workers", "off"), freezes)
    assert [one.scope for one in await freezes.in_force(now)] == ["all", "mongo"]
    with pytest.raises(UserError, match="workers is not frozen by itself") as raised:
        await ask("workers", "off")
    assert "/freeze off" in raised.value.hint
    await carried_out(await ask("off"), freezes)
    assert await freezes.in_force(now) == []
    with pytest.raises(UserError, match="Nothing is frozen"):
        await ask("off")


async def test_undo_lifts_this_freeze_and_no_other(ask: Ask, freezes: Freezes) -> None:
    plan = await ask("workers")
    await carried_out(plan, freezes)
    assert plan.undo is not None
    back = await ask(*map(str, plan.undo.arguments.values()))
    assert back.facts == plan.undo.expects
    await carried_out(await ask("workers", "5h", id="r2"), freezes)
    assert (await ask(*map(str, plan.undo.arguments.values()))).facts != plan.undo.expects


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("workrs",), "nothing called “workrs” to freeze: there are all, "),
        (("workers", "soon"), "such as 30m, 4h or 2d"),
        (("15d",), "at most 14d"),
        (("0m",), "at most 14d"),
        (("9999999999999d",), "at most 14d"),
    ],
)
async def test_bad_input(ask: Ask, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match="^.*" + words) as raised:
        await ask(*arguments)
    if "workrs" in arguments:
        assert raised.value.nearest == "workers"
