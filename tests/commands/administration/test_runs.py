"""``/runs``: what ran, and one run step by step."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.errors import UserError
from bot.reply import Level, Reply
from bot.request import Actor
from bot.stores.database import Database
from bot.stores.plans import Plans, StoredPlan, Vote
from bot.stores.runs import Runs, StoredRun, StoredStep
from commands.administration.runs import runs as command
from tests.commands.said import line, said


async def ask(runs: Runs, plans: Plans, now: datetime, run_id: str = "") -> Reply:
    reply = await command.handler(run_id, runs=runs, plans=plans, now=now)
    assert isinstance(reply, Reply)
    return reply


@pytest.fixture
async def ran(
    database: Database, runs: Runs, plans: Plans, stored_plan: StoredPlan, now: datetime, approver: Actor
) -> str:
    started = now - timedelta(minutes=3)
    titles = ("Scale novapulse-worker to 5", "Wait for the rollout")
    steps = tuple(StoredStep(number, title, "waiting", "", 0, None, None) for number, title in enumerate(titles))
    target = stored_plan.plan.target
    run = StoredRun(stored_plan.id, target, "running", "", "bot-1", started, None, None, steps)
    async with database.transaction() as connection:
        await plans.add(connection, replace(stored_plan, status="started"))
        await plans.vote(connection, stored_plan.id, Vote(approver, "approve", "go", started))
        await runs.add(connection, run)
        await runs.begin_step(connection, run.id, 0, "bot-1", started)
        done = StoredStep(0, titles[0], "done", "2 to 5", 1, started, started + timedelta(seconds=2))
        await runs.end_step(connection, run.id, done)
    return run.id


async def test_nothing_has_run(runs: Runs, plans: Plans, now: datetime) -> None:
    assert (await ask(runs, plans, now)).title == "Nothing has run yet"


async def test_the_newest_runs(runs: Runs, plans: Plans, now: datetime, ran: str) -> None:
    shown = said(await ask(runs, plans, now))
    assert "Scale novapulse-worker from 2 to 5" in shown
    assert "running after 3 min" in shown
    assert ran in shown


async def test_one_run_with_its_steps(runs: Runs, plans: Plans, now: datetime, ran: str) -> None:
    reply = await ask(runs, plans, now, ran)
    assert reply.title == "Scale novapulse-worker from 2 to 5: running"
    assert line(reply, "1. Scale novapulse-worker to 5").value == "done after 2 s: 2 to 5"
    assert line(reply, "2. Wait for the rollout").value == "waiting"
    assert "approved by approver: go" in said(reply)
    assert "still running" in said(reply)


async def test_a_failed_run_says_why(database: Database, runs: Runs, plans: Plans, now: datetime, ran: str) -> None:
    async with database.transaction() as connection:
        await runs.finish(connection, ran, "failed", "the rollout stalled", now)
        await runs.undone(connection, ran, "other")
    reply = await ask(runs, plans, now, ran)
    assert reply.level is Level.CRITICAL
    assert "the rollout stalled" in said(reply)
    assert line(reply, "2. Wait for the rollout").value == "skipped"
    assert "Taken back by" in said(reply)
    assert "failed after 3 min, the rollout stalled" in said(await ask(runs, plans, now))


async def test_a_plan_that_never_ran_says_how_it_ended(
    database: Database, runs: Runs, plans: Plans, now: datetime, stored_plan: StoredPlan
) -> None:
    async with database.transaction() as connection:
        await plans.add(connection, replace(stored_plan, status="denied", reason="Not now."))
    with pytest.raises(UserError, match=r"has not run: it is denied, Not now\.$"):
        await ask(runs, plans, now, stored_plan.id)


async def test_an_unknown_run(runs: Runs, plans: Plans, now: datetime) -> None:
    with pytest.raises(UserError, match="There is no run “nothing”"):
        await ask(runs, plans, now, "nothing")


async def test_a_run_of_which_a_step_is_not_verified_is_not_green(
    runs: Runs, plans: Plans, database: Database, now: datetime, ran: str
) -> None:
    async with database.transaction() as connection:
        await runs.begin_step(connection, ran, 1, "bot-1", now)
        seen = StoredStep(1, "Wait for the rollout", "unverified", "not verified: email (plain lists)", 1, now, now)
        await runs.end_step(connection, ran, seen)
        await runs.finish(connection, ran, "succeeded", "", now)
    reply = await ask(runs, plans, now, ran)
    assert reply.title == "Scale novapulse-worker from 2 to 5: succeeded, step 2 not verified"
    assert reply.level == Level.UNKNOWN
    found = line(reply, "2. Wait for the rollout")
    assert (found.level, found.value) == (Level.UNKNOWN, "unverified after 0 s: not verified: email (plain lists)")
