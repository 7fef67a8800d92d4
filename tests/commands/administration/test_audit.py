"""``/audit``: every attempt, by person and by command."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.catalog import Catalog
from bot.errors import UsageError
from bot.policy_file import PolicyFile
from bot.reply import Level, Line, Reply
from bot.request import Actor, Decision, Request
from bot.slack.blocks import render
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan, Vote
from bot.stores.requests import Requests, Status
from commands.administration.audit import audit
from tests.commands.said import said


@pytest.fixture
def policy_in_berlin(policy: PolicyFile) -> PolicyFile:
    policy.current = policy.current.model_copy(update={"timezone": "Europe/Berlin"})
    return policy


Ask = Callable[..., Awaitable[Reply]]


@pytest.fixture
def ask(requests: Requests, plans: Plans, policy: PolicyFile, catalog: Catalog) -> Ask:
    async def asked(n: int = 10, **arguments: Any) -> Reply:
        needed = {"requests": requests, "plans": plans, "policy": policy, "catalog": catalog}
        reply = await audit.handler(n, **{"user": "", "command": ""} | arguments, **needed)
        assert isinstance(reply, Reply)
        assert reply.private
        return reply

    return asked


def lines(reply: Reply) -> list[Line]:
    return [part for part in reply.parts if isinstance(part, Line)]


def by_person(reply: Reply) -> dict[str, Line]:
    return {line.label.rpartition(" ")[2]: line for line in lines(reply)}


Record = Callable[..., Awaitable[None]]


@pytest.fixture
def record(requests: Requests, now: datetime) -> Record:
    async def recorded(actor: Actor, command: str, text: str, status: Status | None = None, outcome: str = "") -> None:
        number = len(await requests.search(limit=200))
        values = {"id": f"request-{number + 1}", "actor": actor, "command": command, "text": text}
        at = now + timedelta(seconds=number)
        await requests.open(Request.model_validate(values | {"received_at": at}), holder="bot-1")
        if status:
            await requests.close(f"request-{number + 1}", status, outcome, at)

    return recorded


@pytest.fixture
async def recorded(
    database: Database, requests: Requests, plans: Plans, stored_plan: StoredPlan, record: Record, now: datetime
) -> None:
    operator, approver, viewer = (
        Actor(id=f"U0{name.upper()}", name=name) for name in ("operator", "approver", "viewer")
    )
    await record(operator, "/scale-workers", "5")
    await record(viewer, "/scale-workers", "--token hunter2", "refused", "This needs the permission workers:scale")
    later = now + timedelta(seconds=3)
    click = Decision(id="d1", actor=approver, action="approve", subject=stored_plan.id, received_at=later)
    await requests.open(click, holder="bot-1")
    async with database.transaction() as connection:
        await plans.add(connection, stored_plan)
        await requests.planned(connection, "request-1", stored_plan.id, "plan k3v9x2mq7a")
        await plans.vote(connection, stored_plan.id, Vote(approver, "approve", "", later))


async def test_nothing_is_on_record(ask: Ask) -> None:
    assert (await ask()).title == "Nothing is on record"
    assert (await ask(user="@U0VIEWER")).title == "Nothing is on record by @U0VIEWER"
    assert (await ask(command="health")).title == "Nothing is on record of health"


@pytest.mark.usefixtures("recorded", "policy_in_berlin")
async def test_who_asked_for_what_and_who_approved(ask: Ask) -> None:
    found = by_person(await ask())
    assert found["operator"].label == "2026-07-01 11:00:00 operator"
    assert found["operator"].value == "/scale-workers 5 · not ended yet · approved by approver · plan k3v9x2mq7a"
    assert found["viewer"].value == "/scale-workers --token *** · refused: This needs the permission workers:scale"
    assert found["viewer"].level is Level.WARNING
    assert found["approver"].value == "clicked approve · not handled yet · plan k3v9x2mq7a"


async def test_who_acted_alone_broke_the_glass_and_approved_nothing(
    ask: Ask,
    database: Database,
    plans: Plans,
    requests: Requests,
    stored_plan: StoredPlan,
    record: Record,
    operator: Actor,
) -> None:
    await record(operator, "/scale-workers", "5")
    async with database.transaction() as connection:
        await plans.add(connection, stored_plan)
        await requests.planned(connection, "request-1", stored_plan.id, "")
        at = stored_plan.created_at
        await plans.vote(connection, stored_plan.id, Vote(Actor(id="U9", name="otto"), "break_glass", "fire", at))
        await requests.settle(connection, stored_plan.id, "failed", "failed: Step 1 (Scale): no", at)
    (line,) = lines(await ask())
    assert line.value == "/scale-workers 5 · failed: Step 1 (Scale): no · otto broke glass · plan k3v9x2mq7a"
    assert line.level is Level.CRITICAL


async def test_a_typing_error_is_no_refusal(ask: Ask, record: Record, operator: Actor) -> None:
    await record(operator, "/scale-workers", "many", "refused", "not understood: replicas has to be a whole number")
    await record(operator, "/scale-workers", "99", "refused", "99 is more than the 10 pods that the policy allows")
    await record(operator, "/scale-workers", "3", "refused", "denied: by approver: not on a Friday")
    refused, typing_error, denied = sorted(lines(await ask()), key=lambda line: line.value.partition(" · ")[2])[::-1]
    assert (refused.level, denied.level) == (Level.WARNING, Level.WARNING)
    assert " · refused: 99 is more" in refused.value
    assert " · denied: by approver" in denied.value
    assert typing_error.level is Level.INFO
    assert typing_error.value == "/scale-workers many · not understood: replicas has to be a whole number"


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("user", ["viewer", "@viewer", "U0VIEWER", "Vera Viewer", "vera"])
async def test_one_persons(ask: Ask, user: str) -> None:
    assert list(by_person(await ask(user=user))) == ["viewer"]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("typed", "meant"), [("@veraa", "Vera"), ("Olga Oprator", "Olga Operator"), ("x" * 10_000, "")]
)
async def test_a_name_that_nobody_has_is_said(ask: Ask, typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=r"Nobody of the name “.{1,60}” is known") as caught:
        await ask(user=typed)
    assert caught.value.nearest == meant
    assert len(caught.value.message) < 200


async def test_somebody_without_attempts_of_this_command_is_known(ask: Ask, record: Record) -> None:
    await record(Actor(id="U9", name="mallory"), "/health", "")
    assert (await ask(user="mallory", command="queue-stats")).title == "Nothing is on record by mallory of queue-stats"


async def test_a_command_that_does_not_exist_is_said(ask: Ask, record: Record, viewer: Actor) -> None:
    with pytest.raises(UsageError, match="There is no command “queue-stat”") as caught:
        await ask(command="queue-stat")
    assert caught.value.nearest == "/queue-stats"
    await record(viewer, "/queue-stat", "", "refused", "not understood: There is no command /queue-stat.")
    assert len(lines(await ask(command="queue-stat"))) == 1


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("command", ["scale-workers", "/scale-workers", "/Scale-Workers"])
async def test_one_commands_with_the_clicks_on_it(ask: Ask, command: str) -> None:
    reply = await ask(command=command)
    assert set(by_person(reply)) == {"operator", "viewer", "approver"}
    assert f"of {command}" in reply.title


@pytest.mark.usefixtures("recorded")
async def test_the_newest_only(ask: Ask) -> None:
    reply = await ask(1)
    assert len(lines(reply)) == 1
    assert "Times are UTC." in said(reply)


async def test_fifty_long_ones_are_all_in_the_message(ask: Ask, record: Record, operator: Actor) -> None:
    for number in range(50):
        await record(operator, "/scale-workers", f"{number} " + "x" * 500, "refused", f"outcome {number} " + "y" * 500)
    blocks = str(render(await ask(50)).blocks)
    assert all(f"/scale-workers {number} xxx" in blocks for number in range(50))
    assert all(f"outcome {number} yyy" in blocks for number in range(50))
    assert "do not fit" not in blocks
