"""``/audit``: every attempt, by person and by command."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.policy_file import PolicyFile
from bot.reply import Reply, Table
from bot.request import Actor, Decision, Request
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan, Vote
from bot.stores.requests import Requests
from commands.administration.audit import audit
from tests.commands.said import said


@pytest.fixture
def policy_in_berlin(policy: PolicyFile) -> PolicyFile:
    policy.current = policy.current.model_copy(update={"timezone": "Europe/Berlin"})
    return policy


async def ask(requests: Requests, policy: PolicyFile, n: int = 10, **arguments: Any) -> Reply:
    reply = await audit.handler(n, requests=requests, policy=policy, **{"user": "", "command": ""} | arguments)
    assert isinstance(reply, Reply)
    assert reply.private
    return reply


def rows(reply: Reply) -> tuple[tuple[str, ...], ...]:
    return next((part.rows for part in reply.parts if isinstance(part, Table)), ())


@pytest.fixture
async def recorded(
    database: Database,
    requests: Requests,
    plans: Plans,
    stored_plan: StoredPlan,
    operator: Actor,
    approver: Actor,
    viewer: Actor,
    now: datetime,
) -> None:
    async def opened(**values: Any) -> None:
        await requests.open(Request.model_validate(values), holder="bot-1")

    await opened(id="request-1", actor=operator, command="/scale-workers", text="5", received_at=now)
    later = now + timedelta(seconds=1)
    await opened(id="request-2", actor=viewer, command="/scale-workers", text="--token hunter2", received_at=later)
    await requests.close("request-2", "refused", "This needs the permission workers:scale", later)
    click = Decision(id="d1", actor=approver, action="approve", subject=stored_plan.id, received_at=later)
    await requests.open(click, holder="bot-1")
    async with database.transaction() as connection:
        await plans.add(connection, stored_plan)
        await requests.planned(connection, "request-1", stored_plan.id, "waits for approval")
        await plans.vote(connection, stored_plan.id, Vote(approver, "approve", "", later))


async def test_nothing_is_on_record(requests: Requests, policy: PolicyFile) -> None:
    assert (await ask(requests, policy)).title == "Nothing is on record"
    assert (await ask(requests, policy, user="@eve")).title == "Nothing is on record by @eve"


@pytest.mark.usefixtures("recorded")
async def test_who_asked_for_what_and_who_approved(requests: Requests, policy_in_berlin: PolicyFile) -> None:
    found = {row[1]: row for row in rows(await ask(requests, policy_in_berlin))}
    assert found["operator"] == (
        "2026-07-01 11:00:00",
        "operator",
        "/scale-workers 5 [k3v9x2mq7a]",
        "planned",
        "waits for approval",
        "approver",
    )
    assert found["viewer"][2:5] == ("/scale-workers --token ***", "refused", "This needs the permission workers:scale")
    assert found["approver"][2] == "approve [k3v9x2mq7a]"


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("user", ["viewer", "@viewer", "U0VIEWER"])
async def test_one_persons(requests: Requests, policy: PolicyFile, user: str) -> None:
    assert [row[1] for row in rows(await ask(requests, policy, user=user))] == ["viewer"]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("command", ["scale-workers", "/scale-workers", "/Scale-Workers"])
async def test_one_commands_with_the_clicks_on_it(requests: Requests, policy: PolicyFile, command: str) -> None:
    reply = await ask(requests, policy, command=command)
    assert {row[1] for row in rows(reply)} == {"operator", "viewer", "approver"}
    assert f"of {command}" in reply.title


@pytest.mark.usefixtures("recorded")
async def test_the_newest_only(requests: Requests, policy: PolicyFile) -> None:
    reply = await ask(requests, policy, 1)
    assert len(rows(reply)) == 1
    assert "Times are UTC." in said(reply)
