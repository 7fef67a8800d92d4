"""What has to hold on PostgreSQL as well: several replicas share that."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.plan import Step
from tests.dispatch.world import AMIR, OLGA, SANA, World, buttons_of, opened, until


@pytest.fixture
async def running(postgres_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with opened(World(tmp_path, url=postgres_url, name=tmp_path.name)) as made:
        yield made


async def test_a_second_delivery_is_seen_as_one(running: World) -> None:
    request = running.request("/read")
    assert await running.requests.open(request, holder="one")
    assert not await running.requests.open(request, holder="two")


async def test_a_request_has_one_plan_and_a_person_one_vote(running: World) -> None:
    stored = await running.propose("/scale 5")
    async with running.database.transaction() as connection:
        assert not await running.plans.add(connection, replace(stored, id="another"))
    await running.click("cancel", stored.id, OLGA)


async def test_races_are_decided_by_the_database(running: World) -> None:
    for number in range(5):
        stored = await running.propose(f"/scale {number}")
        clicks = [running.click("deny", stored.id, actor, "no") for actor in (AMIR, SANA)]
        await asyncio.gather(*clicks, running.click("cancel", stored.id, OLGA))
        assert len(await running.plans.votes(stored.id)) == 1


async def test_a_plan_runs_to_its_end(running: World) -> None:
    stored = await running.propose("/scale 5")
    await running.click("approve", stored.id, AMIR)
    assert (await running.ended(stored.id)).status == "succeeded"
    assert buttons_of(await running.card(stored.id)) == ["undo"]
    assert await running.locks.held() == []
    await running.engine.start(stored.id)
    assert running.cluster.calls == ["scale", "restart"]


async def test_the_same_asked_for_at_once_is_one_plan(running: World) -> None:
    for number in range(5):
        asked = await asyncio.gather(*(running.say(f"/scale 1{number}", actor) for actor in (OLGA, SANA, AMIR)))
        made = [plan for plan in [await running.plans.of_request(one) for one in asked] if plan is not None]
        assert len(made) == 1
        await running.click("deny", made[0].id, SANA if made[0].requester == AMIR else AMIR, "enough")


async def test_who_ends_a_watching_at_the_moment_it_ends_by_itself(running: World) -> None:
    running.moods.extra = (Step(title="Watch", kind="wait", operation="cluster.watched", watches=True, interval=0.05),)
    stored = await running.propose("/scale 5")
    await running.click("approve", stored.id, AMIR)
    await running.shown(stored.id, "jobs that end fell")
    running.cluster.calm.set()
    await asyncio.gather(*(running.click("stop_watching", stored.id, actor) for actor in (OLGA, SANA, AMIR)))
    run = await running.ended(stored.id)
    assert run.status == "succeeded"
    assert {step.status for step in run.steps} <= {"done", "skipped"}

    async def has_noticed() -> bool:
        return stored.id not in running.engine._active

    await until(has_noticed)
    assert await running.runs.get(stored.id) == run
    assert await running.locks.held() == []
